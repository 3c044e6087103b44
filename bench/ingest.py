"""From the broker to committed, deduplicated rows, against `mosquitto_sub >/dev/null` and Node-RED on the same stream.

All take the same stream from a fresh broker of the same kind, one after the other, `rounds` times; the best of each
counts, since what disturbs a run only ever makes it slower. Node-RED keeps rows without any key: it has less to do.
"""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench import machine, nodered
from support.broker import Broker
from support.dashboard import ANY_RATE, DashboardProcess
from support.memory import rss_mb

NODES, MESSAGES, WINDOW = 200, 60_000, 500
FLEETS = (10, 100, 500)  # more than 500 nodes one dashboard does not take


def stream(port: int, qos: int, nodes: int = NODES, messages: int = MESSAGES) -> tuple[float, float]:
    """(began, took) of the whole stream."""
    command = [sys.executable, "-m", "bench.stream", *(str(one) for one in (port, nodes, messages, WINDOW, qos))]
    began, took = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    return float(began), float(took)


def reference(qos: int) -> float:
    """Messages/s that mosquitto_sub takes and throws away."""
    with Broker() as broker, Path("/dev/null").open("wb") as nowhere:
        command = ["mosquitto_sub", "-p", str(broker.port), "-q", str(qos), "-t", "fleet/1/#", "-C", str(MESSAGES)]
        with subprocess.Popen(command, stdout=nowhere) as taker:
            wait_until(lambda: "Sending SUBACK" in broker.log, 30, "mosquitto_sub did not subscribe")
            began, _ = stream(broker.port, qos)
            taker.wait(120)
            return MESSAGES / (time.monotonic() - began)


def ours(qos: int, nodes: int = NODES) -> tuple[float, float, float]:
    """(messages/s until all rows are committed, CPU us a message, resident MB afterwards) of the dashboard."""
    with Broker() as broker, DashboardProcess(broker.url, wait=False, environment=ANY_RATE) as dashboard:
        dashboard.wait_until_ready(60)
        before = machine.cpu_s(dashboard.pid)
        began, _ = stream(broker.port, qos, nodes)
        rows = wait_until(lambda: stats(dashboard.url)["rows"] >= MESSAGES, 120, "rows are missing")
        cpu_us = (machine.cpu_s(dashboard.pid) - before) / MESSAGES * 1e6
        return MESSAGES / (rows - began), cpu_us, rss_mb(dashboard.pid)


def node_red(qos: int, way: str) -> float:
    """Messages/s until all rows are in Node-RED's SQLite file."""
    messages = MESSAGES if way == "batched" else MESSAGES // 4
    with (
        tempfile.TemporaryDirectory() as folder,
        Broker() as broker,
        nodered.NodeRed(Path(folder), broker.port, qos, way) as flow,
    ):
        wait_until(lambda: "Sending SUBACK" in broker.log, 90, "Node-RED did not subscribe")
        began, _ = stream(broker.port, qos, NODES, messages)
        rows = wait_until(lambda: flow.rows() >= messages, 180, "Node-RED's rows are missing")
        return messages / (rows - began)


def stats(url: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{url}/api/stats", timeout=30) as answer:
        return dict(json.load(answer))


def wait_until(condition: object, within: float, complaint: str) -> float:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return time.monotonic()
        time.sleep(0.02)
    raise TimeoutError(complaint)


def compared(qos: int, rounds: int) -> Iterator[str]:
    taken, stored, per_insert, batched = [], [], [], []
    absent = nodered.absent()
    for _ in range(rounds):
        taken.append(reference(qos))
        stored.append(ours(qos))
        if not absent:
            per_insert.append(node_red(qos, "per-insert"))
            batched.append(node_red(qos, "batched"))
    sub, (rate, cpu_us, memory) = max(taken), max(stored)
    wanted = "   (to reach: 0.50, and 15,000 msg/s)" if qos else ""
    yield f"QoS {qos}: mosquitto_sub >/dev/null        {sub:10,.0f} msg/s   {machine.load()}"
    yield f"QoS {qos}: dashboard, committed rows       {rate:10,.0f} msg/s   {rate / sub:.2f} of mosquitto_sub{wanted}"
    yield f"{'':<7}its CPU and memory               {cpu_us:10.0f} us/msg  {memory:.0f} MB"
    if absent:
        yield f"QoS {qos}: Node-RED not measured: {absent}"
        return
    for text, rates in (("an INSERT a message", per_insert), ("500 rows an INSERT", batched)):
        red = max(rates)
        yield f"QoS {qos}: Node-RED, {text:<22} {red:10,.0f} msg/s   the dashboard takes {rate / red:.1f} times as many"


def run() -> Iterator[str]:
    rounds = 3 if machine.is_full() else 1
    yield from compared(1, rounds)
    yield from compared(0, rounds)
    for nodes in FLEETS:
        rate, cpu_us, _ = max(ours(1, nodes) for _ in range(rounds))
        yield f"QoS 1: dashboard, {nodes:4d} nodes            {rate:10,.0f} msg/s   {cpu_us:.0f} us CPU a message"
