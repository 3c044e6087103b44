"""The data folder belongs to one process at a time: a second dashboard, or a restore under a running one, is refused.

The lock is the system's (flock), so it ends with its process, however that ends; the file that stays behind means
nothing. Where the file system knows no locks there are none.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
from collections.abc import Iterator
from pathlib import Path

NAME = "fleet.lock"


class InUse(Exception):
    """One sentence."""


@contextlib.contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Hold the folder, made if absent. InUse if another process does; a folder that cannot be written is for the
    database to complain about."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / NAME).open("ab")
    except OSError:
        yield
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                raise InUse(f"a dashboard is using {folder}; stop it first, or choose another folder") from None
        yield
