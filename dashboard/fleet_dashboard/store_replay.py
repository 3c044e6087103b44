"""What a replay is made of: how the fleet stood at a moment, and what came in a span. Sample time, never arrival.

Every question goes by an index of (sensor, time), (node, time) or time: what a chunk costs does not grow with what else
is stored. A test holds that.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from fleet_dashboard import store_happenings
from fleet_dashboard.leaderboard import temperature_source
from fleet_dashboard.schema import COLUMNS
from fleet_dashboard.store_read import limited
from fleet_dashboard.store_roll import floored

BACK_MS = 24 * 3600 * 1000  # what was not heard for longer before a moment was not on the wall then
SPARK_MS = 600_000
SPARK_ROWS = 600
SPARK_POINTS = 60
SPARK_EVERY_MS = 1000
MAX_EVENTS = 5000
MAX_MARKS = 1000
MAX_STEPS = 300  # of a chunk
MAX_VALUES = 50_000  # rows of a chunk, about
LEAST_STEPS = 5

Record = dict[str, Any]

_VALUES = ", ".join(f"v{place}" for place in range(COLUMNS))
STATES = """
SELECT node.id, node.name, node.meta, last.state, last.ts, last.boot, last.text
FROM node LEFT JOIN happening AS last ON last.id = (
  SELECT id FROM happening WHERE node = node.name AND state IS NOT NULL AND ts < ?
  ORDER BY ts DESC, id DESC LIMIT 1)
"""
LAST = f"""
SELECT sensor.id, sensor.node, sensor.name, sensor.fields, last.ts, {_VALUES}
FROM sensor JOIN sample AS last ON last.id = (
  SELECT id FROM sample WHERE sensor = sensor.id AND ts >= ? AND ts < ? ORDER BY ts DESC, id DESC LIMIT 1)
"""
LAST_EVENTS = """
SELECT node.name, last.input, last.type, last.n, last.ts
FROM node JOIN event AS last ON last.id = (
  SELECT id FROM event WHERE node = node.id AND ts >= ? AND ts < ? AND type <> 'release'
  ORDER BY ts DESC, id DESC LIMIT 1)
"""
SPARK = "SELECT ts, v{place} FROM sample WHERE sensor = ? AND ts >= ? AND ts < ? ORDER BY ts DESC, id DESC LIMIT ?"
ALERTS = """
SELECT node, word, about, text, ts FROM happening WHERE kind IN ('alert', 'host') AND ts >= ? AND ts < ? ORDER BY ts, id
"""
ACTIVE = """
SELECT sensor.id, node.name, sensor.name, sensor.fields FROM sensor JOIN node ON node.id = sensor.node
WHERE EXISTS (SELECT 1 FROM sample WHERE sensor = sensor.id AND ts >= ? AND ts < ?)
"""
# One look into the index for each step, so that a chunk of hours costs as many as one of minutes.
ROWS = f"""
WITH RECURSIVE step(low, high) AS (
  SELECT ?2, min(?3, {floored("?2", "?4")} + ?4)
  UNION ALL SELECT high, min(?3, high + ?4) FROM step WHERE high < ?3)
SELECT last.ts, {{values}} FROM step JOIN sample AS last ON last.id = (
  SELECT id FROM sample WHERE sensor = ?1 AND ts >= low AND ts < high ORDER BY ts DESC, id DESC LIMIT 1)
