"""One command to 200 real nodes until the last ack, jitter off."""

import asyncio
import os
import subprocess
import tempfile
import time
from pathlib import Path

from fleet_client import Client
from support import tiers
from support.broker import Broker

NODES = 200


def start_node(broker: Broker, name: str, folder: Path) -> subprocess.Popen[bytes]:
    config = folder / f"{name}.json"
    config.write_text('{"jitter":0,"period":60000,"health":600000}')
    environment = {
        **os.environ,
        "FLEET_CONFIG": str(config),
        "FLEET_NODE": name,
        "FLEET_BROKER": broker.url,
    }
    return subprocess.Popen(
        [str(tiers.micropython()), str(tiers.NODE / "main.py")],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def measure(broker: Broker, rounds: int) -> list[str]:
    async with Client(broker.url) as client:
        deadline = time.monotonic() + 120
        while len(await client.online_nodes(0.5)) < NODES:
            if time.monotonic() > deadline:
                raise TimeoutError(f"only {len(await client.online_nodes(0.5))} of {NODES} nodes came up")
        last, missing = [], 0
        for _ in range(rounds):
            call = await client.request("_all", "echo", {"text": "roll-call"}, deadline_s=10)
            times = [row.ms for row in call.rows if row.ms is not None]
            missing += NODES - len(times)
            last.append(max(times))
    return [
        f"one command to {NODES} nodes, last ack   {sorted(last)[len(last) // 2]:8.0f} ms  (median of {rounds})",
        f"acks missing                         {missing:10d}",
    ]


def run(rounds: int = 5) -> list[str]:
    with tempfile.TemporaryDirectory() as folder, Broker() as broker:
        nodes: list[subprocess.Popen[bytes]] = []
        try:
            nodes = [start_node(broker, f"bench-{number:03d}", Path(folder)) for number in range(NODES)]
            return asyncio.run(measure(broker, rounds))
        finally:
            for node in nodes:
                node.kill()
            for node in nodes:
                node.wait()
