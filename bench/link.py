"""Our link against stock umqtt.simple: a QoS 1 publish on loopback, and the CPU of doing nothing."""

import subprocess
from pathlib import Path

from bench.machine import cpu_s
from support import tiers
from support.broker import Broker

COUNT, IDLE_S = 300, 8
SCRIPT = Path(__file__).with_name("upy_link.py")


def measure(broker: Broker, who: str) -> tuple[float, float, float]:
    """(median ms, 95th percentile ms, CPU s of being idle for IDLE_S)."""
    command = [str(tiers.micropython()), str(SCRIPT), who, str(tiers.NODE), str(broker.port), str(COUNT)]
    with subprocess.Popen([*command, str(IDLE_S * 1000)], stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdout is not None
        median, late = (int(word) / 1000 for word in process.stdout.readline().split())
        process.stdout.readline()
        before = cpu_s(process.pid)
        try:
            process.wait(IDLE_S - 1)
        except subprocess.TimeoutExpired:
            pass
        idle = (cpu_s(process.pid) - before) * IDLE_S / (IDLE_S - 1)
        process.kill()
    return median, late, idle


def run() -> list[str]:
    with Broker() as broker:
        stock, ours = measure(broker, "stock"), measure(broker, "ours")
    return [
        f"QoS 1 publish, stock umqtt.simple    {stock[0]:10.2f} ms   p95 {stock[1]:.2f} ms",
        f"QoS 1 publish, our link              {ours[0]:10.2f} ms   p95 {ours[1]:.2f} ms   (to reach: 0.5 ms)",
        f"times faster                         {stock[0] / ours[0]:10.0f}   (to reach: 50)",
        f"idle CPU over {IDLE_S} s, stock polling 5 ms {stock[2]:6.3f} s",
        f"idle CPU over {IDLE_S} s, our link         {ours[2]:10.3f} s   (to reach: 0.01 s)",
    ]
