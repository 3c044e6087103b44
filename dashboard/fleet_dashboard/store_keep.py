"""What is kept for how long: rows, minutes and hours expire in small slices, and their pages are used again.

A slice is one short transaction, so that a commit waits for some milliseconds at most, and a kill at any moment leaves
whole minutes. What expired stays in the accounts: boot.expired counts it, so that it is neither missing nor wrong.
"""

from __future__ import annotations

import sqlite3

from fleet_dashboard import store_happenings, store_roll
from fleet_dashboard.account import MAX_SEQ
from fleet_dashboard.keep import DAY_MS, Keep
from fleet_dashboard.store_roll import HOUR, MINUTE, WIDTH, Marks

SLICE_ROWS = 1000
SLICE_HOURS = 16  # 960 minutes


def expire(database: sqlite3.Connection, keep: Keep, now: int, marked: Marks) -> bool:
    """One slice of what is too old at `now` (UTC ms). True if there may be more."""
    database.execute("BEGIN IMMEDIATE")
    try:
        done: list[tuple[int, int]] = []
        more = (
            (keep.raw > 0 and _expire_raw(database, _before(now, keep.raw), done))
            or (keep.minutes > 0 and _expire_minutes(database, _before(now, keep.minutes), done))
            or (keep.hours > 0 and _expire_hours(database, _before(now, keep.hours)))
            or store_happenings.expire(database, _before(now, keep.raw) if keep.raw > 0 else None)
        )
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
    marked.difference_update(done)
    return more


def _before(now: int, days: int) -> int:
    """Whole hours only, so that no hour is half minutes and half gone."""
    end = now - days * DAY_MS
    return end - end % WIDTH[HOUR]


def _expire_raw(database: sqlite3.Connection, end: int, done: list[tuple[int, int]]) -> bool:
    old = "SELECT id FROM sensor WHERE EXISTS (SELECT 1 FROM sample WHERE sensor = sensor.id AND ts < ?) LIMIT 1"
    found = database.execute(old, (end,)).fetchone()
    if found is None:
        return _expire_events(database, end) or _expire_logs(database, end)
    sensor = found[0]
    times = "SELECT ts FROM sample WHERE sensor = ? AND ts < ? ORDER BY ts LIMIT 1"
    first = database.execute(times, (sensor, end)).fetchone()[0]
    later = database.execute(f"{times} OFFSET {SLICE_ROWS}", (sensor, end)).fetchone()
    width = WIDTH[MINUTE]
    until = end if later is None else max(later[0] - later[0] % width, first - first % width + width)
    _roll_marked(database, sensor, MINUTE, until, done)
    store_roll.expire_samples(database, sensor, first, until)
    database.execute("UPDATE sensor SET raw_from = max(raw_from, ?) WHERE id = ?", (until, sensor))
    return True


def _roll_marked(
    database: sqlite3.Connection, sensor: int, level: int, until: int, done: list[tuple[int, int]]
) -> None:
    marks = "SELECT start FROM dirty WHERE level = ? AND sensor = ? AND start < ?"
    for (start,) in database.execute(marks, (level, sensor, until)).fetchall():
        if level == MINUTE:
            store_roll.roll_minute(database, sensor, start)
            done.append((sensor, start))
        else:
            store_roll.roll_hour(database, sensor, start)


def _expire_events(database: sqlite3.Connection, end: int) -> bool:
    old = "SELECT id FROM node WHERE EXISTS (SELECT 1 FROM event WHERE node = node.id AND ts < ?) LIMIT 1"
    found = database.execute(old, (end,)).fetchone()
    if found is None:
        return False
    ids = "SELECT id, type = 'press' FROM event WHERE node = ? AND ts < ? ORDER BY ts LIMIT ?"
    rows = database.execute(ids, (found[0], end, SLICE_ROWS)).fetchall()
    store_roll.count_expired(database, [(1, number & MAX_SEQ, number >> 32) for number, _ in rows])
    presses = sum(press for _, press in rows)
    database.execute("UPDATE node SET presses = presses + ? WHERE id = ?", (presses, found[0]))
    database.executemany("DELETE FROM event WHERE id = ?", [(number,) for number, _ in rows])
    return True


def _expire_logs(database: sqlite3.Connection, end: int) -> bool:
    old = "SELECT id FROM node WHERE EXISTS (SELECT 1 FROM log WHERE node = node.id AND ts < ?) LIMIT 1"
    found = database.execute(old, (end,)).fetchone()
    if found is None:
        return False
    ids = "SELECT id FROM log WHERE node = ? AND ts < ? LIMIT ?"
    database.execute(f"DELETE FROM log WHERE id IN ({ids})", (found[0], end, SLICE_ROWS))
    return True


def _expire_minutes(database: sqlite3.Connection, end: int, done: list[tuple[int, int]]) -> bool:
    """Only where the rows have expired already, since those come first."""
    hour = WIDTH[HOUR]
    old = (
        f"SELECT id, raw_from - raw_from % {hour}, (SELECT min(start) FROM rollup WHERE level = 1 AND sensor = id) "
        f"AS first FROM sensor WHERE first < min(?, raw_from - raw_from % {hour}) LIMIT 1"
    )
    found = database.execute(old, (end,)).fetchone()
    if found is None:
        return False
    sensor, raw_from, first = found
    until = min(end, raw_from, first - first % hour + SLICE_HOURS * hour)
    _roll_marked(database, sensor, MINUTE, until, done)
    _roll_marked(database, sensor, HOUR, until, done)
    database.execute("DELETE FROM rollup WHERE level = 1 AND sensor = ? AND start < ?", (sensor, until))
    database.execute("UPDATE sensor SET minutes_from = max(minutes_from, ?) WHERE id = ?", (until, sensor))
    return True


def _expire_hours(database: sqlite3.Connection, end: int) -> bool:
    """Only where the minutes have expired already."""
    old = (
        "SELECT id, minutes_from FROM sensor WHERE EXISTS ("
        "SELECT 1 FROM rollup WHERE level = 2 AND sensor = id AND start < min(?, minutes_from)) LIMIT 1"
    )
    found = database.execute(old, (end,)).fetchone()
    if found is None:
        return False
    rows = "SELECT start, field FROM rollup WHERE level = 2 AND sensor = ? AND start < ? LIMIT ?"
    oldest = database.execute(rows, (found[0], min(end, found[1]), SLICE_ROWS)).fetchall()
    database.executemany(
        "DELETE FROM rollup WHERE level = 2 AND sensor = ? AND start = ? AND field = ?",
        [(found[0], *row) for row in oldest],
    )
    return True
