"""The rows of `happening`: written with the commits, read a page at a time, bounded by age and by number."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from fleet_dashboard.store_read import limited

MAX_ROWS = 100_000  # of them all: about 20 MB; what is older goes, whatever the retention says
SLICE_ROWS = 1000
MAX_PAGE = 500
COLUMNS = ("id", "ts", "until", "n", "node", "kind", "word", "about", "state", "boot", "text")
WRITE = (  # one that stands for several is written again
    f"INSERT INTO happening({', '.join(COLUMNS)}) VALUES({', '.join('?' * len(COLUMNS))}) ON CONFLICT(id) DO UPDATE "
    "SET " + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[2:])
)
MOVE = "UPDATE happening SET ts = ts + ?3, until = until + ?3 WHERE id BETWEEN ?1 AND ?2"
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM happening"
_END = 1 << 62

Record = dict[str, Any]


def page(
    database: sqlite3.Connection,
    span: tuple[int, int],
    nodes: Sequence[str] | None,
    kinds: Sequence[str] | None,
    before: tuple[int, int] | None,
    limit: int,
) -> list[Record]:
    """At most `limit` of UTC start <= ts < end, newest first; `before` is (ts, id) of the last one of the page that
    came first. `nodes` and `kinds`: only these."""
    limited(database)
    ts, number = before or (_END, 0)
    query = f"{_SELECT} WHERE ts >= ? AND ts < ? AND ts <= ? AND (ts < ? OR id < ?)"
    values: list[Any] = [*span, ts, ts, number]
    for column, wanted in (("node", nodes), ("kind", kinds)):
        if wanted is not None:
            query += f" AND {column} IN (SELECT value FROM json_each(?))"
            values.append(json.dumps(list(wanted)))
    found = database.execute(f"{query} ORDER BY ts DESC, id DESC LIMIT ?", (*values, limit))
    return [record(row) for row in found]


def record(row: Sequence[Any]) -> Record:
    """A row as the API shows it."""
    shown = dict(zip(COLUMNS, row, strict=True))
    shown["t"] = shown.pop("ts")
    return shown


def newest(database: sqlite3.Connection) -> tuple[list[tuple[str, str, str]], int | None]:
    """([(node, state, boot)] as last noted, when an earlier process was last there if it did not say goodbye)."""
    states = (
        "SELECT node.name, last.state, last.boot FROM node JOIN happening AS last ON last.id = ("
        "SELECT id FROM happening WHERE node = node.name AND state IS NOT NULL ORDER BY ts DESC, id DESC LIMIT 1)"
    )
    host = "SELECT word FROM happening WHERE kind = 'host' AND word IN ('started', 'stopped') ORDER BY ts DESC, id DESC"
    row = database.execute(f"{host} LIMIT 1").fetchone()
    seen = (
        "SELECT max(coalesce((SELECT max(seen_ms) FROM boot), 0), coalesce((SELECT max(until) FROM ("
        "SELECT until FROM happening ORDER BY ts DESC LIMIT 100)), 0))"
    )
    ended = database.execute(seen).fetchone()[0] if row == ("started",) else None
    return database.execute(states).fetchall(), ended


def expire(database: sqlite3.Connection, end: int | None) -> bool:
    """One slice of what is older than `end` (UTC ms) or too much, within the caller's transaction. True if there may be
    more. The last state of each node stays, whatever its age: it holds until today."""
    oldest = "SELECT ts FROM happening ORDER BY ts DESC LIMIT 1 OFFSET ?"
    row = database.execute(oldest, (MAX_ROWS - 1,)).fetchone()
    until = max(-_END if end is None else end, row[0] if row else -_END)
    if until == -_END:
        return False
    old = (
        "SELECT id FROM happening AS old WHERE ts < ? AND (state IS NULL OR EXISTS ("
        "SELECT 1 FROM happening WHERE node = old.node AND state IS NOT NULL AND (ts, id) > (old.ts, old.id))) "
        "ORDER BY ts LIMIT ?"
    )
    return database.execute(f"DELETE FROM happening WHERE id IN ({old})", (until, SLICE_ROWS)).rowcount == SLICE_ROWS
