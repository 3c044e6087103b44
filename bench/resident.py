"""Resident memory of the dashboard while millions of readings of 500 nodes go through it, as a series: is it flat?"""

import subprocess
import sys
import time
from collections.abc import Iterator

from bench import ingest, machine, scene
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.memory import rss_mb, slope

NODES, WINDOW = 500, 500
FULL, SHORT, ROWS = 10_000_000, 500_000, 10
SLOWEST = 1000  # messages/s; slower than this is stuck


def run() -> Iterator[str]:
    messages = FULL if machine.is_full() else SHORT
    points = []
    with Broker() as broker, DashboardProcess(broker.url, wait=False) as dashboard:
        dashboard.wait_until_ready(scene.START_S)
        yield f"{'at the start':<22} {rss_mb(dashboard.pid):8.1f} MB"
        command = [sys.executable, "-m", "bench.stream"]
        command += [str(one) for one in (broker.port, NODES, messages, WINDOW, 1)]
        began = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as sender:
            for part in range(1, ROWS + 1):
                goal = messages * part // ROWS
                complaint = f"{goal:,} rows were not reached"
                within = scene.START_S + messages / ROWS / SLOWEST
                ingest.wait_until(lambda goal=goal: ingest.stats(dashboard.url)["rows"] >= goal, within, complaint)
                points.append((goal / 1e6, rss_mb(dashboard.pid)))
                rate = goal / (time.monotonic() - began)
                size = dashboard.database.stat().st_size / 1e6
                yield (
                    f"{goal:>10,} readings    {points[-1][1]:8.1f} MB   database {size:6.0f} MB   {rate:7,.0f} msg/s "
                    f"so far   {machine.load()}"
                )
            sender.wait(60)
    grows = slope(points[ROWS // 2 :])
    yield f"{'growth, second half':<22} {grows:8.2f} MB a million   (to reach: 200 MB in all, flat)"
