"""From the sample to the page: 500 nodes, 1,000 readings a second, a real Chromium with the wall open.

A reading carries the time at which it was sent; page and publisher share one clock. "applied" is when the page has
worked on the frame that brought it, "painted" when the animation frame after that was rendered. Then the same with 30
further viewers, of which one never reads.
"""

import selectors
import socket
import statistics
import threading
import time
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from bench import machine, scene
from support.dashboard import DashboardProcess
from support.memory import rss_mb

NODES, PER_SECOND, VIEWERS = 500, 1000, 30
SETTLE_S = 3

# Stands before the page's own code: its listener is timed, and so is the rendering of what it asked for. That the text
# of tiles really changes is counted beside it; a wall that draws its nodes on a canvas has none.
WATCH = """
(() => {
  const DAY = 86400000;
  const bench = (window.bench = {applied: [], painted: [], texts: 0, bytes: 0});
  const rendered = new MessageChannel();
  const since = (sent, now = Date.now()) => (((now - sent) % DAY) + DAY) % DAY;
  rendered.port1.onmessage = ({data}) => bench.painted.push(...data.map((time) => since(time)));
  const note = (event) => {
    bench.bytes += event.data.length;
    const sent = Object.values(JSON.parse(event.data).nodes ?? {}).map((patch) => patch.v?.sht4x?.sent);
    return sent.filter((time) => typeof time === "number");
  };
  window.EventSource = class extends EventSource {
    addEventListener(type, listener, ...more) {
      const timed = (event) => {
        listener(event);
        const at = Date.now();
        const sent = note(event);
        bench.applied.push(...sent.map((time) => since(time, at)));
        // The page's own callback of this animation frame stands before ours, and a task comes after the rendering.
        requestAnimationFrame(() => rendered.port2.postMessage(sent));
      };
      super.addEventListener(type, type === "frame" ? timed : listener, ...more);
    }
  };
  new MutationObserver((records) => {
    const tile = ({target}) => (target.closest ? target : target.parentElement)?.closest("[data-node]");
    bench.texts += new Set(records.map(tile).filter(Boolean)).size;
  }).observe(document, {subtree: true, childList: true, characterData: true});
})();
"""
TAKE = """
() => { const found = {...bench}; Object.assign(bench, {applied: [], painted: [], texts: 0, bytes: 0}); return found; }
"""


class Viewers:
    """Further viewers of the stream, as bare as they can be. The first of them never reads."""

    def __init__(self, url: str, count: int) -> None:
        place = urlsplit(url)
        self._sockets = [socket.socket() for _ in range(count)]
        self._reading = selectors.DefaultSelector()
        self._ends = threading.Event()
        for number, sock in enumerate(self._sockets):
            if number == 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            else:
                self._reading.register(sock, selectors.EVENT_READ)
            sock.connect((place.hostname, place.port))
            sock.sendall(f"GET /api/stream HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
        self._thread = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        while not self._ends.is_set():
            for key, _ in self._reading.select(0.2):
                assert isinstance(key.fileobj, socket.socket)
                key.fileobj.recv(1 << 20)

    def __enter__(self) -> "Viewers":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.set()
        self._thread.join()
        for sock in self._sockets:
            sock.close()


def figures(text: str, times: list[float], wanted: str = "") -> str:
    if len(times) < 100:
        return f"{text:<46} only {len(times)} were seen"
    hundredths = statistics.quantiles(times, n=100)
    return f"{text:<46} p50 {hundredths[49]:5.0f} ms   p99 {hundredths[98]:5.0f} ms   of {len(times):,}{wanted}"


def watched(page: Any, dashboard: DashboardProcess, seconds: float, who: str) -> list[str]:
    time.sleep(SETTLE_S)
    page.evaluate(TAKE)
    before, began = machine.cpu_s(dashboard.pid), time.monotonic()
    page.wait_for_timeout(seconds * 1000)
    found = page.evaluate(TAKE)
    took = time.monotonic() - began
    busy = (machine.cpu_s(dashboard.pid) - before) / took
    stats = dashboard.get("/api/stats")
    return [
        figures(f"{who}: sample -> applied", found["applied"]),
        figures(f"{who}: sample -> painted", found["painted"], "   (to reach: 100, 250)"),
        f"{'':<46} texts of tiles that changed meanwhile: {found['texts']:,}",
        f"{'':<46} dashboard {busy:.0%} of a core, {rss_mb(dashboard.pid):.0f} MB, "
        f"{found['bytes'] / took / 1024:.0f} KB/s to each of {stats['viewers']}, "
        f"{stats['conflated']} queues thrown away, {machine.load()}",
    ]


def run() -> list[str]:
    absent = scene.absent()
    if absent:
        return [f"not measured: {absent}"]
    seconds = 60 if machine.is_full() else 15
    with scene.fleet(NODES, PER_SECOND) as (dashboard, publisher), scene.chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(60_000)
        page.add_init_script(WATCH)
        page.goto(dashboard.url)
        scene.wait_until(page, "bench.applied.length > 0")
        lines = watched(page, dashboard, seconds, "one browser")
        with Viewers(dashboard.url, VIEWERS):
            lines += watched(page, dashboard, seconds, f"and {VIEWERS} viewers, one asleep")
        sent, latest = publisher.stop()
    return [*lines, f"{sent:,} readings of {NODES} nodes, the publisher at most {latest} ms behind its own pace"]
