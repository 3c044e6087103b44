"""Resident memory of the dashboard while millions of readings of 500 nodes go through it, as a series: is it flat?"""

import subprocess
import sys
import time

from bench import ingest, machine, scene
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.memory import rss_mb, slope

NODES, WINDOW = 500, 500
FULL, SHORT, ROWS = 10_000_000, 500_000, 10
STUCK_S = 60


def run() -> list[str]:
    messages = FULL if machine.is_full() else SHORT
    lines, points = [], []
    with Broker() as broker, DashboardProcess(broker.url, wait=False) as dashboard:
        dashboard.wait_until_ready(scene.START_S)
        lines.append(f"{'at the start':<24} {rss_mb(dashboard.pid):8.1f} MB")
        command = [sys.executable, "-m", "bench.stream"]
        command += [str(one) for one in (broker.port, NODES, messages, WINDOW, 1)]
        began = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as sender:
            for part in range(1, ROWS + 1):
                goal = messages * part // ROWS
                ingest.wait_until(
                    lambda goal=goal: ingest.stats(dashboard.url)["rows"] >= goal,
                    STUCK_S + messages / ROWS / 1000,
                    f"{goal:,} rows were not reached",
                )
                memory = rss_mb(dashboard.pid)
                points.append((goal / 1e6, memory))
                size = dashboard.database.stat().st_size / 1e6
                seconds = time.monotonic() - began
                lines.append(
                    f"{goal:>10,} readings {'':<4}{memory:8.1f} MB   database {size:6.0f} MB   "
                    f"{goal / seconds:7,.0f} msg/s so far   {machine.load()}"
                )
            sender.wait(60)
    return [
        *lines,
        f"{'growth, second half':<24} {slope(points[ROWS // 2 :]):8.2f} MB a million   (to reach: 200 MB in all, flat)",
    ]
