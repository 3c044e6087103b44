"""The database: what is kept, and the only SQL of the project. Never sees a topic or a payload.

SQLite in WAL mode, one writer thread, one reader thread. add_* collect rows in memory; `commit` writes them in one
transaction, and only then may the messages be acknowledged: a kill -9 loses nothing that was acknowledged (a power
cut may lose the last commits: synchronous=NORMAL does not wait for the disk).

A sample's id is its identity, boot << 32 | seq, so a message that is delivered twice is stored once at no extra
cost. A row holds all values of one message: v0, v1, .. are the fields listed in `sensor.fields`, in that order.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleet_dashboard.schema import COLUMNS, MIGRATIONS

MAX_SEQ = (1 << 32) - 1  # 136 years at one message a second
MAX_POINTS = 5000
QUERY_S = 5.0  # a query that takes longer than this is given up
RECENT_MS = 24 * 3600 * 1000  # what was not seen for longer is not shown after a restart; its history is kept

Rows = dict[str, list[tuple[Any, ...]]]

# In this order, so that rows never point to what is not there yet.
NODE = "INSERT OR IGNORE INTO node(id, name) VALUES(?, ?)"
SENSOR = "INSERT OR REPLACE INTO sensor(id, node, name, fields) VALUES(?, ?, ?, ?)"  # fields may have grown
BOOT = "INSERT OR IGNORE INTO boot(id, node, boot) VALUES(?, ?, ?)"
EVENT = "INSERT OR IGNORE INTO event(id, node, input, type, n, up, ts) VALUES(?, ?, ?, ?, ?, ?, ?)"
LOG = "INSERT OR IGNORE INTO log(id, node, level, msg, tb, ts) VALUES(?, ?, ?, ?, ?, ?)"
META = "UPDATE node SET meta = ?2, shown = ?2 IS NOT NULL WHERE id = ?1"
PROGRESS = "UPDATE boot SET boot_ms = ?2, seen_ms = ?3 WHERE id = ?1"
RETIME = "UPDATE sample SET ts = up + ?3 WHERE id BETWEEN ?1 AND ?2 AND ts > up + ?3 + 1000"
RETIME_EVENTS = RETIME.replace("sample", "event")
_SAMPLES = {
    width: f"INSERT OR IGNORE INTO sample(id, sensor, up, ts, {', '.join(f'v{i}' for i in range(width))}) "
    f"VALUES({', '.join('?' * (width + 4))})"
    for width in range(1, COLUMNS + 1)
}
ORDER = (NODE, SENSOR, BOOT, *_SAMPLES.values(), EVENT, LOG, META, PROGRESS, RETIME, RETIME_EVENTS)


class StoreError(Exception):
    """The database cannot be used; one sentence."""


@dataclass
class SensorInfo:
    id: int
    fields: tuple[str, ...]


@dataclass
class KnownNode:
    """What the database remembers of a node: for a quick restart. Times are UTC ms."""

    name: str
    meta: dict[str, Any] | None
    presses: int
    boots: list[tuple[str, int, int]] = field(default_factory=list)  # (boot, UTC of its start, last seen), oldest first
    values: dict[str, dict[str, float | None]] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)


class Store:
    """`open` first, `close` last. add_* and ids are for the loop's thread only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0  # samples and events committed by this process, each counted once
        self.repeated = 0  # rows that were there already
        self.pending = 0  # rows that wait for the next commit
        self.instance = ""  # names this database for the broker's session
        self._closed = False
        self._rows: Rows = defaultdict(list)
        self._nodes: dict[str, int] = {}
        self._boots: dict[tuple[int, str], int] = {}
        self._sensors: dict[tuple[int, str], SensorInfo] = {}
        self._next = {"node": 1, "boot": 1, "sensor": 1}
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._reader = ThreadPoolExecutor(1, "store-reader")
        self._local = threading.local()

    # -- opening and closing ---------------------------------------------------------------------------------

    async def open(self) -> list[KnownNode]:
        """Make or upgrade the database and say what it remembers; StoreError if it cannot be used."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._writer, self._open_or_let_go)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"the database {self.path} cannot be used ({error}); FLEET_DATA says where it lies"
            ) from None

    def _open_or_let_go(self) -> list[KnownNode]:
        try:
            return self._open()
        except BaseException:
            self._let_go()
            raise

    def _open(self) -> list[KnownNode]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        database = self._connection()
        migrate(database)
        self.instance = database.execute("SELECT instance FROM about").fetchone()[0]
        for table in self._next:
            self._next[table] = database.execute(f"SELECT coalesce(max(id), 0) + 1 FROM {table}").fetchone()[0]
        self._nodes = dict(database.execute("SELECT name, id FROM node"))
        for number, node, name, fields in database.execute("SELECT id, node, name, fields FROM sensor"):
            self._sensors[node, name] = SensorInfo(number, tuple(json.loads(fields)))
        recent = int(time.time() * 1000) - RECENT_MS
        for node, boot, number in database.execute("SELECT node, boot, id FROM boot WHERE seen_ms > ?", (recent,)):
            self._boots[node, boot] = number
        shown = "SELECT id, name, meta FROM node WHERE shown AND id IN (SELECT node FROM boot WHERE seen_ms > ?)"
        return [self._known(database, *row) for row in database.execute(shown, (recent,)).fetchall()]

    def _known(self, database: sqlite3.Connection, number: int, name: str, meta: str | None) -> KnownNode:
        presses = "SELECT count(*) FROM event WHERE node = ? AND type = 'press'"
        known = KnownNode(name, json.loads(meta) if meta else None, database.execute(presses, (number,)).fetchone()[0])
        boots = (
            "SELECT boot, boot_ms, seen_ms FROM boot WHERE node = ? AND boot_ms NOT NULL ORDER BY seen_ms DESC LIMIT 8"
        )
        known.boots = database.execute(boots, (number,)).fetchall()[::-1]
        sensors = "SELECT id, name, fields FROM sensor WHERE node = ?"
        for sensor_id, sensor, fields in database.execute(sensors, (number,)).fetchall():
            last = "SELECT * FROM sample WHERE sensor = ? ORDER BY ts DESC LIMIT 1"
            row = database.execute(last, (sensor_id,)).fetchone()
            if row is not None:
                known.times[sensor] = row[3]
                known.values[sensor] = dict(zip(json.loads(fields), row[4:], strict=False))
        return known

    def _connection(self) -> sqlite3.Connection:
        """One per thread: the writer's and the reader's."""
        if not hasattr(self._local, "database"):
            database = self._local.database = sqlite3.connect(self.path, isolation_level=None)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute("PRAGMA cache_size = -16000")  # KiB
            database.execute("PRAGMA busy_timeout = 5000")
        connection: sqlite3.Connection = self._local.database
        return connection

    def _let_go(self) -> None:
        """Close the connection of this thread, if it has one."""
        database = self._local.__dict__.pop("database", None)
        if database is not None:
            database.close()

    async def close(self) -> None:
        """Commit what waits and let go of the files. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        loop = asyncio.get_running_loop()
        try:
            await self.commit()
            await loop.run_in_executor(self._reader, self._let_go)
            await loop.run_in_executor(self._writer, self._let_go)
        finally:
            self._writer.shutdown()
            self._reader.shutdown()

    # -- ids -------------------------------------------------------------------------------------------------

    def _new_id(self, table: str) -> int:
        number = self._next[table]
        self._next[table] = number + 1
        return number

    def node_id(self, name: str) -> int:
        number = self._nodes.get(name)
        if number is None:
            number = self._nodes[name] = self._new_id("node")
            self._add(NODE, (number, name))
        return number

    def boot_id(self, node: int, boot: str) -> int:
        """Of a boot that this process has not met; it may be in the database, from an earlier process."""
        number = self._boots.get((node, boot))
        if number is None:
            number = self._boots[node, boot] = self._new_id("boot")
            self._add(BOOT, (number, node, boot))
        return number

    def forget_boot(self, node: int, boot: str) -> None:
        """Nobody asks for this boot any more: bounds our memory, its rows stay."""
        self._boots.pop((node, boot), None)

    def sensor(self, node: int, name: str, names: tuple[str, ...]) -> SensorInfo:
        """The sensor with a column for each of `names` (at most 16 in all: further ones are not stored)."""
        info = self._sensors.get((node, name))
        if info is None:
            info = self._sensors[node, name] = SensorInfo(self._new_id("sensor"), ())
        new = [one for one in names if one not in info.fields]
        if new:
            info.fields = (info.fields + tuple(new))[:COLUMNS]
            self._add(SENSOR, (info.id, node, name, json.dumps(info.fields)))
        return info

    # -- what is kept ----------------------------------------------------------------------------------------

    def _add(self, statement: str, row: tuple[Any, ...]) -> None:
        self._rows[statement].append(row)

    def add_sample(self, boot: int, seq: int, sensor: SensorInfo, up: int, ts: int, values: dict[str, Any]) -> None:
        """`values` by field name; ts is UTC ms. The caller has checked them."""
        if tuple(values) == sensor.fields:
            row = (boot << 32 | seq, sensor.id, up, ts, *values.values())
        else:
            row = (boot << 32 | seq, sensor.id, up, ts, *[values.get(name) for name in sensor.fields])
        self._rows[_SAMPLES[len(row) - 4]].append(row)
        self.pending += 1

    def add_event(self, node: int, boot: int, seq: int, name: str, kind: str, n: int, up: int, ts: int) -> None:
        self._add(EVENT, (boot << 32 | seq, node, name, kind, n, up, ts))
        self.pending += 1

    def add_log(self, node: int, boot: int, seq: int, level: str, msg: str, tb: str, ts: int) -> None:
        self._add(LOG, (boot << 32 | seq, node, level, msg, tb, ts))

    def set_meta(self, node: int, meta: dict[str, Any] | None) -> None:
        """None: the node was forgotten. Its history stays, but it is not shown after a restart."""
        self._add(META, (node, None if meta is None else json.dumps(meta)))

    def set_progress(self, boot: int, boot_ms: int, seen_ms: int) -> None:
        """When this boot began (UTC ms, the clock's estimate), so that a restart need not learn it again."""
        self._add(PROGRESS, (boot, boot_ms, seen_ms))

    def retime(self, boot: int, first_seq: int, boot_ms: int) -> None:
        """Put the samples of a boot, from first_seq on, where the better estimate says that they belong."""
        row = (boot << 32 | first_seq, boot << 32 | MAX_SEQ, boot_ms)
        self._add(RETIME, row)
        self._add(RETIME_EVENTS, row)

    # -- writing ---------------------------------------------------------------------------------------------

    async def commit(self) -> None:
        """Everything added before this call is in the database when it returns. On StoreError it is kept for the
        next try, in front of what came meanwhile."""
        rows, self._rows = self._rows, defaultdict(list)
        waiting, self.pending = self.pending, 0
        try:
            stored = await asyncio.get_running_loop().run_in_executor(self._writer, self._write, rows)
        except sqlite3.Error as error:
            for statement, later in self._rows.items():
                rows[statement].extend(later)
            self._rows = rows
            self.pending += waiting
            raise StoreError(f"the database {self.path} cannot be written ({error})") from None
        self.rows += stored
        self.repeated += waiting - stored

    def _write(self, rows: Rows) -> int:
        """How many samples and events were new."""
        stored = 0
        database = self._connection()
        database.execute("BEGIN")
        try:
            for statement in ORDER:
                if statement in rows:
                    changed = database.executemany(statement, rows[statement]).rowcount
                    stored += (
                        changed if statement == EVENT or statement.startswith("INSERT OR IGNORE INTO sample") else 0
                    )
            database.execute("COMMIT")
        except sqlite3.Error:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
        return stored

    # -- reading ---------------------------------------------------------------------------------------------

    async def series(self, node: str, sensor: str, start: int, end: int, points: int) -> dict[str, Any]:
        """{"fields","t","v","min","max","bucket_ms"} of UTC start <= ts < end: every sample where they are at most
        `points`, else average, least and most of equal buckets. StoreError if it takes too long."""
        info = self._sensors.get((self._nodes.get(node, 0), sensor))
        if info is None:
            return {"fields": (), "t": [], "v": {}, "min": {}, "max": {}, "bucket_ms": 0}
        points = max(1, min(points, MAX_POINTS))
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._reader, self._series, info, start, end, points
            )
        except sqlite3.Error as error:
            raise StoreError(f"the series cannot be read ({error}); ask for a shorter span") from None

    def _series(self, info: SensorInfo, start: int, end: int, points: int) -> dict[str, Any]:
        database = self._connection()
        deadline = time.monotonic() + QUERY_S
        database.set_progress_handler(lambda: time.monotonic() > deadline, 100_000)
        span = (info.id, start, end)
        within = "FROM sample WHERE sensor = ? AND ts >= ? AND ts < ?"
        columns = [f"v{place}" for place in range(len(info.fields))]
        few = (
            database.execute(f"SELECT count(*) FROM (SELECT 1 {within} LIMIT {points + 1})", span).fetchone()[0]
            <= points
        )
        if few:
            found = database.execute(f"SELECT ts, {', '.join(columns)} {within} ORDER BY ts, id", span).fetchall()
            values = _columns(info.fields, found, 1, 1)
            return _answer(info, found, values, values, values, 0)
        bucket = -(-(end - start) // points)
        figures = ", ".join(f"avg({column}), min({column}), max({column})" for column in columns)
        found = database.execute(
            f"SELECT ?4 + (ts - ?4) / ?5 * ?5 + ?5 / 2, {figures} "
            "FROM sample WHERE sensor = ?1 AND ts >= ?2 AND ts < ?3 GROUP BY (ts - ?4) / ?5 ORDER BY 1",
            (*span, start, bucket),
        ).fetchall()
        average, least, most = (_columns(info.fields, found, first, 3) for first in (1, 2, 3))
        return _answer(info, found, average, least, most, bucket)

    async def recent(self, node: str, count: int = 50) -> dict[str, list[dict[str, Any]]]:
        """{"events": [..], "logs": [..]} of a node, newest first."""
        number = self._nodes.get(node, 0)
        return await asyncio.get_running_loop().run_in_executor(self._reader, self._recent, number, node, count)

    def _recent(self, number: int, node: str, count: int) -> dict[str, list[dict[str, Any]]]:
        database = self._connection()
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

    def size(self) -> int:
        """Bytes on disk, the write-ahead log included."""
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())


def _columns(fields: tuple[str, ...], rows: list[tuple[Any, ...]], first: int, step: int) -> dict[str, list[Any]]:
    return {name: [row[first + place * step] for row in rows] for place, name in enumerate(fields)}


def _answer(
    info: SensorInfo,
    rows: list[tuple[Any, ...]],
    v: dict[str, Any],
    low: dict[str, Any],
    high: dict[str, Any],
    bucket: int,
) -> dict[str, Any]:
    return {"fields": info.fields, "t": [row[0] for row in rows], "v": v, "min": low, "max": high, "bucket_ms": bucket}


def migrate(database: sqlite3.Connection) -> None:
    """Bring the schema to the newest version, one transaction a step; StoreError if it is newer than we are."""
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise StoreError(
            f"the database has schema {version}, this program knows {len(MIGRATIONS)}: use a newer program"
        )
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        database.executescript(f"BEGIN; {script}; PRAGMA user_version = {number}; COMMIT;")
