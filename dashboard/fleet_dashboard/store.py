"""The database: what is kept. Never sees a topic or a payload; the only SQL of the project is here and in store_*.py.

SQLite in WAL mode, one writer thread, one reader thread. add_* collect rows in memory; `commit` writes them in one
transaction, and only then may the messages be acknowledged: a kill -9 loses nothing that was acknowledged. A power cut
may lose the last commits; what a *durable* commit holds, and all before it, survives that too.

A reading's id is its identity, boot << 32 | seq, so one that is delivered twice is stored once at no extra cost. A row
of sample holds all values of one message: v0, v1, .. are the fields listed in `sensor.fields`, in that order.
"""

from __future__ import annotations

import asyncio
import functools
import json
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from fleet_dashboard import (
    store_backup,
    store_export,
    store_happenings,
    store_keep,
    store_read,
    store_report,
    store_roll,
    store_series,
    store_write,
)
from fleet_dashboard.account import MAX_SEQ, Figures
from fleet_dashboard.keep import Keep
from fleet_dashboard.schema import COLUMNS
from fleet_dashboard.store_read import KnownBoot, KnownNode, SensorInfo
from fleet_dashboard.store_write import Rows, StoreError

__all__ = ["KnownBoot", "KnownNode", "SensorInfo", "Store", "StoreError"]

RECENT_MS = 24 * 3600 * 1000  # what was not seen for longer is not shown after a restart; its history is kept
RECENT_BOOTS = 16
MAX_BOOTS_TOLD = 10_000
T = TypeVar("T")


class Accounts(Protocol):
    """Whoever keeps the accounts of the boots: they are written with the rows that they count, or not at all."""

    def take(self, durable: bool) -> list[tuple[Any, ...]]:
        """What changed since the last call, each (columns of account.COLUMNS.., id of the boot)."""

    def written(self, durable: bool) -> None:
        """What was taken is in the database now."""


