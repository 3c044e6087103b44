"""Rollups: least, most, sum, count and last of each field, by the minute and by the hour. Exact, whatever the order.

Least and most cannot be taken back, and rows do move (a better clock places them again). So a rollup is never counted
on: the transaction that writes or moves rows *marks* the minutes that it touches, and `roll` later computes those anew
from the rows. A kill at any moment leaves the mark or the finished minute, never something between them. Until then a
minute that is marked is read from its rows: an answer does not depend on how far `roll` has come.

Rows that expire (store_keep.py) go minute by minute, in one transaction with sensor.raw_from. Of a minute before that,
the rollup is the truth and rows that come late are on top of it: `roll` adds them and they expire at once. The same
holds for hours and minutes with sensor.minutes_from.

There is no rollup by the second: of a sensor at 1 Hz it would be the rows once more, and an hour at 10 Hz, the fastest
that the contract has, is 36,000 rows, which are summed up in some 20 ms when somebody looks.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from fleet_dashboard.account import MAX_SEQ
from fleet_dashboard.schema import COLUMNS

MINUTE, HOUR = 1, 2  # rollup.level
WIDTH = {MINUTE: 60_000, HOUR: 3_600_000}  # ms
GRACE_MS = 2000  # a minute that is just over may get more rows
SLICE_S = 0.01  # so long may a commit have to wait for us
BATCH = 256

Marks = set[tuple[int, int]]  # (sensor, minute) of which the database has the mark


def floored(expression: str, width: int | str) -> str:
    """SQL: down to a multiple of `width`, also below 0, where SQLite's division would go up."""
    return f"({expression} - (({expression} % {width}) + {width}) % {width})"


_MINUTE = WIDTH[MINUTE]
MARK = "INSERT OR IGNORE INTO dirty(level, sensor, start) VALUES(1, ?, ?)"
# Where samples are before they are placed again, and where they will be: with the condition of that statement.
MARK_MOVED = (
    f"INSERT OR IGNORE INTO dirty SELECT 1, sensor, {floored('ts', _MINUTE)} FROM sample WHERE {{moved}} "
    f"UNION SELECT 1, sensor, {floored('(up + ?3)', _MINUTE)} FROM sample WHERE {{moved}}"
)
MERGE = """
INSERT INTO rollup(level, sensor, start, field, n, low, high, total, last, last_ts)
VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
  n = n + excluded.n, low = min(low, excluded.low), high = max(high, excluded.high), total = total + excluded.total,
  last = CASE WHEN excluded.last_ts >= last_ts THEN excluded.last ELSE last END,
  last_ts = max(last_ts, excluded.last_ts)
"""
_SPAN = "WHERE sensor = ?1 AND ts >= ?2 AND ts < ?3"
_FIGURES = {
    width: "SELECT "
    + ", ".join(f"count(v{i}), min(v{i}), max(v{i}), sum(v{i})" for i in range(width))
    + f" FROM sample {_SPAN}"
    for width in range(1, COLUMNS + 1)
}
_NEWEST = {
    width: f"SELECT ts, {', '.join(f'v{i}' for i in range(width))} FROM sample {_SPAN} ORDER BY ts DESC, id DESC"
    for width in range(1, COLUMNS + 1)
}


def minutes_of(rows: list[tuple[Any, ...]]) -> Marks:
    """What rows of `sample` (id, sensor, up, ts, ..) are going to touch."""
    return {(row[1], row[3] - row[3] % _MINUTE) for row in rows}


def roll(database: sqlite3.Connection, now: int, marked: Marks, seconds: float = SLICE_S) -> bool:
    """Compute marked minutes and hours that are over, for about so long and in one transaction. True if there is more.
    `now` is UTC ms."""
    deadline = time.monotonic() + seconds
    done: list[tuple[int, int]] = []
    more = False
    database.execute("BEGIN IMMEDIATE")
    try:
        for level, work in ((MINUTE, roll_minute), (HOUR, roll_hour)):
            due = "SELECT sensor, start FROM dirty WHERE level = ? AND start <= ? LIMIT ?"
            found = database.execute(due, (level, now - WIDTH[level] - GRACE_MS, BATCH)).fetchall()
            more = more or len(found) == BATCH
            for sensor, start in found:
                if time.monotonic() > deadline:
                    more = True
                    break
                work(database, sensor, start)
                if level == MINUTE:
                    done.append((sensor, start))
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
    marked.difference_update(done)
    return more


