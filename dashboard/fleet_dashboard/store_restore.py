"""A backup becomes the database of a dashboard: looked at first, put in place whole, and what was there is kept.

At every moment there is a database of that name, the old one or the restored one. It keeps the *instance* of the
folder, by which the broker knows its session: a backup that is restored elsewhere while the original lives on gets a
new one, or each would push the other out of its session for ever.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from fleet_dashboard import results, store_backup
from fleet_dashboard.schema import MIGRATIONS
from fleet_dashboard.store_write import StoreError

TABLES = {"about", "node", "boot", "sensor", "sample", "event", "log"}
BESIDE = ("-wal", "-shm")
MAGIC = b"SQLite format 3\0"


@dataclass
class Restored:
    nodes: int
    readings: int
    events: int
    newest: int | None  # UTC ms of the newest reading or event
    schema: int
    rounds: int  # results that were not there yet
    kept: Path | None  # where the database is that was there


def restore(backup: Path, target: Path, stamp: str) -> Restored:
    """Put a copy of `backup` in the place of `target`; the caller holds the folder. `stamp` names what is kept.
    StoreError with one sentence, and then nothing has changed; OSError of a disk that is full likewise."""
    if not backup.is_file():
        raise StoreError(f"there is no file {backup}")
    wal = beside(backup, "-wal")
    if wal.exists() and wal.stat().st_size:
        raise StoreError(f"{backup} is a database in use, not a backup; make one of it with `fleet backup`")
    if target.exists() and target.samefile(backup):
        raise StoreError(f"{backup} is the database itself")
    target.parent.mkdir(parents=True, exist_ok=True)
    copy = target.with_name(f".restore-{secrets.token_hex(4)}.db")
    try:
        shutil.copyfile(backup, copy)
        found, rounds = _prepare(copy, backup, target)
        _sync(copy)
        found.kept = _swap(copy, target, stamp)
    finally:
        for path in (copy, *(beside(copy, end) for end in ("-journal", *BESIDE))):
            path.unlink(missing_ok=True)
    _sync(target.parent)
    found.rounds = results.add_files(target.with_name("rounds"), rounds)
    return found


def _prepare(copy: Path, backup: Path, target: Path) -> tuple[Restored, dict[str, bytes]]:
    """Is it ours, whole, and of no newer program? Then it gets its instance, and gives the results it brings."""
    try:
        with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as database:
            found = _look(database, backup)
            rounds = store_backup.take_rounds(database)
            instance = _instance_of(target) or secrets.token_hex(4)
            database.execute("UPDATE about SET instance = ?", (instance,))
            return found, rounds
    except sqlite3.OperationalError as error:
        raise StoreError(f"the copy of {backup} cannot be made ready ({error})") from None
    except sqlite3.DatabaseError:
        raise StoreError(f"{backup} is damaged, or no database at all") from None


def _look(database: sqlite3.Connection, backup: Path) -> Restored:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables >= TABLES or version < 1:
        raise StoreError(f"{backup} is not a backup of a Sensor Fleet dashboard")
    if version > len(MIGRATIONS):
        raise StoreError(f"{backup} has schema {version}, this program knows {len(MIGRATIONS)}: use a newer program")
    faults = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if faults != "ok":
        raise StoreError(f"{backup} is damaged ({faults}); take an older backup")
    count = "SELECT (SELECT count(*) FROM node), (SELECT count(*) FROM sample), (SELECT count(*) FROM event)"
    newest = "SELECT max(ts) FROM (SELECT max(ts) AS ts FROM sample UNION ALL SELECT max(ts) FROM event)"
    nodes, readings, events = database.execute(count).fetchone()
    return Restored(nodes, readings, events, database.execute(newest).fetchone()[0], version, 0, None)


def _instance_of(target: Path) -> str | None:
    """Of the database that is replaced; None if there is none that can be read."""
    if not _is_database(target):
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"{target.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return str(database.execute("SELECT instance FROM about").fetchone()[0])
    except (sqlite3.Error, TypeError):
        return None


def _swap(copy: Path, target: Path, stamp: str) -> Path | None:
    kept = target.with_name(f"{target.name}.{stamp}")
    was_there = target.exists()
    if _is_database(target):
        _let_go(target)
    for end in BESIDE:  # of a broken database, or of one that somebody deleted: they would be played into ours
        if beside(target, end).exists():
            beside(target, end).replace(beside(kept, end))
    if was_there:
        try:
            os.link(target, kept)  # not a move: there is a database of that name all the time
        except OSError:  # a file system without links
            target.replace(kept)
    copy.replace(target)
    return kept if was_there else None


def _is_database(path: Path) -> bool:
    """By its first bytes: SQLite would throw away the log of a file that is none."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _let_go(target: Path) -> None:
    """Make one file of the old database and its write-ahead log. Whoever has it open hinders that, also a dashboard
    that is too old to hold the folder. A broken one stays as it is."""
    try:
        with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as old:
            old.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        raise StoreError(f"{target} is in use ({error}); stop the dashboard first") from None
    except sqlite3.DatabaseError:
        return


def beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
