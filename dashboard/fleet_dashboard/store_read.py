"""What is asked of the database. Each function is called with the connection of the thread that it runs in."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from fleet_dashboard import account
from fleet_dashboard.account import Account, Figures

QUERY_S = 5.0  # a query that takes longer than this is given up
SHOWN_RANGES = 20


@dataclass
class SensorInfo:
    id: int
    fields: tuple[str, ...]


@dataclass
class KnownBoot:
    """A boot as the database has it. Times are UTC ms; `boot_ms` is None if it was never placed."""

    id: int
    boot: str
    boot_ms: int | None
    seen_ms: int
    timed: bool
    up_ms: int
    account: Account


@dataclass
class KnownNode:
    """What the database remembers of a node: for a quick restart. Times are UTC ms."""

    name: str
    meta: dict[str, Any] | None
    presses: int
    boots: list[KnownBoot] = field(default_factory=list)  # the newest, in the order in which they were last seen
    rest: Figures = field(default_factory=Figures)  # of all others
    values: dict[str, dict[str, float | None]] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    shown: dict[str, tuple[int, int]] = field(default_factory=dict)  # (id of the boot, seq) of these values


_BOOT = f"SELECT id, boot, boot_ms, coalesce(seen_ms, 0), timed, up_ms, {', '.join(account.COLUMNS)} FROM boot"


def _boot(row: tuple[Any, ...]) -> KnownBoot:
    number, name, boot_ms, seen_ms, timed, up_ms = row[:6]
    return KnownBoot(number, name, boot_ms, seen_ms, bool(timed), up_ms, Account.from_row(row[6:]))


def boot(database: sqlite3.Connection, node: int, name: str) -> KnownBoot | None:
    row = database.execute(f"{_BOOT} WHERE node = ? AND boot = ?", (node, name)).fetchone()
    return None if row is None else _boot(row)


def boots_with_holes(database: sqlite3.Connection, node: int, most: int) -> list[str]:
    """The names of the oldest boots of which something is missing."""
    found = "SELECT boot FROM boot WHERE node = ? AND n_missing > 0 ORDER BY id LIMIT ?"
    return [row[0] for row in database.execute(found, (node, most))]


def totals(database: sqlite3.Connection, node: int, without: Iterable[int] = ()) -> Figures:
    """Of all boots of a node of which it can be told, but those with these ids."""
    sums = (
        "SELECT coalesce(sum(n_missing), 0), coalesce(sum(gone_high - drop_high), 0), "
        "coalesce(sum(drop_low + drop_high), 0) FROM boot WHERE node = ? AND counted IS NOT 0 "
        "AND id NOT IN (SELECT value FROM json_each(?))"
    )
    return Figures(*database.execute(sums, (node, json.dumps(list(without)))).fetchone())


def is_stored(database: sqlite3.Connection, number: int) -> bool:
    """Is there a reading with this id (boot << 32 | seq), or was there one before it expired? Below a number that
    has expired this cannot be told any more; what comes then is as old, and is not taken again."""
    found = (
        "SELECT EXISTS (SELECT 1 FROM sample WHERE id = ?1) OR EXISTS (SELECT 1 FROM event WHERE id = ?1) "
        f"OR EXISTS (SELECT 1 FROM boot WHERE id = ?1 >> 32 AND expired_seq >= ?1 & {account.MAX_SEQ})"
    )
    return bool(database.execute(found, (number,)).fetchone()[0])


def known_nodes(database: sqlite3.Connection, since_ms: int, boots: int) -> list[KnownNode]:
    """Those that are shown and were seen since then, each with so many boots."""
    shown = "SELECT id, name, meta FROM node WHERE shown AND id IN (SELECT node FROM boot WHERE seen_ms > ?)"
    return [_known(database, boots, *row) for row in database.execute(shown, (since_ms,)).fetchall()]


def _known(database: sqlite3.Connection, boots: int, number: int, name: str, meta: str | None) -> KnownNode:
    presses = (
        "SELECT presses + (SELECT count(*) FROM event WHERE node = node.id AND type = 'press') FROM node WHERE id = ?"
    )
    known = KnownNode(name, json.loads(meta) if meta else None, database.execute(presses, (number,)).fetchone()[0])
    newest = f"{_BOOT} WHERE node = ? ORDER BY coalesce(seen_ms, 0) DESC, id DESC LIMIT ?"
    known.boots = [_boot(row) for row in database.execute(newest, (number, boots)).fetchall()[::-1]]
    known.rest = totals(database, number, [one.id for one in known.boots])
    sensors = "SELECT id, name, fields FROM sensor WHERE node = ?"
    for sensor_id, sensor, fields in database.execute(sensors, (number,)).fetchall():
        last = "SELECT * FROM sample WHERE sensor = ? ORDER BY ts DESC, id DESC LIMIT 1"
        row = database.execute(last, (sensor_id,)).fetchone()
        if row is not None:
            known.times[sensor] = row[3]
            known.values[sensor] = dict(zip(json.loads(fields), row[4:], strict=False))
            known.shown[sensor] = row[0] >> 32, row[0] & account.MAX_SEQ
    return known


def limited(database: sqlite3.Connection, seconds: float = QUERY_S) -> None:
    """What this connection is asked next is given up (sqlite3.Error) after so long."""
    deadline = time.monotonic() + seconds
    database.set_progress_handler(lambda: time.monotonic() > deadline, 100_000)


def recent(database: sqlite3.Connection, number: int, node: str, count: int) -> dict[str, list[dict[str, Any]]]:
    """{"events": [..], "logs": [..]} of a node, newest first."""
    limited(database)
    events = "SELECT input, type, n, ts FROM event WHERE node = ? ORDER BY ts DESC LIMIT ?"
    logs = "SELECT level, msg, tb, ts FROM log WHERE node = ? ORDER BY ts DESC LIMIT ?"
    return {
        "events": [
            {"node": node, "input": name, "type": kind, "n": n, "t": ts}
            for name, kind, n, ts in database.execute(events, (number, count))
        ],
        "logs": [
            {"level": level, "msg": msg, "tb": tb, "t": ts}
            for level, msg, tb, ts in database.execute(logs, (number, count))
        ],
    }


def delivery(
    database: sqlite3.Connection, node: int | None, since_ms: int, most: int
) -> dict[int, list[dict[str, Any]]]:
    """{node: its boots, newest first}, of one node or of all: each account, and how many rows there really are.
    Account and rows are of one moment, since they are written together and read together."""
    limited(database)
    newest = (
        f"{_BOOT} WHERE (node = ?1 OR ?1 IS NULL) AND coalesce(seen_ms, 0) >= ?2 "
        "ORDER BY coalesce(boot_ms, seen_ms, 0) DESC, id DESC LIMIT ?3"
    )
    found: dict[int, list[dict[str, Any]]] = {}
    database.execute("BEGIN")
    try:
        for row in database.execute(newest.replace("SELECT", "SELECT node,", 1), (node, since_ms, most)).fetchall():
            found.setdefault(row[0], []).append(_report(database, _boot(row[1:])))
    finally:
        database.execute("ROLLBACK")
    return found


def _report(database: sqlite3.Connection, known: KnownBoot) -> dict[str, Any]:
    count = " + ".join(f"(SELECT count(*) FROM {table} WHERE id BETWEEN ?1 AND ?2)" for table in ("sample", "event"))
    book = known.account
    expired = database.execute("SELECT expired FROM boot WHERE id = ?", (known.id,)).fetchone()[0]
    return {
        "boot": known.boot,
        "seen": known.seen_ms,
        "taken": book.next,
        "stored": database.execute(f"SELECT {count}", (known.id << 32, known.id << 32 | account.MAX_SEQ)).fetchone()[0],
        "expired": expired,
        "missing": book.missing.count,
        "ranges": [list(span) for span in book.missing][:SHOWN_RANGES],
        "twice": book.twice,
        "dropped": book.dropped,
        "gone": book.lost,
        "before": book.before,
        "timed": known.timed,
        "counted": book.counted is not False,
    }