"""
EVENTS = f"""
SELECT max(event.ts), node.name, event.input, event.type, event.n
FROM node CROSS JOIN event ON event.node = node.id AND event.ts >= ?1 AND event.ts < ?2 AND event.type <> 'release'
GROUP BY event.node, {floored("event.ts", "?3")} ORDER BY 1 LIMIT ?4
"""
HAPPENED = (
    f"SELECT {', '.join(store_happenings.COLUMNS)} FROM happening WHERE ts >= ? AND ts < ? ORDER BY ts, id LIMIT ?"
)
COUNTS = f"""
SELECT {floored("event.ts", "?3")}, count(*)
FROM node CROSS JOIN event ON event.node = node.id AND event.ts >= ?1 AND event.ts < ?2 GROUP BY 1
"""
FIRST = "SELECT min(first) FROM (SELECT (SELECT min(ts) FROM sample WHERE sensor = sensor.id) AS first FROM sensor)"
EXPIRED = "SELECT max(raw_from) FROM sensor"


@dataclass
class Chunk:
    """What came from `start` on and before `end`, thinned to the last of each `every` ms of a sensor or a node. A
    release is left out: it tells nothing that the press before it did not."""

    start: int
    end: int
    every: int
    fields: dict[str, dict[str, list[str]]]
    values: list[tuple[int, str, str, list[float | None]]]
    events: list[Record]
    happenings: list[Record]
    state: Record | None = None


def chunk(database: sqlite3.Connection, start: int, end: int, every: int, with_state: bool) -> Chunk:
    """The chunk that begins at `start`; it ends before `end` if there would be too much in it."""
    limited(database)
    database.execute("BEGIN")  # all of one moment
    try:
        end = min(end, start + MAX_STEPS * every)
        active = database.execute(ACTIVE, (start, end)).fetchall()
        steps = max(LEAST_STEPS, MAX_VALUES // max(1, len(active)))
        end = min(end, start + steps * every)
        found = Chunk(start, end, every, {}, [], [], [])
        for number, node, name, fields in active:
            names = json.loads(fields)
            found.fields.setdefault(node, {})[name] = names
            wanted = ", ".join(f"v{place}" for place in range(len(names)))
            rows = database.execute(ROWS.format(values=wanted), (number, start, end, every))
            found.values += [(ts, node, name, values) for ts, *values in rows]
        found.values.sort(key=lambda row: row[0])
        found.events = [
            {"t": ts, "node": node, "input": name, "type": kind, "n": n}
            for ts, node, name, kind, n in database.execute(EVENTS, (start, end, every, MAX_EVENTS))
        ]
        happened = database.execute(HAPPENED, (start, end, MAX_EVENTS)).fetchall()
        found.happenings = [store_happenings.record(row) for row in happened]
        if with_state:
            found.state = _state(database, start)
        return found
    finally:
        database.execute("ROLLBACK")


def _state(database: sqlite3.Connection, at: int) -> Record:
    """{"nodes", "alerts"} just before `at`, as a snapshot has them."""
    values: dict[int, dict[str, tuple[int, int, Record]]] = {}
    for number, node, name, fields, ts, *row in database.execute(LAST, (at - BACK_MS, at)):
        named = dict(zip(json.loads(fields), row, strict=False))
        values.setdefault(node, {})[name] = number, ts, named
    events = {
        name: {"input": which, "type": kind, "n": n, "t": ts}
        for name, which, kind, n, ts in database.execute(LAST_EVENTS, (at - BACK_MS, at))
    }
    nodes = []
    for number, name, meta, state, since, boot, why in database.execute(STATES, (at,)).fetchall():
        known = values.get(number, {})
        last = max((ts for _, ts, _ in known.values()), default=None)
        if state == "forgotten" or max(last or 0, since or 0) <= at - BACK_MS:
            continue
        if state is None:
            state, since, why = "online", last, "its state was not noted then"
        about = json.loads(meta) if meta else {}
        view = {
            **{"id": name, "name": about.get("name") or name, "groups": about.get("groups", []), "meta": about or None},
            **{"period": about.get("period"), "state": state, "since": since, "why": why, "boot": boot or ""},
            **{"last": last, "counts": {}, "event": events.get(name)},
            "v": {sensor: named for sensor, (_, _, named) in known.items()},
            "t": {sensor: ts for sensor, (_, ts, _) in known.items()},
        }
        view["spark"] = _spark(database, about, known, at)
        nodes.append(view)
    return {"nodes": nodes, "alerts": _alerts(database, at)}


def _spark(
    database: sqlite3.Connection, meta: Record, known: dict[str, tuple[int, int, Record]], at: int
) -> Record | None:
    """What the line of a node was drawn of."""
    first = next(((sensor, next(iter(named), "")) for sensor, (_, _, named) in known.items()), ("", ""))
    sensor, field = temperature_source(meta.get("sensors") or {}) or first
    if sensor not in known or field not in known[sensor][2]:
        return None
    place = list(known[sensor][2]).index(field)
    most = min(SPARK_ROWS, SPARK_POINTS * max(1, SPARK_EVERY_MS // max(1, int(meta.get("period") or SPARK_EVERY_MS))))
    rows = database.execute(SPARK.format(place=place), (known[sensor][0], at - SPARK_MS, at, most)).fetchall()
    points: list[float] = []
    next_at = at
    for ts, value in rows:
        if value is not None and ts <= next_at:
            points.append(value)
            next_at = ts - SPARK_EVERY_MS
    return {"sensor": sensor, "field": field, "points": points[:SPARK_POINTS][::-1]}


def _alerts(database: sqlite3.Connection, at: int) -> list[Record]:
    """Those that were open, newest first."""
    found: dict[tuple[str, str], Record] = {}
    for node, word, about, text, ts in database.execute(ALERTS, (at - BACK_MS, at)):
        if word == "started":
            found.clear()
        elif word == "raised":
            found[about, node] = {"id": f"{about} {node}", "ts": ts, "kind": about, "node": node, "text": text}
        elif word == "cleared":
            found.pop((about, node), None)
    return list(found.values())[::-1]


def marks(database: sqlite3.Connection, start: int, end: int, width: int) -> Record:
    """{"happenings", "events": [[start of a bucket of `width` ms, how many]], "stored_from", "expired_before"}"""
    limited(database)
    expired = database.execute(EXPIRED).fetchone()[0]
    return {
        "happenings": store_happenings.page(database, (start, end), None, None, None, MAX_MARKS),
        "events": [list(row) for row in database.execute(COUNTS, (start, end, width))],
        "stored_from": database.execute(FIRST).fetchone()[0],
        "expired_before": expired if expired is not None and expired > 0 else None,
    }
