"""The files of a program slot, a block at a time, so that a small heap does and the node goes on with its work."""

import asyncio
import binascii
import errno
import hashlib
import os

MANIFEST = "manifest"
BLOCK = 512  # bytes
ENOSPC = 28  # not a name in `errno` of every port
FOLDER = 0x4000  # in the second column of os.ilistdir


async def holds(path, digest):
    """Is there a file of this SHA-256?"""
    done, block = hashlib.sha256(), bytearray(BLOCK)
    view = memoryview(block)
    try:
        with open(path, "rb") as file:  # noqa: ASYNC230
            while True:
                size = file.readinto(block)
                if not size:
                    break
                done.update(view[:size])
                await asyncio.sleep_ms(0)
    except OSError:
        return False
    return binascii.hexlify(done.digest()).decode() == digest


async def copy(old, new):
    make_folders(new)
    with open(old, "rb") as source, open(new, "wb") as file:  # noqa: ASYNC230
        while True:
            data = source.read(BLOCK)
            if not data:
                return
            file.write(data)
            await asyncio.sleep_ms(0)


def make_folders(path):
    """Every folder above this file."""
    parts = path.split("/")[:-1]
    for number in range(1, len(parts) + 1):
        folder = "/".join(parts[:number])
        try:
            if folder:
                os.mkdir(folder)
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise


async def prune(slot):
    """Remove what the manifest of this slot (its path ends in /) does not name."""
    await _walk(slot[:-1], len(slot), slot + MANIFEST)


async def empty(folder):
    """Remove all that is in it."""
    await _walk(folder, 0, None)


async def _walk(folder, start, manifest):
    try:
        found = [(row[0], row[1]) for row in os.ilistdir(folder)]
    except OSError:
        return  # there is no such folder
    for name, kind in found:
        path = folder + "/" + name
        if kind == FOLDER:
            await _walk(path, start, manifest)
        elif not manifest or (path != manifest and not _names(manifest, path[start:])):
            os.remove(path)
        await asyncio.sleep_ms(0)


def _names(manifest, path):
    """Read from flash for each file: a set of all paths would be kilobytes of RAM."""
    with open(manifest) as lines:
        for line in lines:
            if line.split()[2:] == [path]:
                return True
    return False


def fault(error):
    return "the flash is full" if error.errno == ENOSPC else "the flash cannot be written: " + str(error)
