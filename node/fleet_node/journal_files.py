"""The files of the journal, "<number>.j". Each line carries its checksum, so that half a line is not taken for one."""

import binascii
import os

LONGEST = 2048  # of a line: more than any payload


def numbers(folder):
    """Of all files in `folder`, ascending. It is made if it is not there; OSError if that cannot be."""
    try:
        os.mkdir(folder)
    except OSError:
        pass  # it is there, or listdir says what is wrong
    return sorted({int(name[:-2]) for name in os.listdir(folder) if name[-2:] == ".j" and name[:-2].isdigit()})


def path(folder, number):
    return folder + "/" + str(number) + ".j"


def remove(folder, number):
    try:
        os.remove(path(folder, number))
    except OSError:
        pass  # it comes back at the next start, and is settled again


def line(body):
    return b"%08x %s\n" % (binascii.crc32(body), body)


def read(folder, number):
    """([word, word, rest] of each line, bytes so far), up to the first that is not whole or cannot be read."""
    size = 0
    try:
        with open(path(folder, number), "rb") as file:
            while True:
                raw = file.readline(LONGEST)
                body = raw[9:-1]
                if raw[-1:] != b"\n" or raw[:8] != b"%08x" % binascii.crc32(body):
                    return
                size += len(raw)
                yield body.split(b" ", 2), size
    except OSError:
        pass
