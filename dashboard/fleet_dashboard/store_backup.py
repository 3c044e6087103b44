"""A consistent copy of a database that is in use, made in one read: commits go on meanwhile, and none is half in it.

VACUUM INTO and not SQLite's backup API: that one begins anew whenever somebody else has written, and here somebody
writes forty times a second. The results of rounds are files; the copy takes them along in a table of its own, so that
a backup is one file. A dashboard that finds this table leaves it alone.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path

ROUNDS = "CREATE TABLE backup_round(name TEXT PRIMARY KEY, document BLOB NOT NULL)"


def backup(source: Path, target: Path, rounds: Mapping[str, bytes]) -> None:
    """Write `target`, which must not exist; sqlite3.Error or OSError, and then it does not exist either. `rounds` are
    results by id."""
    try:
        with contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.execute("VACUUM INTO ?", (str(target),))
        with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as copy:
            copy.execute("BEGIN")
            copy.execute("DROP TABLE IF EXISTS backup_round")  # of a backup that was put in place by hand
            copy.execute(ROUNDS)
            copy.executemany("INSERT INTO backup_round VALUES(?, ?)", rounds.items())
            copy.execute("COMMIT")
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def take_rounds(copy: sqlite3.Connection) -> dict[str, bytes]:
    """The results in a backup, which has them no more; a backup of an older program has none."""
    if not copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'backup_round'").fetchone():
        return {}
    found = {str(name): bytes(document) for name, document in copy.execute("SELECT * FROM backup_round")}
    copy.execute("DROP TABLE backup_round")
    return found
