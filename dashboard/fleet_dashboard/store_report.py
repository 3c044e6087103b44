"""What a lesson came to, node by node: counts, and least, mean and most of each field, from the rollups.

A node is a question of its own, so that charts of others come in between. The span is in whole minutes, so that sums
by the minute are exact; where those have expired, whole hours are taken and the answer says so.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from typing import Any

from fleet_dashboard import store_series
from fleet_dashboard.store_read import limited
from fleet_dashboard.store_roll import HOUR, MINUTE, WIDTH

HERE = ("online", "silent", "sleeping")
MOST_ALERTS = 200
_HOST = "kind = 'host' AND word IN ('started', 'stopped', 'died')"


@dataclass
class FieldFigures:
    name: str
    n: int
    low: float
    high: float
    mean: float | None  # None: the sum is no number


@dataclass
class SensorFigures:
    name: str
    readings: int
    coarse: bool  # of whole hours
    fields: list[FieldFigures] = field(default_factory=list)


@dataclass
class NodeFigures:
    """`missing`, `gone` and `dropped` are of the whole lives of the boots that spoke in the span; `counted` is False
    if one of them cannot be told about (contract 1.0)."""

    name: str
    meta: dict[str, Any] | None
    boots: int = 0
    missing: int = 0
    gone: int = 0
    dropped: int = 0
    counted: bool = True
    online_ms: int | None = 0  # connected, as far as the dashboard was there to see it; None: nothing is known
    starts: int = 0  # as far as it saw them
    events: list[tuple[str, str, int]] = field(default_factory=list)  # (input, type, how many)
    sensors: list[SensorFigures] = field(default_factory=list)


def node_numbers(database: sqlite3.Connection) -> list[int]:
    """Of all nodes that there ever were, by name."""
    limited(database)
    return [row[0] for row in database.execute("SELECT id FROM node ORDER BY name")]


def node(database: sqlite3.Connection, number: int, start: int, end: int, now: int) -> NodeFigures | None:
    """What a node did within UTC start <= t < end (whole minutes) as of `now`; None if it did nothing."""
    limited(database)
    database.execute("BEGIN")  # accounts, rows and rollups of one moment
    try:
        name, meta = database.execute("SELECT name, meta FROM node WHERE id = ?", (number,)).fetchone()
        found = NodeFigures(name, json.loads(meta) if meta else None)
        accounts = (
            "SELECT count(*), coalesce(sum(n_missing), 0), coalesce(sum(gone_high - drop_high), 0), "
            "coalesce(sum(drop_low + drop_high), 0), coalesce(min(counted IS NOT 0), 1) FROM boot "
            "WHERE node = ? AND coalesce(seen_ms, 0) >= ? AND coalesce(boot_ms, seen_ms, 0) < ?"
        )
        row = database.execute(accounts, (number, start, end)).fetchone()
        found.boots, found.missing, found.gone, found.dropped = row[:4]
        found.counted = bool(row[4])
        found.online_ms = _online(database, name, start, min(end, now))
        starts = "SELECT count(*) FROM happening WHERE node = ? AND kind = 'birth' AND ts >= ? AND ts < ?"
        found.starts = database.execute(starts, (name, start, end)).fetchone()[0]
        events = (
            "SELECT input, type, count(*) FROM event WHERE node = ? AND ts >= ? AND ts < ? "
            "GROUP BY input, type ORDER BY input, type"
        )
        found.events = database.execute(events, (number, start, end)).fetchall()
        sensors = "SELECT id, name, fields, raw_from, minutes_from FROM sensor WHERE node = ? ORDER BY name"
        for row in database.execute(sensors, (number,)).fetchall():
            sensor = _sensor(database, row, start, end)
            if sensor.readings:
                found.sensors.append(sensor)
    finally:
        database.execute("ROLLBACK")
    return found if found.boots or found.events or found.sensors else None


def _sensor(database: sqlite3.Connection, row: tuple[Any, ...], start: int, end: int) -> SensorFigures:
    number, name, fields, raw_from, minutes_from = row
    names = json.loads(fields)
    level = HOUR if start < minutes_from else MINUTE
    found = SensorFigures(name, 0, level == HOUR)
    for place, n, low, high, total in store_series.whole(database, number, len(names), level, start, end):
        mean = None if total is None else total / n
        found.fields.append(FieldFigures(names[place], n, low, high, mean))
    if start >= raw_from:
        rows = "SELECT count(*) FROM sample WHERE sensor = ? AND ts >= ? AND ts < ?"
        found.readings = database.execute(rows, (number, start, end)).fetchone()[0]
    else:  # the rows have expired: as many as the field that could be read most often
        found.readings = max((one.n for one in found.fields), default=0)
    return found


def _online(database: sqlite3.Connection, name: str, start: int, end: int) -> int | None:
    """ms. What the node was and whether the dashboard was there: the last of both before the span, and all in it."""
    changes = []
    for which, values in (("node = ? AND state IS NOT NULL", (name,)), (_HOST, ())):
        first = f"coalesce((SELECT max(ts) FROM happening WHERE {which} AND ts < ?), ?)"
        rows = f"SELECT ts, id, state, word FROM happening WHERE {which} AND ts >= {first} AND ts < ?"
        changes += database.execute(rows, (*values, *values, start, start, end)).fetchall()
    if all(state is None for _, _, state, _ in changes):
        return None
    online, present, since, total = False, True, start, 0
    for ts, _, state, word in [*sorted(changes), (end, 0, None, "")]:
        if online and present:
            total += max(0, ts - max(since, start))
        since = ts
        online = online if state is None else state in HERE
        present = word == "started" if state is None and word else present
    return total


def alerts(database: sqlite3.Connection, start: int, end: int) -> list[dict[str, Any]]:
    """Those that were raised in the span, oldest first."""
    limited(database)
    raised = (
        "SELECT ts, node, about, text FROM happening WHERE kind = 'alert' AND word = 'raised' AND ts >= ? AND ts < ? "
        f"ORDER BY ts, id LIMIT {MOST_ALERTS}"
    )
    columns = ("ts", "node", "kind", "text")
    return [dict(zip(columns, row, strict=True)) for row in database.execute(raised, (start, end))]


def whole_minutes(start: int, end: int) -> tuple[int, int]:
    """The whole minutes that a span touches."""
    width = WIDTH[MINUTE]
    return start - start % width, end + -end % width
