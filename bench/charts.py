"""Each range of the charts on a year of 100 nodes, asked over HTTP as the page does; and what the year costs.

The database is made by the store's own code, in the order of time: add_sample, commit, tend. One node has a second
sensor that is read once a second for the last day, since that is the worst that a chart of a day can meet.
"cold": the kernel has forgotten the file before each question. "warm": asked again.
"""

import asyncio
import json
import os
import statistics
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench import machine, scene
from fleet_dashboard.store import SensorInfo, Store
from support.broker import Broker
from support.dashboard import DashboardProcess

NODES, DAYS = 100, 365
FULL_PERIOD_S, SHORT_PERIOD_S = 300, 1800
DAY_MS = 86_400_000
MARKS = {1: "a day", 30: "a month", 365: "a year"}
BATCH = 5000
POINTS = 600  # what the page asks for
ASKED = 10  # nodes, each a question
AGAIN = 5
RANGES = {  # those of static/node.js
    "1 min": 60_000,
    "10 min": 600_000,
    "1 h": 3_600_000,
    "6 h": 6 * 3_600_000,
    "day": DAY_MS,
    "week": 7 * DAY_MS,
    "month": 30 * DAY_MS,
    "year": 365 * DAY_MS,
}
FAST = ("1 min", "10 min", "1 h", "6 h", "day")  # of the sensor that is read every second
FIELDS = ("temp", "hum")


@dataclass
class Sensor:
    """Where the rows of one sensor go."""

    boot: int
    info: SensorInfo
    seq: int = 0


@dataclass
class Year:
    """Builds the database and notes what that took, and what a chart of a day took meanwhile."""

    path: Path
    period_s: int
    now: int
    lines: list[str] = field(default_factory=list)
    rows: int = 0
    committing_s: float = 0.0
    rolling_s: float = 0.0

    async def build(self) -> None:
        self.store = Store(self.path)
        await self.store.open()
        begins = self.now - DAYS * DAY_MS
        sensors = [self._node(number, begins) for number in range(NODES)]
        fast = self._sensor("fast", 0, self.now - DAY_MS)
        for day in range(DAYS):
            start = begins + day * DAY_MS
            for ts in range(start, start + DAY_MS, self.period_s * 1000):
                for number, sensor in enumerate(sensors):
                    self._add(sensor, begins, ts + 10 * number, number)
                await self._commit(BATCH)
            if day == DAYS - 1:
                for ts in range(self.now - DAY_MS, self.now, 1000):
                    self._add(fast, self.now - DAY_MS, ts, 0)
                    await self._commit(BATCH)
            await self._commit(0)
            began = time.monotonic()
            while await self.store.tend(start + DAY_MS):
                pass
            self.rolling_s += time.monotonic() - began
            if day + 1 in MARKS:
                await self._note(MARKS[day + 1], start + DAY_MS)
        await self.store.close()

    def _node(self, number: int, begins: int) -> Sensor:
        meta = {"name": f"Node {number:03d}", "period": self.period_s * 1000, "sensors": {"sht4x": {}, "fast": {}}}
        node = self.store.node_id(f"bench-{number:03d}")
        self.store.set_meta(node, meta)
        return self._sensor("sht4x", number, begins)

    def _sensor(self, name: str, number: int, begins: int) -> Sensor:
        node = self.store.node_id(f"bench-{number:03d}")
        boot = self.store.new_boot(node, f"{number:04x}" if name == "sht4x" else "ffff", self.now)
        self.store.set_progress(boot, begins, self.now, True, 0)
        return Sensor(boot, self.store.sensor(node, name, FIELDS))

    def _add(self, sensor: Sensor, begins: int, ts: int, number: int) -> None:
        hour = ts // 3_600_000 % 24
        values = {"temp": 15 + abs(hour - 12) / 2 + sensor.seq % 10 / 10, "hum": 40 + (number + sensor.seq) % 30}
        self.store.add_sample(sensor.boot, sensor.seq, sensor.info, ts - begins, ts, values)
        sensor.seq += 1
        self.rows += 1

    async def _commit(self, least: int) -> None:
        if self.store.pending >= least:
            began = time.monotonic()
            await self.store.commit()
            self.committing_s += time.monotonic() - began

    async def _note(self, span: str, end: int) -> None:
        times = []
        for number in range(1, ASKED + 1):
            began = time.monotonic()
            found = await self.store.series(f"bench-{number:03d}", "sht4x", end - DAY_MS, end, POINTS)
            times.append((time.monotonic() - began) * 1000)
        self.lines.append(
            f"with {span:<8} {self.rows:>10,} rows   {self.path.stat().st_size / 1e6:7.0f} MB   "
            f"a chart of a day: {len(found['t'])} points in {statistics.median(times):.1f} ms"
        )


def asked(url: str, node: int, sensor: str, start: int, end: int) -> tuple[float, dict[str, object]]:
    """(ms, the answer)."""
    query = urllib.parse.urlencode({"sensor": sensor, "from": start, "to": end, "points": POINTS})
    began = time.monotonic()
    with urllib.request.urlopen(f"{url}/api/nodes/bench-{node:03d}/series?{query}", timeout=60) as answer:
        body = answer.read()
    return (time.monotonic() - began) * 1000, json.loads(body)


def forget(path: Path) -> None:
    """Let the kernel forget what it has of the file."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def row(dashboard: DashboardProcess, text: str, sensor: str, nodes: range, span: int, end: int) -> str:
    cold, warm = [], []
    for node in nodes:
        forget(dashboard.database)
        cold.append(asked(dashboard.url, node, sensor, end - span, end)[0])
    for _ in range(AGAIN):
        for node in nodes:
            took, found = asked(dashboard.url, node, sensor, end - span, end)
            warm.append(took)
    points = len(found["t"])  # type: ignore[arg-type]
    return (
        f"{text:<14} {found['level']:<8} {points:5d} points   cold {statistics.median(cold):7.1f} / {max(cold):7.1f} ms"
        f"   warm {statistics.median(warm):6.1f} / {max(warm):6.1f} ms"
    )


def run() -> Iterator[str]:
    period_s = FULL_PERIOD_S if machine.is_full() else SHORT_PERIOD_S
    end = time.time_ns() // 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        year = Year(Path(folder) / "fleet.db", period_s, end)
        asyncio.run(year.build())
        yield from year.lines
        size = year.path.stat().st_size
        yield (
            f"committed at {year.rows / year.committing_s:,.0f} rows/s ({year.committing_s:.0f} s), rolled up at "
            f"{year.rows / year.rolling_s:,.0f} rows/s ({year.rolling_s:.0f} s), {size / year.rows:.0f} B a row of "
            f"{len(FIELDS)} values with its sums, {machine.load()}"
        )
        yield f"{'range':<14} {'made of':<8} {'':<12}   {'cold p50 /  max':<24}   warm p50 /  max"
        with Broker() as broker, DashboardProcess(broker.url, data_dir=Path(folder), wait=False) as dashboard:
            dashboard.wait_until_ready(scene.START_S)
            for text, span in RANGES.items():
                yield row(dashboard, text, "sht4x", range(1, ASKED + 1), span, end)
            for text in FAST:
                yield row(dashboard, f"{text} at 1 Hz", "fast", range(1), RANGES[text], end)
        yield machine.load()
