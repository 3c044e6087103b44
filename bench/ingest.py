"""From the broker to committed, deduplicated rows, against `mosquitto_sub >/dev/null` on the same stream.

Both take the same QoS 1 stream from the same broker, one after the other, `rounds` times; the best of each counts,
since what disturbs a run only ever makes it slower.
"""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from support.broker import Broker
from support.dashboard import DashboardProcess

NODES, MESSAGES, WINDOW = 200, 60_000, 500


def stream(port: int) -> tuple[float, float]:
    """(began, took) of the whole stream."""
    command = [sys.executable, "-m", "bench.stream", str(port), str(NODES), str(MESSAGES), str(WINDOW)]
    began, took = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    return float(began), float(took)


def reference(broker: Broker) -> float:
    """Messages/s that mosquitto_sub takes and throws away."""
    command = ["mosquitto_sub", "-p", str(broker.port), "-q", "1", "-t", "fleet/1/#", "-C", str(MESSAGES)]
    with Path("/dev/null").open("wb") as nowhere, subprocess.Popen(command, stdout=nowhere) as taker:
        wait_until(lambda: "Sending SUBACK" in broker.log, 5, "mosquitto_sub did not subscribe")
        began, _ = stream(broker.port)
        taker.wait(60)
        return MESSAGES / (time.monotonic() - began)


def ours(broker: Broker) -> tuple[float, float]:
    """(messages/s until all rows are committed, resident MB of the dashboard afterwards)."""
    with tempfile.TemporaryDirectory() as data, DashboardProcess(broker.url, data_dir=Path(data)) as dashboard:
        began, _ = stream(broker.port)
        rows = wait_until(lambda: stats(dashboard.url)["rows"] >= MESSAGES, 60, "rows are missing")
        return MESSAGES / (rows - began), resident_mb(dashboard.pid)


def stats(url: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{url}/api/stats", timeout=5) as answer:
        return dict(json.load(answer))


def wait_until(condition: object, within: float, complaint: str) -> float:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return time.monotonic()
        time.sleep(0.02)
    raise TimeoutError(complaint)


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ValueError("no VmRSS")


def run(rounds: int = 3) -> list[str]:
    taken, stored, memory = [], [], []
    for _ in range(rounds):
        with Broker() as broker:
            taken.append(reference(broker))
        with Broker() as broker:
            rate, rss = ours(broker)
            stored.append(rate)
            memory.append(rss)
    return [
        f"mosquitto_sub >/dev/null, QoS 1      {max(taken):10,.0f} msg/s",
        f"broker -> committed rows, QoS 1      {max(stored):10,.0f} msg/s",
        f"ratio                                {max(stored) / max(taken):10.2f}   (to reach: 0.50, and 15,000 msg/s)",
        f"dashboard's memory afterwards        {max(memory):10.0f} MB",
    ]
