"""Readings and events for other programs, a page at a time: memory and time are those of one page, whatever is asked.

Each page is a question of its own, since one that stayed open for as long as somebody downloads would keep the
write-ahead log from ever being emptied. Pages follow each other by (time, id) within a sensor or a node.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fleet_dashboard.account import MAX_SEQ
from fleet_dashboard.store_read import limited

PAGE = 2000
READINGS = ("time", "node", "sensor", "field", "value", "boot", "seq", "up", "exact")
EVENTS = ("time", "node", "input", "type", "n", "boot", "seq", "up", "exact")
START = (-(1 << 62), 0)

Record = tuple[Any, ...]


@dataclass(frozen=True)
class Series:
    """What is read in one go: the rows of a sensor, or with `sensor` None the events of a node."""

    node: int
    name: str  # of the node
    sensor: int | None = None
    sensor_name: str = ""


@dataclass
class Page:
    """Records in the order of READINGS or EVENTS, `time` in UTC ms. `after` leads to the next page, None: no more."""

    records: list[Record]
    after: tuple[int, int] | None


def series_of(database: sqlite3.Connection, kind: str, node: str | None, sensor: str | None) -> list[Series]:
    """What there is of kind "readings" or "events", of one node and sensor or of all."""
    limited(database)
    nodes = "SELECT id, name FROM node WHERE name = ?1 OR ?1 IS NULL ORDER BY name"
    found = database.execute(nodes, (node,)).fetchall()
    if kind == "events":
        return [Series(number, name) for number, name in found]
    sensors = "SELECT id, name FROM sensor WHERE node = ?1 AND (name = ?2 OR ?2 IS NULL) ORDER BY name"
    return [Series(number, name, *one) for number, name in found for one in database.execute(sensors, (number, sensor))]


def page(database: sqlite3.Connection, of: Series, start: int, end: int, after: tuple[int, int]) -> Page:
    """The next PAGE rows of UTC start <= time < end behind (time, id) `after`; START is before all."""
    limited(database)
    span = (max(start, after[0]), end, *after, PAGE)
    within = "ts >= ? AND ts < ? AND (ts, id) > (?, ?) ORDER BY ts, id LIMIT ?"
    if of.sensor is None:
        query = f"SELECT ts, id, up, input, type, n FROM event WHERE node = ? AND {within}"
        rows = database.execute(query, (of.node, *span)).fetchall()
        records = list(_events(of, rows, _boots(database, of.node)))
    else:
        about = database.execute("SELECT fields FROM sensor WHERE id = ?", (of.sensor,)).fetchone()
        fields = json.loads(about[0])
        columns = ", ".join(f"v{place}" for place in range(len(fields)))
        query = f"SELECT ts, id, up, {columns} FROM sample WHERE sensor = ? AND {within}"
        rows = database.execute(query, (of.sensor, *span)).fetchall()
        records = list(_readings(of, rows, fields, _boots(database, of.node)))
    return Page(records, (rows[-1][0], rows[-1][1]) if len(rows) == PAGE else None)


def _boots(database: sqlite3.Connection, node: int) -> dict[int, tuple[str, bool]]:
    """{id: (name, are its times exact)}"""
    rows = database.execute("SELECT id, boot, timed FROM boot WHERE node = ?", (node,))
    return {number: (name, bool(timed)) for number, name, timed in rows}


def _readings(
    of: Series, rows: list[Record], fields: list[str], boots: dict[int, tuple[str, bool]]
) -> Iterator[Record]:
    """A record for each field, also for one that could not be read."""
    for ts, number, up, *values in rows:
        boot, exact = boots.get(number >> 32, ("", False))
        for field, value in zip(fields, values, strict=True):
            yield ts, of.name, of.sensor_name, field, value, boot, number & MAX_SEQ, up, exact


def _events(of: Series, rows: list[Record], boots: dict[int, tuple[str, bool]]) -> Iterator[Record]:
    for ts, number, up, name, kind, n in rows:
        boot, exact = boots.get(number >> 32, ("", False))
        yield ts, of.name, name, kind, n, boot, number & MAX_SEQ, up, exact
