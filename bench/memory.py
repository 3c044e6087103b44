"""Heap of the whole node with three sensors: what the node and what the simulation holds, and the least that runs."""

import contextlib
import io
import subprocess
from pathlib import Path

from support import tiers
from support.broker import Broker
from support.node import NodeProcess
from support.probe import Probe

SIZES_KB = (80, 96, 112, 128, 144, 160, 176, 192)
SENSORS = ["sht4x", "bmp280", "mpu6886"]
SCRIPT = Path(__file__).with_name("upy_memory.py")


def layers() -> tuple[int, int]:
    """(bytes held by the node, bytes held by the simulation), compiled from source, 64-bit."""
    done = subprocess.run(
        [str(tiers.micropython()), str(SCRIPT), str(tiers.NODE)], capture_output=True, text=True, check=True
    )
    node, simulation = done.stdout.split()[-2:]
    return int(node), int(simulation)


def runs_with(size_kb: int) -> bool:
    """Does a real node with this heap get readings of all its sensors and an ack through?"""
    node_says = io.StringIO()
    with Broker() as broker, Probe(broker.url, "fleet/1/#") as probe, contextlib.redirect_stdout(node_says):
        try:
            with NodeProcess(broker.url, "small", heap=f"{size_kb}K", period=200, sensors=SENSORS) as node:
                for sensor in SENSORS:
                    probe.expect_count(10, f"fleet/1/small/tele/{sensor}", within=5)
                probe.publish("fleet/1/small/cmd/buzz", '{"id":"heap"}')
                probe.expect("fleet/1/small/ack", within=5)
                return "MemoryError" not in node.output
        except AssertionError:
            return False


def run() -> list[str]:
    node, simulation = layers()
    least = next((size for size in SIZES_KB if runs_with(size)), None)
    return [
        f"heap held by the node                {node / 1024:10.1f} KB   (64-bit words, compiled from source)",
        f"heap held by the simulation          {simulation / 1024:10.1f} KB",
        f"least heap that ran both             {least or 0:10d} KB   (to reach: 192 KB)",
    ]
