"""Resident memory of the dashboard while millions of readings of 500 nodes go through it, as a series: is it flat?"""

import subprocess
import sys
import time
from collections.abc import Iterator

from bench import ingest, machine, scene
from support.broker import Broker
from support.dashboard import ANY_RATE, DashboardProcess
from support.memory import rss_mb, slope

NODES, WINDOW, PART = 500, 500, 25_000  # one part on its way while another is stored
FULL, SHORT, ROWS = 10_000_000, 500_000, 10
SLOWEST = 100  # messages/s; slower than this is stuck


def run() -> Iterator[str]:
    messages = FULL if machine.is_full() else SHORT
    points = []
    with Broker() as broker, DashboardProcess(broker.url, wait=False, environment=ANY_RATE) as dashboard:
        dashboard.wait_until_ready(scene.START_S)
        yield f"{'at the start':<22} {rss_mb(dashboard.pid):8.1f} MB"
        command = [sys.executable, "-m", "bench.stream"]
        command += [str(one) for one in (broker.port, NODES, messages, WINDOW, 1, PART)]
        began = time.monotonic()
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as sender:
            assert sender.stdin is not None
            for done in range(PART, messages + 1, PART):
                if done < messages:
                    print(file=sender.stdin, flush=True)
                within = scene.START_S + PART / SLOWEST
                ingest.wait_until(
                    lambda done=done: ingest.stats(dashboard.url)["rows"] >= done,
                    within,
                    f"{done:,} rows were not reached",
                )
                if done % (messages // ROWS):
                    continue
                points.append((done / 1e6, rss_mb(dashboard.pid)))
                rate = done / (time.monotonic() - began)
                size = sum(file.stat().st_size for file in dashboard.data_dir.glob("fleet.db*")) / 1e6
                yield (
                    f"{done:>10,} readings    {points[-1][1]:8.1f} MB   database {size:6.0f} MB   {rate:7,.0f} msg/s "
                    f"so far   {machine.load()}"
                )
            sender.wait(60)
    grows = slope(points[ROWS // 2 :])
    yield f"{'growth, second half':<22} {grows:8.2f} MB a million   (to reach: 200 MB in all, flat)"
