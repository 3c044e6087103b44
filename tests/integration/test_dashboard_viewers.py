"""One viewer that stops reading (a laptop that fell asleep) takes nothing from the others, and no memory."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from fleet_schema import payloads, topics
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.memory import rss_mb
from support.probe import Probe

NODES = [f"node-{number:03d}" for number in range(100)]
# Births of new content: large in the frames, and none of them makes the database, or what it keeps in memory, grow.
BIRTH = {
    "schema": "1.0",
    "period": 60_000,
    "sensors": {"many": {f"field-{number:02d}": ["Cel", "temperature"] for number in range(16)}},
    "inputs": {f"button-{number}": ["press", "release", "long"] for number in range(6)},
}
WITHIN_S = 120.0  # the kernel's buffers have to fill first
WARM_BYTES, READ_ON_BYTES = 3_000_000, 12_000_000  # a few MB come and go in any process


class Viewer:
    """Reads the stream as a page does, and looks whether every frame follows the one before."""

    def __init__(self, url: str) -> None:
        self.frames = 0
        self.missed: list[int] = []
        self.snapshots = 0
        self.bytes = 0
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=WITHIN_S)
        self._connection.request("GET", "/api/stream")
        self._answer = self._connection.getresponse()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        kind, last = b"", None
        try:
            while line := self._answer.readline():
                self.bytes += len(line)
                if line.startswith(b"event: "):
                    kind = line[7:].strip()
                elif line.startswith(b"data: ") and kind == b"snapshot":
                    self.snapshots += 1
                    last = None
                elif line.startswith(b"data: ") and kind == b"frame":
                    number = json.loads(line[6:])["seq"]
                    if last is not None and number != last + 1:
                        self.missed.append(number)
                    self.frames += 1
                    last = number
        except (OSError, ValueError, http.client.HTTPException, AttributeError):
            return  # closed by us

    def wait_for_frame(self) -> None:
        """Not for long: a snapshot is none."""
        frames, until = self.frames, time.monotonic() + 1
        while self.frames == frames and time.monotonic() < until:
            time.sleep(0.01)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def dashboard(broker: Broker) -> Iterator[DashboardProcess]:
    with DashboardProcess(broker.url) as running:
        yield running


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


def asleep(url: str) -> socket.socket:
    """A viewer that asked for the stream and then never reads."""
    place = urlsplit(url)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((place.hostname, place.port))
    sock.sendall(f"GET /api/stream HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
    return sock


class Fleet:
    """Nodes that are born again and again, each time with another name, and all of them for every frame.

    Of what happens to a node between two frames only the last is shown: more births make no frame larger.
    """

    def __init__(self, probe: Probe, viewer: Viewer) -> None:
        self._probe = probe
        self._viewer = viewer
        self._births = 0

    def born_until(self, done: Callable[[], bool], otherwise: Callable[[], str]) -> None:
        began = time.monotonic()
        while not done():
            assert time.monotonic() - began < WITHIN_S, otherwise()
            self._births += 1
            for node in NODES:
                fields = {
                    "boot": "9f3a",
                    "seq": 0,
                    "up": 1000 * self._births,
                    "name": f"{node}-{self._births}",
                    **BIRTH,
                }
                self._probe.publish(topics.node_topic("fleet", node, "meta"), payloads.encode("meta", fields), qos=0)
            self._viewer.wait_for_frame()


@pytest.mark.timeout(4 * WITHIN_S)
def test_a_viewer_that_stops_reading_slows_nobody_and_takes_no_memory(
    broker: Broker, dashboard: DashboardProcess
) -> None:
    with Probe(broker.url, "fleet/1/none") as probe, asleep(dashboard.url):
        awake = Viewer(dashboard.url)
        fleet = Fleet(probe, awake)

        def said() -> str:
            stats = dashboard.get("/api/stats")
            return f"the other viewer has {awake.frames} frames, {awake.snapshots} snapshots; {stats}"

        def is_asleep() -> bool:
            """Were more queues thrown away than those after which the other got a new snapshot?"""
            return bool(dashboard.get("/api/stats")["conflated"] > awake.snapshots - 1)

        fleet.born_until(lambda: awake.bytes > WARM_BYTES and is_asleep(), said)
        assert dashboard.get("/api/stats")["viewers"] == 2
        frames, memory, had = awake.frames, rss_mb(dashboard.pid), awake.bytes
        fleet.born_until(lambda: awake.bytes - had > READ_ON_BYTES, said)
        grown = rss_mb(dashboard.pid) - memory
        awake.close()
    assert awake.frames - frames > 10
    assert not awake.missed, f"the viewer that reads missed frames before {awake.missed[:5]}"
    assert grown < READ_ON_BYTES / 1.5e6, f"{grown:.1f} MB more while the other read {READ_ON_BYTES / 1e6:.0f} MB"
