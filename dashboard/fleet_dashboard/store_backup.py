"""A consistent copy of a database that is in use, made in one read: commits go on meanwhile, and none is half in it.

VACUUM INTO and not SQLite's backup API: that one begins anew whenever somebody else has written, and here somebody
writes forty times a second.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path


def backup(source: Path, target: Path) -> None:
    """Write `target`, which must not exist; sqlite3.Error or OSError, and then it does not exist either."""
    try:
        with contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.execute("VACUUM INTO ?", (str(target),))
    except BaseException:
        target.unlink(missing_ok=True)
        raise
