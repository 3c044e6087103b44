"""The data of a real dashboard process: rollups and retention that survive kill -9, exports, `fleet export`."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pyarrow.parquet

from fleet_dashboard.keep import DAY_MS
from fleet_dashboard.store import Store
from fleet_schema import payloads, topics
from support import tiers
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.probe import Probe
from support.rights import TOKEN

COUNT = 6000


async def old_rows(path: Path, start: int) -> None:
    """A boot with a reading a minute for some days, not rolled up."""
    store = Store(path)
    await store.open()
    node = store.node_id("ada")
    boot = store.new_boot(node, "9f3a", start)
    sensor = store.sensor(node, "sht4x", ("temp",))
    for seq in range(COUNT):
        store.add_sample(boot, seq, sensor, seq * 60_000, start + seq * 60_000, {"temp": seq % 7})
    store.set_meta(node, {"boot": "9f3a", "schema": "1.1", "name": "Ada", "period": 60_000})
    store.set_progress(boot, start, time.time_ns() // 1_000_000, True, 0)
    await store.commit()
    await store.close()


def account(dashboard: DashboardProcess) -> dict[str, Any]:
    nodes = dashboard.get("/api/delivery")["nodes"]
    return next(boot for node in nodes for boot in node["boots"] if boot["boot"] == "9f3a")


def get(dashboard: DashboardProcess, path: str) -> bytes:
    with urllib.request.urlopen(dashboard.url + path, timeout=20) as answer:
        return bytes(answer.read())


def test_rows_expire_by_the_settings_through_kill_9_and_the_sums_stay(broker: Broker, tmp_path: Path) -> None:
    start = time.time_ns() // 1_000_000 - 10 * DAY_MS
    asyncio.run(old_rows(tmp_path / "fleet.db", start))
    environment = {"FLEET_KEEP_RAW_DAYS": "2", "FLEET_KEEP_MINUTES_DAYS": "100"}
    dashboard = DashboardProcess(broker.url, data_dir=tmp_path, environment=environment)
    series = f"/api/nodes/ada/series?sensor=sht4x&from={start - 3_600_000}&to={start + 10 * DAY_MS}&points=600"
    with dashboard:
        before = dashboard.get(series)
        dashboard.wait_for("/api/delivery", lambda _: account(dashboard)["expired"] > 0, within=20)
        dashboard.kill()
        dashboard.start()
        dashboard.wait_for("/api/delivery", lambda _: account(dashboard)["stored"] == 0, within=20)
        assert account(dashboard)["expired"] == COUNT
        after = dashboard.get(series)
        assert sum(after["n"]["temp"]) == sum(before["n"]["temp"]) == COUNT
        assert (after["v"], after["level"]) == (before["v"], "minutes")


def both(seq: int) -> list[tuple[str, float | None]]:
    return [("temp", seq / 2), ("hum", None)]


def as_published(line: dict[str, str]) -> tuple[Any, ...]:
    value = float(line["value"]) if line["value"] else None
    return (line["sensor"], line["field"], value, line["boot"], int(line["seq"]), int(line["up"]))


def by_text(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=str)


def test_what_nodes_send_can_be_taken_away(broker: Broker, probe: Probe, tmp_path: Path) -> None:
    with DashboardProcess(broker.url) as dashboard:
        for seq in range(20):
            fields = {"boot": "0a0b", "seq": seq, "up": seq * 10, "v": {"temp": seq / 2, "hum": None}}
            probe.publish(topics.node_topic("fleet", "cy", "tele", "sht4x"), payloads.encode("tele", fields))
        event = {"boot": "0a0b", "seq": 20, "up": 300, "event_type": "press", "n": 1}
        probe.publish(topics.node_topic("fleet", "cy", "event", "button-a"), payloads.encode("event", event))
        dashboard.wait_for("/api/stats", lambda stats: stats["rows"] == 21)
        lines = list(csv.DictReader(io.StringIO(get(dashboard, "/api/export/readings.csv?node=cy").decode())))
        assert [float(line["value"]) for line in lines if line["field"] == "temp"] == [seq / 2 for seq in range(20)]
        assert [line["value"] for line in lines if line["field"] == "hum"] == [""] * 20
        table = pyarrow.parquet.read_table(io.BytesIO(get(dashboard, "/api/export/readings.parquet?node=cy")))
        assert table.num_rows == 40
        published = [("sht4x", *one, "0a0b", seq, seq * 10) for seq in range(20) for one in both(seq)]
        columns = ("sensor", "field", "value", "boot", "seq", "up")
        assert by_text(list(zip(*(table[name].to_pylist() for name in columns), strict=True))) == by_text(published)
        assert by_text([as_published(line) for line in lines]) == by_text(published)
        times = [at.isoformat(timespec="milliseconds") for at in table["time"].to_pylist()]
        assert times == [line["time"].replace("Z", "+00:00") for line in lines]
        assert b"fleet_rows_total 21\n" in get(dashboard, "/metrics")
        assert "/api/export/readings.csv" in dashboard.get("/api/openapi.json")["paths"]

        def fleet(*words: str, verb: str = "export") -> subprocess.CompletedProcess[str]:
            path = os.pathsep.join(str(tiers.ROOT / part) for part in ("node", "fleet-tools"))
            env = {**os.environ, "FLEET_DASHBOARD": dashboard.url, "PYTHONPATH": path, "FLEET_TOKEN": TOKEN}
            command = [sys.executable, "-m", "fleet_tools", verb, *words]
            return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=30)

        said = fleet("events", "--node", "cy")
        assert (said.returncode, said.stdout.splitlines()[1].split(",")[1:5]) == (0, ["cy", "button-a", "press", "1"])
        said = fleet("--format", "parquet", "-o", "day.parquet", "--since", "1d")
        assert (said.returncode, said.stderr) == (
            0,
            f"day.parquet: {(tmp_path / 'day.parquet').stat().st_size:,} bytes\n",
        )
        assert pyarrow.parquet.read_table(tmp_path / "day.parquet").num_rows == 40
        said = fleet("--node", "nobody", "-o", "none.csv")
        assert (said.returncode, "no such node" in said.stderr) == (1, True)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["day.parquet"]
        assert fleet("copy.db", verb="backup").returncode == 0
        with contextlib.closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
            assert copy.execute("SELECT count(*) FROM sample").fetchone() == (20,)
        said = fleet("copy.db", verb="backup")
        assert (said.returncode, "--force" in said.stderr) == (2, True)
        said = fleet("-o", "lesson.html", "--last", "1d", verb="report")
        assert said.returncode == 0, said.stderr
        assert "<h1>Lesson report</h1>" in (tmp_path / "lesson.html").read_text()
        said = fleet("--last", "1d", verb="report")
        assert [node["readings"] for node in json.loads(said.stdout)["nodes"]] == [20], said.stderr
        said = fleet("-o", "lesson.pdf", verb="report")
        assert (said.returncode, ".html" in said.stderr) == (2, True)
