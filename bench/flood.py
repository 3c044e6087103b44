"""What one node that sends 1,000 readings a second costs the others: their way from sample to page, before and during.

The same beside a stranger who connects to the broker 1,000 times a second and hangs up. A class of 100 takes a reading
a second each; a real Chromium has the wall open, and only the class is timed. The node that floods has a connection of
its own, births, and readings under the contract: it is in a hurry, and nothing else.

The three take turns, a few seconds each: whatever else the machine does meanwhile, all three get the same of it.

python -m bench.flood PORT PER_SECOND is that node; SIGUSR1 lets it begin and stop, at its end it prints how many.
"""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING

from bench import machine, scene
from bench.fleet import STEP_S, births
from bench.latency import TAKE, WATCH, figures
from bench.stream import publish_packet
from fleet_schema import payloads, topics
from support import raw
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.nuisance import Knocker

if TYPE_CHECKING:
    from playwright.sync_api import Page

CLASS, PER_SECOND, FLOOD_PER_SECOND, KNOCKS_PER_SECOND = 100, 100, 1000, 1000
TURN_S, SETTLE_S, ROUNDS, FULL_ROUNDS = 4, 1, 5, 15
WHO, BOOT = "bench-flood", "f10d"


async def flood(port: int, per_second: float) -> None:
    ended, floods = asyncio.Event(), Switch()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_signal_handler(signal.SIGUSR1, floods.turn)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw.connect(WHO))
    await reader.readexactly(4)
    acks = asyncio.create_task(drop(reader))
    for topic, payload in births(WHO, 0, BOOT, 100):
        writer.write(publish_packet(topic, payload, 1, retain=True))
    print("on", flush=True)
    topic, began, sent = topics.node_topic("fleet", WHO, "tele", "sht4x"), time.monotonic(), 0
    while not ended.is_set() and not acks.done():
        for _ in range(floods.due(per_second)):
            up = 1000 + int((time.monotonic() - began) * 1000)
            fields = {"boot": BOOT, "seq": sent + 1, "up": up, "v": {"temp": 20 + sent % 100 / 10, "hum": 50}}
            writer.write(publish_packet(topic, payloads.encode("tele", fields), sent % 65535 + 1))
            sent += 1
        await writer.drain()
        await asyncio.sleep(STEP_S)
    print(sent, flush=True)


class Switch:
    """Says how many are due since it was last asked: none while it is off."""

    def __init__(self) -> None:
        self._since: float | None = None

    def turn(self) -> None:
        self._since = time.monotonic() if self._since is None else None

    def due(self, per_second: float) -> int:
        if self._since is None:
            return 0
        count = int((time.monotonic() - self._since) * per_second)
        self._since += count / per_second
        return count


async def drop(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass


class Flood:
    """`with Flood(port) as flood:` is the node that floods; `with flood.now():` lets it. `sent` is known afterwards."""

    def __init__(self, port: int) -> None:
        self._command = [sys.executable, "-m", "bench.flood", str(port), str(FLOOD_PER_SECOND)]
        self.sent = 0

    @contextmanager
    def now(self) -> Iterator[None]:
        self._process.send_signal(signal.SIGUSR1)
        yield
        self._process.send_signal(signal.SIGUSR1)

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


@contextmanager
def the_class() -> Iterator[tuple[Broker, DashboardProcess, scene.Publisher]]:
    """A dashboard as a class has it, with all its limits."""
    with Broker() as broker, DashboardProcess(broker.url, wait=False) as dashboard:
        dashboard.wait_until_ready(scene.START_S)
        publisher = scene.Publisher(broker.port, CLASS, PER_SECOND)
        try:
            dashboard.wait_for("/api/health", lambda health: health["nodes"] == CLASS, within=scene.START_S)
            yield broker, dashboard, publisher
        finally:
            publisher.kill()


def take_turns(page: "Page", turns: dict[str, Callable[[], AbstractContextManager[object]]]) -> dict[str, list[float]]:
    """The ms from sample to painted, of each."""
    times: dict[str, list[float]] = {who: [] for who in turns}
    for _ in range(FULL_ROUNDS if machine.is_full() else ROUNDS):
        for who, trouble in turns.items():
            with trouble():
                time.sleep(SETTLE_S)
                page.evaluate(TAKE)
                page.wait_for_timeout(TURN_S * 1000)
                times[who] += page.evaluate(TAKE)["painted"]
    return times


def run() -> list[str]:
    absent = scene.absent()
    if absent:
        return [f"not measured: {absent}"]
    alone, flooded, knocked = (
        f"{CLASS} nodes alone",
        f"beside {FLOOD_PER_SECOND:,} readings a second",
        f"beside {KNOCKS_PER_SECOND:,} connections a second",
    )
    with (
        the_class() as (broker, dashboard, publisher),
        Flood(broker.port) as flooder,
        scene.chromium() as browser,
    ):
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(60_000)
        page.add_init_script(WATCH)
        page.goto(dashboard.url)
        scene.wait_until(page, "bench.painted.length > 0")
        turns = {
            alone: nullcontext,
            flooded: flooder.now,
            knocked: lambda: Knocker(broker.port, KNOCKS_PER_SECOND),
        }
        times = take_turns(page, turns)
        counts = next(node["counts"] for node in dashboard.get("/api/snapshot")["nodes"] if node["id"] == WHO)
        sent, latest = publisher.stop()
    return [
        *(figures(f"{who}: to the page", found) for who, found in times.items()),
        f"{sent:,} readings of the class, the publisher at most {latest} ms behind its own pace, {machine.load()}",
        f"{flooder.sent:,} readings of the node that floods; counted of it: {counts}",
    ]


if __name__ == "__main__":
    asyncio.run(flood(int(sys.argv[1]), float(sys.argv[2])))