def roll_minute(database: sqlite3.Connection, sensor: int, start: int) -> None:
    """Within a transaction of the caller; so is roll_hour."""
    span = (sensor, start, start + _MINUTE)
    about = "SELECT max(1, json_array_length(fields)), raw_from FROM sensor WHERE id = ?"
    columns, raw_from = database.execute(about, (sensor,)).fetchone()
    if start >= raw_from:
        database.execute("DELETE FROM rollup WHERE level = 1 AND sensor = ? AND start = ?", (sensor, start))
    figures = database.execute(_FIGURES[columns], span).fetchone()
    newest = _newest(database, columns, span, sum(count > 0 for count in figures[::4]))
    for field, (last_ts, last) in newest.items():
        database.execute(MERGE, (MINUTE, sensor, start, field, *figures[4 * field : 4 * field + 4], last, last_ts))
    if start < raw_from:
        expire_samples(database, sensor, start, start + _MINUTE)
    database.execute("DELETE FROM dirty WHERE level = 1 AND sensor = ? AND start = ?", (sensor, start))
    hour = start - start % WIDTH[HOUR]
    database.execute("INSERT OR IGNORE INTO dirty(level, sensor, start) VALUES(2, ?, ?)", (sensor, hour))


def _newest(
    database: sqlite3.Connection, columns: int, span: tuple[int, int, int], fields: int
) -> dict[int, tuple[int, float]]:
    """{field: (ts, value)} of the newest values; mostly one row has them all."""
    found: dict[int, tuple[int, float]] = {}
    for ts, *values in database.execute(_NEWEST[columns], span):
        if len(found) == fields:
            break
        for field, value in enumerate(values):
            if value is not None and field not in found:
                found[field] = ts, value
    return found


def roll_hour(database: sqlite3.Connection, sensor: int, start: int) -> None:
    span = (sensor, start, start + WIDTH[HOUR])
    minutes_from = database.execute("SELECT minutes_from FROM sensor WHERE id = ?", (sensor,)).fetchone()[0]
    if start >= minutes_from:
        database.execute("DELETE FROM rollup WHERE level = 2 AND sensor = ? AND start = ?", (sensor, start))
    within = "FROM rollup WHERE level = 1 AND sensor = ?1 AND start >= ?2 AND start < ?3"
    # A column beside a lone max() is that of its row, which is what SQLite promises; hence two questions.
    sums = f"SELECT field, sum(n), min(low), max(high), sum(total) {within} GROUP BY field ORDER BY field"
    newest = f"SELECT last, max(last_ts) {within} GROUP BY field ORDER BY field"
    for figures, last in zip(database.execute(sums, span).fetchall(), database.execute(newest, span), strict=True):
        database.execute(MERGE, (HOUR, sensor, start, *figures, *last))
    if start < minutes_from:
        database.execute(f"DELETE {within}", span)
    database.execute("DELETE FROM dirty WHERE level = 2 AND sensor = ? AND start = ?", (sensor, start))


def expire_samples(database: sqlite3.Connection, sensor: int, start: int, end: int) -> int:
    """Delete these rows and count them as expired for their boots; how many there were."""
    span = (sensor, start, end)
    boots = f"SELECT count(*), max(id & {MAX_SEQ}), id >> 32 FROM sample {_SPAN} GROUP BY id >> 32"
    expired = database.execute(boots, span).fetchall()
    count_expired(database, expired)
    database.execute(f"DELETE FROM sample {_SPAN}", span)
    return sum(row[0] for row in expired)


def count_expired(database: sqlite3.Connection, rows: list[tuple[int, int, int]]) -> None:
    """`rows` are (how many, the highest seq, boot)."""
    database.executemany("UPDATE boot SET expired = expired + ?, expired_seq = max(expired_seq, ?) WHERE id = ?", rows)
