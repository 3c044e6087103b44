"""What is written to the database, statement by statement, and the thread's side of a commit."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any

from fleet_dashboard import account, store_happenings, store_roll
from fleet_dashboard.schema import COLUMNS, MIGRATIONS

Rows = dict[str, list[tuple[Any, ...]]]


class StoreError(Exception):
    """The database cannot be used; one sentence."""


NODE = "INSERT OR IGNORE INTO node(id, name) VALUES(?, ?)"
SENSOR = (  # fields may have grown
    "INSERT INTO sensor(id, node, name, fields) VALUES(?, ?, ?, ?) ON CONFLICT DO UPDATE SET fields = excluded.fields"
)
BOOT = "INSERT OR IGNORE INTO boot(id, node, boot, seen_ms, timed) VALUES(?, ?, ?, ?, 0)"
EVENT = "INSERT OR IGNORE INTO event(id, node, input, type, n, up, ts) VALUES(?, ?, ?, ?, ?, ?, ?)"
LOG = "INSERT INTO log(boot, node, level, msg, tb, ts) VALUES(?, ?, ?, ?, ?, ?)"
META = "UPDATE node SET meta = ?2, shown = ?2 IS NOT NULL WHERE id = ?1"
PROGRESS = "UPDATE boot SET boot_ms = ?2, seen_ms = ?3, timed = ?4, up_ms = ?5 WHERE id = ?1"
ACCOUNT = f"UPDATE boot SET {', '.join(f'{name} = ?' for name in account.COLUMNS)} WHERE id = ?"
_LATER = "id BETWEEN ?1 AND ?2 AND ts > max(up + ?3, ?4)"
_ELSEWHERE = "id BETWEEN ?1 AND ?2 AND ts <> up + ?3"
RETIME = f"UPDATE sample SET ts = up + ?3 WHERE {_LATER}"
RETIME_EVENTS = RETIME.replace("sample", "event")
PLACE = f"UPDATE sample SET ts = up + ?3 WHERE {_ELSEWHERE}"
PLACE_EVENTS = PLACE.replace("sample", "event")
MARKS = {  # of the minutes that they touch, before they touch them
    RETIME: store_roll.MARK_MOVED.format(moved=_LATER),
    PLACE: store_roll.MARK_MOVED.format(moved=_ELSEWHERE),
}
SAMPLES = {
    width: f"INSERT OR IGNORE INTO sample(id, sensor, up, ts, {', '.join(f'v{i}' for i in range(width))}) "
    f"VALUES({', '.join('?' * (width + 4))})"
    for width in range(1, COLUMNS + 1)
}
READINGS = (*SAMPLES.values(), EVENT)
# In this order, so that rows never point to what is not there yet.
ORDER = (
    *(NODE, SENSOR, BOOT, *READINGS, LOG, META, ACCOUNT, PROGRESS, RETIME, RETIME_EVENTS, PLACE, PLACE_EVENTS),
    *(store_happenings.WRITE, store_happenings.MOVE),
)


def connect(path: Any) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("PRAGMA cache_size = -16000")  # KiB
    database.execute("PRAGMA busy_timeout = 5000")
    return database


def refuse_newer(path: Path) -> None:
    """StoreError if the database is of a newer program than this: asked before anything is written to it."""
    if not path.exists():
        return
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise StoreError(
            f"the database has schema {version}, this program knows {len(MIGRATIONS)}: use a newer program"
        )


def migrate(database: sqlite3.Connection) -> None:
    """Bring the schema to the newest version, one transaction a step."""
    version = database.execute("PRAGMA user_version").fetchone()[0]
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        database.executescript(f"BEGIN; {script}; PRAGMA user_version = {number}; COMMIT;")


def write(database: sqlite3.Connection, rows: Rows, durable: bool, marked: store_roll.Marks | None = None) -> int:
    """One transaction; how many samples and events were new. `durable`: it, and all before it, is on the disk when
    this returns (SQLite syncs the write-ahead log as a whole). `marked` is what store_roll.roll has still to do."""
    marked = set() if marked is None else marked
    touched = set().union(*(store_roll.minutes_of(rows[one]) for one in SAMPLES.values() if one in rows))
    stored = 0
    if durable:
        database.execute("PRAGMA synchronous = FULL")
    database.execute("BEGIN")
    try:
        if not touched <= marked:
            database.executemany(store_roll.MARK, touched - marked)
        for statement in ORDER:
            if statement in rows:
                if statement in MARKS:
                    database.executemany(MARKS[statement], rows[statement])
                changed = database.executemany(statement, rows[statement]).rowcount
                stored += changed if statement in READINGS else 0
        if durable:
            database.execute("UPDATE about SET durable_ms = ?", (time.time_ns() // 1_000_000,))
        database.execute("COMMIT")
    except sqlite3.Error:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
    finally:
        if durable:
            database.execute("PRAGMA synchronous = NORMAL")
    marked |= touched
    return stored