class Store:
    """`open` first, `close` last. add_*, find_* and ids are for the loop's thread only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.accounts: Accounts | None = None
        self.rows = 0  # samples and events committed by this process, each counted once
        self.repeated = 0  # rows that were there already
        self.pending = 0  # samples and events that wait for the next commit
        self.backlog = 0  # everything that waits
        self.instance = ""  # names this database for the broker's session
        self._closed = False
        self._rows: Rows = defaultdict(list)
        self._written: Rows = {}  # what is being written
        self._synced = True  # a power cut would lose nothing
        self._marked: store_roll.Marks = set()  # the writer's: minutes that wait for `tend`
        self._nodes: dict[str, int] = {}
        self._sensors: dict[tuple[int, str], SensorInfo] = {}
        self._next = {"node": 1, "boot": 1, "sensor": 1, "happening": 1}
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
        store_write.refuse_newer(self.path)
        database = self._connection()
        store_write.migrate(database)
        store_write.write(database, {}, durable=True)  # what an earlier process committed is settled from here on
        self.instance = database.execute("SELECT instance FROM about").fetchone()[0]
        for table in self._next:
            self._next[table] = database.execute(f"SELECT coalesce(max(id), 0) + 1 FROM {table}").fetchone()[0]
        self._nodes = dict(database.execute("SELECT name, id FROM node"))
        for number, node, name, fields in database.execute("SELECT id, node, name, fields FROM sensor"):
            self._sensors[node, name] = SensorInfo(number, tuple(json.loads(fields)))
        return store_read.known_nodes(database, int(time.time() * 1000) - RECENT_MS, RECENT_BOOTS)

    def _connection(self) -> sqlite3.Connection:
        """One per thread: the writer's, the reader's and the loop's."""
        if not hasattr(self._local, "database"):
            self._local.database = store_write.connect(self.path)
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
            await self.commit(durable=True)
            self._let_go()
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
            self._add(store_write.NODE, (number, name))
        return number

    def new_boot(self, node: int, boot: str, seen_ms: int) -> int:
        """The id of a boot that find_boot does not know; who asks for it remembers it until it is committed."""
        number = self._new_id("boot")
        self._add(store_write.BOOT, (number, node, boot, seen_ms))
        return number

    def sensor(self, node: int, name: str, names: tuple[str, ...]) -> SensorInfo:
        """The sensor with a column for each of `names` (at most 16 in all: further ones are not stored)."""
        info = self._sensors.get((node, name))
        if info is None:
            info = self._sensors[node, name] = SensorInfo(self._new_id("sensor"), ())
        new = [one for one in names if one not in info.fields]
        if new:
            info.fields = (info.fields + tuple(new))[:COLUMNS]
            self._add(store_write.SENSOR, (info.id, node, name, json.dumps(info.fields)))
        return info

    # -- what was committed, at once: for what happens rarely --------------------------------------------------

    def find_boot(self, node: int, boot: str) -> KnownBoot | None:
        """A boot that was committed; StoreError if the database does not answer."""
        return self._ask(lambda database: store_read.boot(database, node, boot))

    def boots_with_holes(self, node: int, most: int) -> list[str]:
        return self._ask(lambda database: store_read.boots_with_holes(database, node, most))

    def totals(self, node: int, without: Iterable[int]) -> Figures:
        return self._ask(lambda database: store_read.totals(database, node, without))

    def is_stored(self, boot: int, seq: int) -> bool:
        """Is this reading committed, or on its way to be?"""
        number = boot << 32 | seq
        for rows in (self._rows, self._written):
            for statement in store_write.READINGS:
                if any(row[0] == number for row in rows.get(statement, ())):
                    return True
        return self._ask(lambda database: store_read.is_stored(database, number))

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return question(self._connection())
        except sqlite3.Error as error:
            raise StoreError(f"the database {self.path} cannot be read ({error})") from None

    # -- what is kept ----------------------------------------------------------------------------------------

    def _add(self, statement: str, row: tuple[Any, ...]) -> None:
        self._rows[statement].append(row)
        self.backlog += 1

    def add_sample(self, boot: int, seq: int, sensor: SensorInfo, up: int, ts: int, values: dict[str, Any]) -> None:
        """`values` by field name; ts is UTC ms. The caller has checked them."""
        if tuple(values) == sensor.fields:
            row = (boot << 32 | seq, sensor.id, up, ts, *values.values())
        else:
            row = (boot << 32 | seq, sensor.id, up, ts, *[values.get(name) for name in sensor.fields])
        self._rows[store_write.SAMPLES[len(row) - 4]].append(row)
        self.backlog += 1
        self.pending += 1

    def add_event(self, node: int, boot: int, seq: int, name: str, kind: str, n: int, up: int, ts: int) -> None:
        self._add(store_write.EVENT, (boot << 32 | seq, node, name, kind, n, up, ts))
        self.pending += 1

    def add_log(self, node: int, boot: int, level: str, msg: str, tb: str, ts: int) -> None:
        self._add(store_write.LOG, (boot, node, level, msg, tb, ts))

    def add_happening(self, row: tuple[Any, ...] | None = None) -> int:
        """The id of a new row of `happening`, or write one: its id and the other columns of store_happenings."""
        if row is None:
            return self._new_id("happening")
        self._add(store_happenings.WRITE, row)
        return int(row[0])

    def move_happenings(self, first: int, last: int, by_ms: int) -> None:
        """The clock of the host was wrong when these were noted."""
        self._add(store_happenings.MOVE, (first, last, by_ms))

    def set_meta(self, node: int, meta: dict[str, Any] | None) -> None:
        """None: the node was forgotten. Its history stays, but it is not shown after a restart."""
        self._add(store_write.META, (node, None if meta is None else json.dumps(meta)))

    def set_progress(self, boot: int, boot_ms: int, seen_ms: int, timed: bool, up_ms: int) -> None:
        """When this boot began (UTC ms, the clock's estimate), so that a restart need not learn it again."""
        self._add(store_write.PROGRESS, (boot, boot_ms, seen_ms, timed, up_ms))

    def retime(self, boot: int, first_seq: int, boot_ms: int, since_ms: int) -> None:
        """Put the samples of a boot where a better estimate says that they belong: from `first_seq` and from UTC
        `since_ms` on, those that stand too late."""
        row = (boot << 32 | first_seq, boot << 32 | MAX_SEQ, boot_ms, since_ms)
        self._add(store_write.RETIME, row)
        self._add(store_write.RETIME_EVENTS, row)

    def place(self, boot: int, first_seq: int, boot_ms: int) -> None:
        """The clock of the host was wrong: put the samples of a boot from `first_seq` on where they belong."""
        row = (boot << 32 | first_seq, boot << 32 | MAX_SEQ, boot_ms)
        self._add(store_write.PLACE, row)
        self._add(store_write.PLACE_EVENTS, row)

    # -- writing ---------------------------------------------------------------------------------------------

    async def commit(self, durable: bool = False) -> None:
        """Everything added before this call is in the database when it returns. On StoreError it is kept for the
        next try, in front of what came meanwhile. One call at a time."""
        changed = self.accounts.take(durable) if self.accounts else []
        if changed:
            self._rows[store_write.ACCOUNT] += changed
        rows, self._rows = self._rows, defaultdict(list)
        (waiting, all_waiting), self.pending, self.backlog = (self.pending, self.backlog), 0, 0
        self._written = rows
        if rows or (durable and not self._synced):
            try:
                stored = await asyncio.get_running_loop().run_in_executor(self._writer, self._write, rows, durable)
            except sqlite3.Error as error:
                for statement, later in self._rows.items():
                    rows[statement].extend(later)
                # Of an account only the last state counts.
                rows[store_write.ACCOUNT] = list({row[-1]: row for row in rows[store_write.ACCOUNT]}.values())
                self._rows = rows
                self.pending += waiting
                self.backlog += all_waiting
                raise StoreError(f"the database {self.path} cannot be written ({error})") from None
            finally:
                self._written = {}
            self._synced = durable
            self.rows += stored
            self.repeated += waiting - stored
        if self.accounts:
            self.accounts.written(durable)

    def _write(self, rows: Rows, durable: bool) -> int:
        return store_write.write(self._connection(), rows, durable, self._marked)

    async def tend(self, now: int, keep: Keep | None = None) -> bool:
        """One slice of what is not urgent: rollups, and with `keep` what has expired at `now` (UTC ms). Some 10 ms of
        the writer's time; True if there is more. StoreError if it cannot be written, and then it is to be done yet."""

        def work() -> bool:
            database = self._connection()
            more = store_roll.roll(database, now, self._marked)
            return more or (keep is not None and store_keep.expire(database, keep, now, self._marked))

        try:
            return await asyncio.get_running_loop().run_in_executor(self._writer, work)
        except sqlite3.Error as error:
            raise StoreError(f"the database {self.path} cannot be written ({error})") from None

    # -- reading ---------------------------------------------------------------------------------------------

    async def _read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reader, lambda: question(self._connection()))

    async def look(self, question: Callable[[sqlite3.Connection], T], what: str) -> T:
        """The answer of a function of store_happenings or store_replay; StoreError if `what` cannot be read in time."""
        try:
            return await self._read(question)
        except sqlite3.Error as error:
            raise StoreError(f"{what} cannot be read ({error}); ask for a shorter span") from None

    async def series(self, node: str, sensor: str, start: int, end: int, points: int) -> dict[str, Any]:
        """See store_series.series; StoreError if it takes too long."""
        info = self._sensors.get((self._nodes.get(node, 0), sensor), SensorInfo(0, ()))
        if not info.fields:
            return {"fields": (), "t": [], "v": {}, "min": {}, "max": {}, "n": {}, "bucket_ms": 0, "bound": []}
        points = max(1, min(points, store_series.MAX_POINTS))
        try:
            return await self._read(lambda database: store_series.series(database, info, start, end, points))
        except sqlite3.Error as error:
            raise StoreError(f"the series cannot be read ({error}); ask for a shorter span") from None

    async def export_series(self, kind: str, node: str | None, sensor: str | None) -> list[store_export.Series]:
        """See store_export.series_of."""
        try:
            return await self._read(lambda database: store_export.series_of(database, kind, node, sensor))
        except sqlite3.Error as error:
            raise StoreError(f"the database cannot be read ({error})") from None

    async def export(
        self, of: store_export.Series, start: int, end: int, encode: Callable[[list[Any]], bytes]
    ) -> AsyncIterator[bytes]:
        """The records of UTC start <= time < end, page by page; `encode` runs in the reader's thread."""
        after: tuple[int, int] | None = store_export.START

        def piece(database: sqlite3.Connection) -> tuple[bytes, tuple[int, int] | None]:
            page = store_export.page(database, of, start, end, after or store_export.START)
            return encode(page.records), page.after

        while after is not None:
            try:
                encoded, after = await self._read(piece)
            except sqlite3.Error as error:
                raise StoreError(f"the export cannot be read on ({error})") from None
            yield encoded

    async def report(self, start: int, end: int, now: int) -> list[store_report.NodeFigures]:
        """What each node did within a span of whole minutes (UTC ms), as of `now`."""
        numbers = await self.look(store_report.node_numbers, "the report")
        ask = functools.partial(store_report.node, start=start, end=end, now=now)
        asked = (functools.partial(ask, number=number) for number in numbers)
        found = [await self.look(question, "the report") for question in asked]
        return [one for one in found if one is not None]

    async def backup(self, target: Path, rounds: Mapping[str, bytes] = MappingProxyType({})) -> None:
        """A consistent copy of what is committed, and of results; StoreError if it cannot be written."""
        try:
            await asyncio.to_thread(store_backup.backup, self.path, target, rounds)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"the copy cannot be written ({error}); it needs as much space as the database") from None

    async def recent(self, node: str, count: int = 50) -> dict[str, list[dict[str, Any]]]:
        """{"events": [..], "logs": [..]} of a node, newest first. StoreError if it takes too long."""
        number = self._nodes.get(node, 0)
        try:
            return await self._read(lambda database: store_read.recent(database, number, node, count))
        except sqlite3.Error as error:
            raise StoreError(f"the events cannot be read ({error})") from None

    async def delivery(
        self, node: str | None = None, since_ms: int = 0, most: int = MAX_BOOTS_TOLD
    ) -> dict[str, list[dict[str, Any]]]:
        """{node: its boots, newest first} of one node or of all: see store_read.delivery. StoreError if it takes too
        long."""
        number = None if node is None else self._nodes.get(node, 0)
        try:
            found = await self._read(lambda database: store_read.delivery(database, number, since_ms, most))
        except sqlite3.Error as error:
            raise StoreError(f"the account cannot be read ({error}); ask for a shorter span") from None
        names = {number: name for name, number in self._nodes.items()}
        return {names[number]: boots for number, boots in found.items()}

    def size(self) -> int:
        """Bytes on disk, the write-ahead log included."""
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())
