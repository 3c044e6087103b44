"""F23: a command to all, and some are absent: each has a row within the time, no answer is not a failure, and it sums
up to everyone."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from support import tiers
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.obedient_crowd import BOOT, ObedientCrowd
from support.probe import Probe
from support.rig import PATIENCE

NODES = [f"n-{number:03d}" for number in range(100)]
LOST = NODES[:10]  # the broker said so: nobody waits for them
HUNG = NODES[10:20]  # connected, and do not answer
BROKEN = NODES[20:25]  # answer that they failed
REFUSING = NODES[25:28]
OBEDIENT = NODES[28:]
ANSWERS = {**dict.fromkeys(LOST + HUNG), **dict.fromkeys(BROKEN, "fail"), **dict.fromkeys(REFUSING, "muted")}


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


@pytest.fixture(scope="module")
def dashboard(broker: Broker) -> Iterator[DashboardProcess]:
    commands = {"echo": [["text", "s", 0, 64, "hello"]]}
    with (
        DashboardProcess(broker.url) as running,
        ObedientCrowd(broker.url, NODES, commands, ANSWERS),
        Probe(broker.url, "none/#") as probe,
    ):
        running.wait_for("/api/snapshot", lambda shown: len(shown["nodes"]) == len(NODES), PATIENCE)
        for node in LOST:
            gone = {"state": "lost", "boot": BOOT, "conn": 1}
            probe.publish(f"fleet/1/{node}/status", json.dumps(gone), retain=True)
        running.wait_for("/api/snapshot", lambda shown: states(shown) == {"online": 90, "lost": 10}, PATIENCE)
        yield running


def states(shown: dict[str, Any]) -> Counter[str]:
    return Counter(node["state"] for node in shown["nodes"])


def judge(rows: list[dict[str, Any]]) -> None:
    """Everyone who is connected has one row, and it says what happened."""
    assert sorted(row["node"] for row in rows) == sorted(set(NODES) - set(LOST))
    said = {row["node"]: row for row in rows}
    assert {said[node]["st"] for node in HUNG} == {"silent"}, "no answer is not a failure"
    assert {said[node]["st"] for node in BROKEN} == {"fail"}
    assert {said[node]["err"] for node in BROKEN} == {"it broke"}
    assert {said[node]["st"] for node in REFUSING} == {"muted"}
    assert {said[node]["st"] for node in OBEDIENT} == {"done"}
    assert all(said[node]["ms"] is not None for node in OBEDIENT + BROKEN + REFUSING)
    assert all(said[node]["ms"] is None for node in HUNG)


def test_the_dashboard_names_who_obeyed_who_failed_and_who_said_nothing(dashboard: DashboardProcess) -> None:
    began = time.monotonic()
    status, asked = dashboard.post("/api/commands", {"target": "_all", "name": "echo", "args": {}})
    assert status == 202
    call = dashboard.wait_for(f"/api/commands/{asked['id']}", lambda call: call["done"], PATIENCE)
    took = time.monotonic() - began
    judge(call["rows"])
    words = Counter(row["st"] for row in call["rows"])
    lost = [row["id"] for row in dashboard.get("/api/roll")["nodes"] if row["kind"] == "lost"]
    print(f"{len(NODES)} nodes, report after {took:.1f} s: {dict(words)}, and {len(lost)} lost")
    assert sorted(lost) == LOST
    assert words.total() + len(lost) == len(NODES)


def test_the_command_line_says_the_same_and_ends_with_3(dashboard: DashboardProcess, broker: Broker) -> None:
    path = os.pathsep.join(str(tiers.ROOT / part) for part in ("node", "fleet-tools"))
    environment = {**os.environ, "PYTHONPATH": path, "FLEET_BROKER": broker.url}
    command = [sys.executable, "-m", "fleet_tools", "send", "echo", "--all", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 3, done.stderr
    judge(json.loads(done.stdout)["rows"])
