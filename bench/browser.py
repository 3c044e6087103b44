"""The wall with 500 nodes at 1 Hz in a real Chromium, by the browser's own tracing: does it stay at 60 frames a second?

A page that stands still needs no frames, so a dot is moved in each of them, as a scroll or an animation would: every
frame that the main thread is late for is missed and counted. Headless Chromium rasters in software, on the same cores
as broker, dashboard and fleet: a PC with a graphics card has it easier.
"""

import json
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench import machine, scene

NODES, PER_SECOND = 500, 500
SETTLE_MS = 3000
LONG_MS = 50
CATEGORIES = ["-*", "benchmark", "devtools.timeline", "disabled-by-default-devtools.timeline"]
ALL_THERE = f"document.body.innerText.includes('{NODES} / {NODES}')"
SIZES = "buttons => buttons.map((button) => button.dataset.size)"  # the densities of the wall, as it names them
MOVE = """
() => {
  const dot = document.createElement("i");
  dot.style.cssText = "position:fixed;left:0;bottom:0;width:4px;height:4px;background:red;will-change:transform";
  document.body.append(dot);
  window.frames_seen = [];
  const step = (at) => {
    frames_seen.push(at);
    dot.style.transform = `translateX(${frames_seen.length % 100}px)`;
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}
"""


@dataclass
class Trace:
    """What a trace says of the page's renderer."""

    begun: int  # frames that the screen asked the page for
    drawn: int  # frames that the compositor drew
    tasks: list[float]  # ms of each task of the main thread
    seconds: float

    @classmethod
    def read(cls, data: bytes) -> "Trace":
        events: list[dict[str, Any]] = json.loads(data)["traceEvents"]
        mains = {
            (one["pid"], one["tid"])
            for one in events
            if one["name"] == "thread_name" and one["args"].get("name") == "CrRendererMain"
        }
        runs = [
            one for one in events if one["name"] == "RunTask" and (one["pid"], one["tid"]) in mains and "dur" in one
        ]
        busy: Counter[int] = Counter()
        for one in runs:
            busy[one["pid"]] += one["dur"]
        pid = busy.most_common(1)[0][0]
        # What Chromium's own frame reports call dropped is no measure here: without a screen, nothing confirms that a
        # frame was shown.
        begun = sum(one["name"] == "Scheduler::BeginFrame" and one["pid"] == pid for one in events)
        drawn = sum(one["name"] == "Graphics.Pipeline.DrawAndSwap" and one["ph"] == "b" for one in events)
        runs = [one for one in runs if one["pid"] == pid]
        times = [one["ts"] for one in runs]
        seconds = (max(times) - min(times)) / 1e6
        return cls(begun, drawn, [one["dur"] / 1000 for one in runs], seconds)

    @property
    def busy(self) -> float:
        return sum(self.tasks) / 1000 / self.seconds

    @property
    def long(self) -> list[float]:
        return [task for task in self.tasks if task > LONG_MS]


def looked_at(browser: Any, page: Any, url: str, text: str, seconds: float, folder: Path) -> str:
    page.goto(url)
    scene.wait_until(page, ALL_THERE)
    page.evaluate(MOVE)
    page.wait_for_timeout(SETTLE_MS)
    path = folder / "trace.json"
    browser.start_tracing(page=page, path=path, categories=CATEGORIES)
    page.evaluate("frames_seen.length = 0")
    page.wait_for_timeout(seconds * 1000)
    ticks: list[float] = page.evaluate("frames_seen")
    browser.stop_tracing()
    trace = Trace.read(path.read_bytes())
    gaps = [later - earlier for earlier, later in pairwise(ticks)]
    rate = 1000 * len(gaps) / (ticks[-1] - ticks[0])
    late = statistics.quantiles(gaps, n=100)[98]
    drawn, dropped = trace.drawn / trace.seconds, max(0, trace.begun - trace.drawn)
    return (
        f"{text:<12} {drawn:5.1f} frames/s drawn, {dropped:4d} of {trace.begun} dropped   main thread: "
        f"{rate:5.1f} frames/s, p99 {late:4.0f} ms apart, {trace.busy:4.0%} busy, {len(trace.long):3d} tasks > "
        f"{LONG_MS} ms (longest {max(trace.tasks):.0f})   {machine.load()}"
    )


def run() -> Iterator[str]:
    absent = scene.absent()
    if absent:
        yield f"not measured: {absent}"
        return
    seconds = 60 if machine.is_full() else 10
    with (
        tempfile.TemporaryDirectory() as folder,
        scene.fleet(NODES, PER_SECOND) as (dashboard, _),
        scene.chromium() as browser,
    ):
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(60_000)
        yield f"{seconds} s each, {NODES} nodes at 1 Hz, 1280 x 800, headless Chromium {browser.version}, software"
        page.goto(dashboard.url)
        scene.wait_until(page, ALL_THERE)
        for size in page.eval_on_selector_all("[data-size]", SIZES) or [""]:
            place = f"{dashboard.url}/?size={size}"
            yield looked_at(browser, page, place, size or "as it opens", seconds, Path(folder))
