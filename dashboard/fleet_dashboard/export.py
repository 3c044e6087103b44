"""Readings and events as CSV and Parquet, in pieces: memory is bounded, whatever is asked. Owns no state but a count.

Text in a CSV that a spreadsheet would take for a formula gets an apostrophe in front of it.
"""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from fleet_dashboard import results
from fleet_dashboard.store import Store
from fleet_dashboard.store_export import EVENTS, READINGS, Record

KINDS = {"readings": READINGS, "events": EVENTS}
MEDIA = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
GROUP_ROWS = 50_000  # of Parquet: smaller groups make large files, larger ones take memory
PIECE = 1 << 20
MOST = 4  # at the same time
FORMULA = tuple("=+-@\t\r\n|%")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Busy(Exception):
    """Too many at once; one sentence."""


class NotInstalled(Exception):
    """A library is missing; one sentence with the fix."""


@dataclass(frozen=True)
class Wanted:
    """What is asked for; times are UTC ms, start <= time < end. None: all."""

    kind: str
    form: str
    node: str | None
    sensor: str | None
    start: int
    end: int

    @property
    def file_name(self) -> str:
        parts = [part for part in ("fleet", self.node, self.sensor, self.kind) if part]
        return f"{'-'.join(parts)}.{self.form}"


class Encoder(Protocol):
    """Each call gives the bytes that are ready; `end` gives the last ones."""

    def begin(self) -> bytes: ...
    def add(self, records: list[Record]) -> bytes: ...
    def end(self) -> bytes: ...


class Exports:
    """`stream` at most MOST at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running = 0
        self._copying = False

    async def stream(self, wanted: Wanted) -> AsyncIterator[bytes] | None:
        """None: there is no such node or sensor. Busy or NotInstalled before anything was read."""
        if self._running >= MOST:
            raise Busy(f"{MOST} exports are running already; try again when one has ended")
        encoder: Encoder = Csv(KINDS[wanted.kind])
        if wanted.form == "parquet":
            encoder = await asyncio.to_thread(Parquet, wanted.kind)  # to load the library takes a while
        series = await self._store.export_series(wanted.kind, wanted.node, wanted.sensor)
        if not series and (wanted.node or wanted.sensor):
            return None
        return self._pieces(wanted, series, encoder)

    async def backup(self) -> AsyncIterator[bytes]:
        """A copy of the whole database, first written beside it. Busy or StoreError before the first piece."""
        if self._copying:
            raise Busy("a backup is being made already; try again when it has ended")
        self._copying = True
        folder = tempfile.TemporaryDirectory(prefix="backup-", dir=self._store.path.parent)
        try:
            copy = Path(folder.name) / "fleet.db"
            rounds = await asyncio.to_thread(results.files, self._store.path.with_name("rounds"))
            await self._store.backup(copy, rounds)
            file = copy.open("rb")
        except BaseException:
            self._copying = False
            folder.cleanup()
            raise
        pieces = self._read(file, folder)
        await anext(pieces)  # one that has begun cleans up also if nobody ever takes a piece
        return pieces

    async def _read(self, file: BinaryIO, folder: tempfile.TemporaryDirectory[str]) -> AsyncIterator[bytes]:
        try:
            yield b""
            while piece := await asyncio.to_thread(file.read, PIECE):
                yield piece
        finally:
            self._copying = False
            file.close()
            folder.cleanup()

    async def _pieces(self, wanted: Wanted, series: list[Any], encoder: Encoder) -> AsyncIterator[bytes]:
        self._running += 1
        try:
            yield encoder.begin()
            for one in series:
                async for piece in self._store.export(one, wanted.start, wanted.end, encoder.add):
                    if piece:
                        yield piece
            yield encoder.end()
        finally:
            self._running -= 1


class Csv:
    def __init__(self, columns: tuple[str, ...]) -> None:
        self._columns = columns

    def begin(self) -> bytes:
        return (",".join(self._columns) + "\r\n").encode()

    def add(self, records: list[Record]) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerows((iso(ts), *(cell(value) for value in rest)) for ts, *rest in records)
        return text.getvalue().encode()

    def end(self) -> bytes:
        return b""


def iso(ts: int) -> str:
    """2026-11-28T20:13:00.123Z; what no calendar has stays a number."""
    try:
        return (EPOCH + timedelta(milliseconds=ts)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        return str(ts)


def cell(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


class _Drain:
    """A file that is written to and emptied."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


class Parquet:
    """With pyarrow, which is large, so it is an extra."""

    def __init__(self, kind: str) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise NotInstalled(
                "Parquet needs pyarrow: pip install 'sensor-fleet[parquet]' and start again, or take CSV"
            ) from None
        self._arrow = pyarrow
        types = {
            "time": pyarrow.timestamp("ms", tz="UTC"),
            "value": pyarrow.float64(),
            "exact": pyarrow.bool_(),
            **dict.fromkeys(("n", "seq", "up"), pyarrow.int64()),
        }
        text = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
        self._schema = pyarrow.schema([(name, types.get(name, text)) for name in KINDS[kind]])
        self._drain = _Drain()
        self._writer = pyarrow.parquet.ParquetWriter(self._drain, self._schema, compression="zstd")
        self._waiting: list[Record] = []

    def begin(self) -> bytes:
        return self._drain.take()

    def add(self, records: list[Record]) -> bytes:
        self._waiting += records
        return self._write() if len(self._waiting) >= GROUP_ROWS else b""

    def _write(self) -> bytes:
        columns = list(zip(*self._waiting, strict=True)) or [()] * len(self._schema)
        self._waiting = []
        arrays = [self._arrow.array(column, one.type) for column, one in zip(columns, self._schema, strict=True)]
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
        return self._drain.take()

    def end(self) -> bytes:
        last = self._write() if self._waiting else b""
        self._writer.close()
        return last + self._drain.take()
