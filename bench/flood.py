"""What one node that sends 1,000 readings a second costs the others: their way from sample to page, before and during.

The same beside a stranger who connects to the broker 1,000 times a second and hangs up. A class of 100 takes a reading
a second each; a real Chromium has the wall open, and only the class is timed. The node that floods has a connection of
its own, births, and readings under the contract: it is in a hurry, and nothing else.

python -m bench.flood PORT PER_SECOND is that node; at its end it prints how many it sent.
"""

import asyncio
import signal
import subprocess
import sys
import time
from types import TracebackType

from bench import machine, scene
from bench.fleet import STEP_S, births
from bench.latency import WATCH, watched
from bench.stream import publish_packet
from fleet_schema import payloads, topics
from support import raw
from support.nuisance import Knocker

CLASS, PER_SECOND, FLOOD_PER_SECOND, KNOCKS_PER_SECOND = 100, 100, 1000, 1000
WHO, BOOT = "bench-flood", "f10d"


async def flood(port: int, per_second: float) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw.connect(WHO))
    await reader.readexactly(4)
    acks = asyncio.create_task(drop(reader))
    for topic, payload in births(WHO, 0, BOOT, 100):
        writer.write(publish_packet(topic, payload, 1, retain=True))
    print("on", flush=True)
    topic, began, sent = topics.node_topic("fleet", WHO, "tele", "sht4x"), time.monotonic(), 0
    while not ended.is_set() and not acks.done():
        while sent < (time.monotonic() - began) * per_second:
            up = 1000 + int((time.monotonic() - began) * 1000)
            fields = {"boot": BOOT, "seq": sent + 1, "up": up, "v": {"temp": 20 + sent % 100 / 10, "hum": 50}}
            writer.write(publish_packet(topic, payloads.encode("tele", fields), sent % 65535 + 1))
            sent += 1
        await writer.drain()
        await asyncio.sleep(STEP_S)
    print(sent, flush=True)


async def drop(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass


class Flood:
    """`with Flood(port) as flood:` runs the node that floods; `sent` is known afterwards."""

    def __init__(self, port: int) -> None:
        self._command = [sys.executable, "-m", "bench.flood", str(port), str(FLOOD_PER_SECOND)]
        self.sent = 0

    def __enter__(self) -> "Flood":
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "on\n", "the flood did not begin"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        said, _ = self._process.communicate(timeout=30)
        self.sent = int(said)


def run() -> list[str]:
    absent = scene.absent()
    if absent:
        return [f"not measured: {absent}"]
    seconds = 60 if machine.is_full() else 15
    with scene.fleet(CLASS, PER_SECOND) as (dashboard, publisher), scene.chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(60_000)
        page.add_init_script(WATCH)
        page.goto(dashboard.url)
        scene.wait_until(page, "bench.applied.length > 0")
        lines = watched(page, dashboard, seconds, f"{CLASS} nodes alone")
        with Flood(publisher.port) as flooder:
            lines += watched(page, dashboard, seconds, f"beside {FLOOD_PER_SECOND:,} a second of one")
            heard = next(node for node in dashboard.get("/api/snapshot")["nodes"] if node["id"] == WHO)
        with Knocker(publisher.port, KNOCKS_PER_SECOND):
            lines += watched(page, dashboard, seconds, f"beside {KNOCKS_PER_SECOND:,} connects a second")
        sent, latest = publisher.stop()
    lines.append(f"{sent:,} readings of the class, the publisher at most {latest} ms behind its own pace")
    return [*lines, f"{flooder.sent:,} readings of the node that floods; the wall says of it: {heard['state']}"]


if __name__ == "__main__":
    asyncio.run(flood(int(sys.argv[1]), float(sys.argv[2])))
