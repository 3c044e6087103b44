"""Every fault that network, broker, host and flash can have, under five nodes: when all are back, and their lag."""

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess
from support.probe import Probe
from support.proxy import Proxy

NODES = ("ada", "grace", "katherine", "linus", "margaret")
SENSORS = ["sht4x", "bmp280", "mpu6886"]
LASTS_S = 5.0

Fault = tuple[str, Callable[[], object], Callable[[], object]]


def seconds_until_all_read(broker: Broker) -> float:
    """From now until a fresh reading of every node has passed the broker."""
    began = time.monotonic()
    with Probe(broker.url, "fleet/1/+/tele/+") as probe:
        for node in NODES:
            probe.expect(f"fleet/1/{node}/tele/+", lambda seen: "hist" not in seen.json(), within=60)
    return time.monotonic() - began


def faults(broker: Broker, proxy: Proxy, dashboard: DashboardProcess) -> list[Fault]:
    """(name, begin, end)"""
    nothing: Callable[[], object] = lambda: None  # noqa: E731
    return [
        ("broker killed -9", broker.kill, broker.start),
        ("broker frozen", broker.freeze, broker.thaw),
        ("connections reset", proxy.reset_all, nothing),
        ("connections closed", proxy.cut_all, nothing),
        ("connections refused", proxy.refuse, proxy.heal),
        ("half open", proxy.half_open, proxy.heal),
        ("silent towards the broker", lambda: proxy.silence("up"), proxy.heal),
        ("silent towards the node", lambda: proxy.silence("down"), proxy.heal),
        ("every byte 0.3 s late", lambda: proxy.delay(0.3), proxy.heal),
        ("400 bytes a second", lambda: proxy.trickle(400), proxy.heal),
        ("dashboard killed -9", dashboard.kill, dashboard.start),
    ]


def run() -> list[str]:
    rows = []
    with ExitStack() as stack:
        broker = stack.enter_context(Broker())
        proxy = stack.enter_context(Proxy(broker.port))
        data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        dashboard = stack.enter_context(DashboardProcess(broker.url, data_dir=data))
        nodes = []
        for name in NODES:  # one after the other: five interpreters that start at once only measure the scheduler
            # Its flash takes 24 KB: while the dashboard or the broker is away it is full within seconds.
            settings = {
                "sensors": SENSORS,
                "period": 250,
                "keepalive": 4,
                "journal_kb": 24,
                "queue": 20,
                "health": 1000,
            }
            nodes.append(stack.enter_context(NodeProcess(proxy.url, name, flash=True, **settings)))
            nodes[-1].expect("connected")
        seconds_until_all_read(broker)
        probe = stack.enter_context(Probe(broker.url, "fleet/1/+/health"))
        for name, begin, end in faults(broker, proxy, dashboard):
            mark = probe.mark()
            begin()
            time.sleep(LASTS_S)
            end()
            back = seconds_until_all_read(broker)
            time.sleep(2)  # the next health of each tells the lag since its last
            lag = max([one.json()["lag"] for one in probe.seen("#")[mark:]], default=0)
            rows.append(f"{name:<28}{LASTS_S:4.0f} s: all back after {back:5.1f} s, worst loop lag {lag:3d} ms")
        drops = max(one.json()["drops"] for one in probe.seen("#"))
        worst = max(node.quit() for node in nodes)
    return [
        *rows,
        f"flash full meanwhile: at most {drops} readings of a node dropped and counted",
        f"worst loop lag of {len(nodes)} nodes over all of it {worst:8d} ms  (to reach: 20 ms)",
    ]
