"""The file of a whole class: packed, and unpacked with distrust, because it may come from anywhere.

A gzipped tar of plain files below the folder of the class; the first says what it is. Nothing here knows what is in
the others.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from fleet_tools.errors import FleetError

FIRST = "fleet-class.json"
SCHEMA = 1
MOST_FILES = 5000
MOST_BYTES = 64 << 30  # a bomb unpacks to more than any class has
PIECE = 1 << 20
# What may be in it, and so where: a file of the class, or a folder with what is below it.
FILES = ("class.json", "broker/dynamic-security.json", "data/fleet.db", "data/teacher-code", "data/tokens.json")
FOLDERS = ("credentials", "tls", "data/challenges")


class ArchiveError(FleetError):
    """One sentence; whatever was unpacked until then is of no use."""


def pack(target: Path, base: str, files: dict[str, Path]) -> None:
    """`files` are {name in the archive: file}. The target is whole or not there, and 0600: it holds all secrets."""
    new = target.with_name(f".{target.name}.new")
    head = json.dumps({"schema": SCHEMA, "base": base, "saved": int(time.time() * 1000)}).encode()
    try:
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as archive:
                archive.addfile(_entry(FIRST, len(head)), io.BytesIO(head))
                for name, path in sorted(files.items()):
                    with path.open("rb") as content:
                        archive.addfile(_entry(name, os.fstat(content.fileno()).st_size), content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(target)
    except OSError as error:
        raise FleetError(f"{error.filename or target} cannot be saved ({error.strerror or error})") from None
    finally:
        new.unlink(missing_ok=True)


def _entry(name: str, size: int) -> tarfile.TarInfo:
    """Nobody's name, nobody's number: it is for another computer."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, 0o600, int(time.time())
    return entry


def unpack(archive: Path, folder: Path) -> str:
    """The base of the class in it; its files are below `folder`, which is made. ArchiveError if anything is wrong."""
    try:
        folder.mkdir(mode=0o700)
        with tarfile.open(archive, "r:gz") as found:
            members = _members(found, archive)
            base = _head(found, next(members, None), archive)
            left = MOST_BYTES
            for member in members:
                left -= member.size
                if left < 0:
                    raise ArchiveError(f"{archive} is larger than any class: it is not unpacked")
                _write(found, member, folder / member.name)
    except FileNotFoundError:
        raise ArchiveError(f"there is no file {archive}") from None
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ArchiveError(f"{archive} is damaged, or no class at all ({error})") from None
    except OSError as error:
        raise ArchiveError(f"{archive} cannot be unpacked ({error.strerror or error})") from None
    return base


def _members(found: tarfile.TarFile, archive: Path) -> Iterator[tarfile.TarInfo]:
    """Each a plain file, once, and in its place."""
    seen = set()
    for number, member in enumerate(found):
        if number >= MOST_FILES:
            raise ArchiveError(f"{archive} holds more than {MOST_FILES} files: it is no class")
        name = member.name
        if not member.isreg() or not (number == 0 or is_ours(name)) or name in seen:
            raise ArchiveError(f"{archive} holds {name!r}, which is no file of a class: it is not unpacked")
        seen.add(name)
        yield member


def is_ours(name: str) -> bool:
    """A name that `pack` is given: relative, without `..`, in a place where a class has files."""
    path = PurePosixPath(name)
    if name != str(path) or path.is_absolute() or ".." in path.parts or "\\" in name or not name.isprintable():
        return False
    return name in FILES or any(folder in map(str, path.parents) for folder in FOLDERS)


def _head(found: tarfile.TarFile, member: tarfile.TarInfo | None, archive: Path) -> str:
    head: Any = None
    if member is not None and member.name == FIRST and member.size < 10_000:
        content = found.extractfile(member)
        try:
            head = json.load(content) if content else None
        except ValueError:
            head = None
    if not isinstance(head, dict) or not isinstance(head.get("base"), str) or not isinstance(head.get("schema"), int):
        raise ArchiveError(f"{archive} is not a class that `fleet class save` wrote")
    if head["schema"] > SCHEMA:
        raise ArchiveError(f"{archive} was saved by a newer fleet: update this one")
    return str(head["base"])


def _write(found: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    for missing in reversed([one for one in path.parents if not one.exists()]):
        missing.mkdir(mode=0o700)
    content = found.extractfile(member)
    assert content is not None, "it is a plain file"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while piece := content.read(PIECE):
            file.write(piece)
