"""The series of a chart: rows while they are few, else sums of rows, of minutes or of hours, by the span that is asked.

Buckets lie on whole multiples of their length since the Epoch, so that a chart that is asked for again a moment later
has the same points and does not shiver. Minutes and hours that are not rolled up yet are read from what they are made
of: see store_roll.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from fleet_dashboard.store_read import SensorInfo, limited
from fleet_dashboard.store_roll import HOUR, MINUTE, WIDTH, floored

MAX_POINTS = 5000
ROWS = 0  # beside MINUTE and HOUR
LEVELS = {ROWS: "rows", MINUTE: "minutes", HOUR: "hours"}
STEP_MS = 100  # of buckets that are made of rows: the shortest period that there is
LENGTHS = (
    *(100, 200, 300, 500, 1000, 2000, 3000, 5000, 6000, 10_000, 12_000, 15_000, 20_000, 30_000),
    *(60_000 * minutes for minutes in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)),
    *(3_600_000 * hours for hours in (1, 2, 3, 4, 6, 8, 12, 24, 48, 72, 168)),
)
MAX_BOUND = 100
_AHEAD = 1 << 61  # later than any time there is

Answer = dict[str, Any]


def series(database: sqlite3.Connection, info: SensorInfo, start: int, end: int, points: int) -> Answer:
    """{"fields","t","v","min","max","n","bucket_ms","level","bound"} of UTC start <= ts < end, at most `points` times.

    `level` says what it is made of: "rows" with a bucket_ms of 0 are the samples themselves; else `v` is the average
    of a bucket, `n` how many values, `t` its middle, and whole buckets are summed up at both ends. Where nothing was
    read there is no point. `bound` holds [from, to] of times that are only "no later than".
    """
    limited(database)
    database.execute("BEGIN")  # what is rolled up and what is not, of one moment
    try:
        about = "SELECT raw_from, minutes_from, node FROM sensor WHERE id = ?"
        raw_from, minutes_from, node = database.execute(about, (info.id,)).fetchone() or (-_AHEAD, -_AHEAD, 0)
        bound = _bound(database, node, start, end)
        if start >= raw_from and _are_few(database, info.id, start, end, points):
            return {**_rows(database, info, start, end), "bound": bound}
        level = _level(-(-(end - start) // points), start < raw_from, start < minutes_from)
        bucket = _bucket(start, end, points, level)
        return {**sums(database, info, level, (start, end), bucket), "bound": bound}
    finally:
        database.execute("ROLLBACK")


def _are_few(database: sqlite3.Connection, sensor: int, start: int, end: int, points: int) -> bool:
    rows = f"SELECT 1 FROM sample WHERE sensor = ? AND ts >= ? AND ts < ? LIMIT {points + 1}"
    return bool(database.execute(f"SELECT count(*) FROM ({rows})", (sensor, start, end)).fetchone()[0] <= points)


def _level(wanted: int, rows_expired: bool, minutes_expired: bool) -> int:
    """The finest that costs little for buckets of about `wanted` ms, and still exists."""
    if minutes_expired or wanted > WIDTH[HOUR] // 2:
        return HOUR
    return MINUTE if rows_expired or wanted > WIDTH[MINUTE] // 2 else ROWS


def _bucket(start: int, end: int, points: int, level: int) -> int:
    """The shortest length, of those that people know from clocks, of which `points` cover the span. Of a year that is
    a day: points of 15 h would draw a wave of noons and midnights that is not there."""
    for bucket in LENGTHS:
        if bucket >= (WIDTH[level] if level != ROWS else STEP_MS) and -(-end // bucket) - start // bucket <= points:
            return bucket
    bucket = LENGTHS[-1]
    while -(-end // bucket) - start // bucket > points:
        bucket *= 2
    return bucket


def _rows(database: sqlite3.Connection, info: SensorInfo, start: int, end: int) -> Answer:
    columns = ", ".join(f"v{place}" for place in range(len(info.fields)))
    found = database.execute(
        f"SELECT ts, {columns} FROM sample WHERE sensor = ? AND ts >= ? AND ts < ? ORDER BY ts, id",
        (info.id, start, end),
    ).fetchall()
    values = {name: [row[1 + place] for row in found] for place, name in enumerate(info.fields)}
    counts = {name: [int(value is not None) for value in column] for name, column in values.items()}
    return _answer(info, [row[0] for row in found], values, values, values, counts, 0, ROWS)


def sums(database: sqlite3.Connection, info: SensorInfo, level: int, span: tuple[int, int], bucket: int) -> Answer:
    """The answer of `series`, made of this level."""
    start, end = span
    first, last = start - start % bucket, -(-end // bucket) * bucket  # the whole buckets
    if level == ROWS:
        found = _of_rows(database, info, span, bucket)
    else:
        parts = (_of_minutes if level == MINUTE else _of_hours)(len(info.fields))
        found = database.execute(
            f"{_DIRTY} SELECT {floored('start', bucket)} AS bucket, field, sum(n), min(low), max(high), sum(total) "
            f"FROM ({parts}) WHERE n > 0 GROUP BY bucket, field ORDER BY bucket",
            (info.id, first, last),
        ).fetchall()
    place: dict[int, int] = {}
    for row in found:
        place.setdefault(row[0], len(place))
    tables: list[dict[str, list[Any]]] = [{name: [None] * len(place) for name in info.fields} for _ in range(4)]
    v, low, high, counts = tables
    for when, field, n, least, most, total in found:
        if field < len(info.fields):
            name, at = info.fields[field], place[when]
            counts[name][at], low[name][at], high[name][at] = n, least, most
            v[name][at] = None if total is None else total / n
    # The middle of a bucket, but not of one that reaches beyond what was asked.
    times = [(max(when, start) + min(when + bucket, end)) // 2 for when in place]
    return _answer(info, times, v, low, high, counts, bucket, level)


def _of_rows(
    database: sqlite3.Connection, info: SensorInfo, span: tuple[int, int], bucket: int
) -> list[tuple[Any, ...]]:
    """(start of the bucket, field, n, low, high, total) in one pass over the rows."""
    figures = ", ".join(f"count(v{i}), min(v{i}), max(v{i}), sum(v{i})" for i in range(len(info.fields)))
    found = database.execute(
        f"SELECT {floored('ts', bucket)} AS bucket, {figures} FROM sample WHERE sensor = ? AND ts >= ? AND ts < ? "
        "GROUP BY bucket ORDER BY bucket",
        (info.id, *span),
    )
    return [
        (when, i, *figures[4 * i : 4 * i + 4])
        for when, *figures in found
        for i in range(len(info.fields))
        if figures[4 * i]
    ]


def whole(
    database: sqlite3.Connection, sensor: int, columns: int, level: int, start: int, end: int
) -> list[tuple[Any, ...]]:
    """(field, n, low, high, total) of a whole span that begins and ends with a minute; of HOUR, of the hours in it."""
    width = WIDTH[level]
    parts = (_of_minutes if level == MINUTE else _of_hours)(columns)
    return database.execute(
        f"{_DIRTY} SELECT field, sum(n), min(low), max(high), sum(total) FROM ({parts}) WHERE n > 0 "
        f"AND field < {columns} GROUP BY field ORDER BY field",
        (sensor, start - start % width, end + -end % width),
    ).fetchall()


# ?1 is the sensor, ?2 and ?3 the span in whole buckets. What is marked is made of what is below it.
_DIRTY = f"""
WITH minute AS MATERIALIZED (
  SELECT start FROM dirty WHERE level = 1 AND sensor = ?1 AND start >= {floored("?2", WIDTH[HOUR])} AND start < ?3),
