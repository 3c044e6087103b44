"""A small JSON document that survives a power cut at any moment. Owns two files that are written in turn.

The one that is written is never the one that counts, so a cut leaves the old document or the new one. Writing a new
file and renaming it would do the same on littlefs; on FAT a cut in a rename can leave two names for one file.
"""

import binascii
import json

FULL = (28, 13)  # ENOSPC; EACCES is what FAT says when its folder is full


class Slots:
    def __init__(self, path):
        self._paths = (path + ".a", path + ".b")
        self._number = 0  # of the document that counts; its last bit is the slot in which it lies
        self.damaged = False  # something was saved, and nothing of it can be read

    def load(self):
        """The document that was saved last, or None if there is none that is whole."""
        self._number, document = 0, None
        for path in self._paths:
            try:
                with open(path, "rb") as file:
                    number, found = _parse(file.read())
            except OSError:
                continue  # not there
            except ValueError:
                self.damaged = True  # cut while it was written
                continue
            if number > self._number:
                self._number, document = number, found
        self.damaged = self.damaged and document is None
        return document

    def save(self, document):
        """OSError if it cannot be written; then the one before still counts."""
        number = self._number + 1
        body = b"%d %s" % (number, json.dumps(document).encode())
        with open(self._paths[number & 1], "wb") as file:
            file.write(b"%08x %s" % (binascii.crc32(body), body))
        self._number = number


def _parse(raw):
    """(number, document); ValueError if this is not what was written."""
    if int(raw[:8], 16) != binascii.crc32(raw[9:]):
        raise ValueError
    number, body = raw[9:].split(b" ", 1)
    return int(number), json.loads(body)