hour AS MATERIALIZED (
  SELECT start FROM dirty WHERE level = 2 AND sensor = ?1 AND start >= ?2 AND start < ?3
  UNION SELECT {floored("start", WIDTH[HOUR])} FROM minute),
expired AS MATERIALIZED (SELECT raw_from, minutes_from FROM sensor WHERE id = ?1)
"""


def _of_minutes(columns: int) -> str:
    width = WIDTH[MINUTE]
    marked = [
        f"SELECT minute.start, {i} AS field, count(v{i}) AS n, min(v{i}) AS low, max(v{i}) AS high, "
        f"sum(v{i}) AS total FROM minute JOIN sample ON sample.sensor = ?1 AND ts >= minute.start "
        f"AND ts < minute.start + {width} WHERE minute.start >= ?2 GROUP BY minute.start"
        for i in range(columns)
    ]
    ready = (
        "SELECT start, field, n, low, high, total FROM rollup WHERE level = 1 AND sensor = ?1 AND start >= ?2 "
        "AND start < ?3 AND (start NOT IN minute OR start < (SELECT raw_from FROM expired))"
    )
    return " UNION ALL ".join([ready, *marked])


def _of_hours(columns: int) -> str:
    ready = (
        "SELECT start, field, n, low, high, total FROM rollup WHERE level = 2 AND sensor = ?1 AND start >= ?2 "
        "AND start < ?3 AND (start NOT IN hour OR start < (SELECT minutes_from FROM expired))"
    )
    width = WIDTH[HOUR]
    minutes = (
        "SELECT rollup.start, field, n, low, high, total FROM hour JOIN rollup ON level = 1 AND sensor = ?1 "
        f"AND rollup.start >= hour.start AND rollup.start < hour.start + {width} "
        "AND (rollup.start NOT IN minute OR rollup.start < (SELECT raw_from FROM expired))"
    )
    marked = _of_minutes(columns).split(" UNION ALL ", 1)[1]
    return " UNION ALL ".join([ready, minutes, marked])


def _answer(
    info: SensorInfo, t: list[int], v: Answer, low: Answer, high: Answer, n: Answer, bucket: int, level: int
) -> Answer:
    figures = {"v": v, "min": low, "max": high, "n": n}
    return {"fields": info.fields, "t": t, **figures, "bucket_ms": bucket, "level": LEVELS[level]}


def _bound(database: sqlite3.Connection, node: int, start: int, end: int) -> list[list[int]]:
    """[from, to] of the boots that were never heard live, as far as they reach into the span."""
    found = database.execute(
        "SELECT max(boot_ms, ?2), min(boot_ms + up_ms + 1, ?3) FROM boot WHERE node = ?1 AND timed = 0 "
        f"AND boot_ms < ?3 AND boot_ms + up_ms >= ?2 ORDER BY boot_ms LIMIT {MAX_BOUND}",
        (node, start, end),
    )
    return [list(span) for span in found]
