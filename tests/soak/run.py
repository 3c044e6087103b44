"""One run: a fleet, three hands that spoil it, an end in which all is healed, and the verdict."""

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from soak.faults import Hand, HostHand, NetworkHand, NodeHand
from support import checker
from support.memory import rss_mb, slope
from support.probe import Probe, Seen
from support.proxy import Proxy
from support.rig import Rig

HEALTH_MS = 5000
LASTING = 0.4  # of the time, at its end: the dashboard is not ended any more, so that one sees whether its memory grows
WARM_S = 60  # a process that is younger than this still takes memory for the first time


@dataclass
class Report:
    seed: int
    result: checker.Result
    miscounts: list[str]
    faults: Counter[str]
    errors: list[str]
    lines: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.result.ok and not self.miscounts and not self.errors

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.faults.items()))
        lines = [f"seed {self.seed}", f"{self.faults.total()} faults of {len(self.faults)} kinds: {kinds}", *self.lines]
        lines.append(str(self.result))
        lines += [f"account: {one}" for one in self.miscounts[:10]] + [f"error: {one}" for one in self.errors[:10]]
        return "\n".join([*lines, "no violation" if self.ok else "VIOLATED"])


class Watch(threading.Thread):
    """Memory of every process, and the loop lag that nodes report."""

    def __init__(self, rig: Rig, still: dict[str, float], every_s: float) -> None:
        super().__init__(name="watch", daemon=True)
        self.lag: tuple[int, str] = (0, "")
        self.most: dict[str, float] = {}
        self._rig, self._still, self._every_s = rig, still, every_s
        self._points: dict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
        self._over = threading.Event()

    def health(self, seen: Seen) -> None:
        node = seen.topic.split("/")[2]
        lag = seen.json().get("lag", 0)
        if seen.at - self._still.get(node, 0) > 2 * HEALTH_MS / 1000 and lag > self.lag[0]:
            self.lag = lag, node

    def run(self) -> None:
        while not self._over.wait(self._every_s):
            for kind, pid in self._pids():
                try:
                    used = rss_mb(pid)
                except (OSError, IndexError):
                    continue  # it has just ended
                self._points[kind, pid].append((time.monotonic(), used))
                self.most[kind] = max(self.most.get(kind, 0), used)

    def _pids(self) -> list[tuple[str, int]]:
        found = []
        holders = [("dashboard", self._rig.dashboard), *[("node", node) for node in self._rig.nodes.values()]]
        for kind, holder in holders:
            try:
                found.append((kind, holder.pid))
            except AssertionError:
                pass  # it does not run at the moment
        return found

    def stop(self) -> None:
        self._over.set()
        self.join(30)

    def growth(self, kind: str) -> tuple[float, float]:
        """(MB/h by least squares over all processes of this kind, each about its own mean; hours looked at)."""
        centred, seconds = [], 0.0
        for (one, _), points in self._points.items():
            warm = [point for point in points if point[0] > points[0][0] + WARM_S]
            if one == kind and len(warm) > 2:
                middle = sum(when for when, _ in warm) / len(warm), sum(used for _, used in warm) / len(warm)
                centred += [(when - middle[0], used - middle[1]) for when, used in warm]
                seconds += warm[-1][0] - warm[0][0]
        return slope(centred) * 3600, seconds / 3600


def soak(
    folder: Path,
    seed: int,
    minutes: float,
    nodes: int,
    *,
    pace_s: float = 4.0,
    hold_s: float = 12.0,
    patience: float = 300.0,
    say: Callable[[str], object] = lambda line: None,
) -> Report:
    """Faults come every `pace_s` seconds and hand, and last up to `hold_s`. `patience`: for the delivery at the end."""
    dice = random.Random(seed)
    with ExitStack() as stack:
        rig_dice = random.Random(dice.random())
        dashboard_link: list[Proxy] = []

        def link(port: int) -> str:
            dashboard_link.append(stack.enter_context(Proxy(port)))
            return dashboard_link[0].url

        rig = stack.enter_context(Rig(folder, link=link))
        proxies = [stack.enter_context(Proxy(rig.broker.port)) for _ in range(max(2, min(8, nodes // 4)))]
        for number in range(nodes):
            rig.node(f"n{number:03}", proxies[number % len(proxies)].url, **settings(rig_dice, number))
            time.sleep(0.02)
        rig.wait_for_readings(2 * nodes, within=120)
        hands: list[Hand] = [
            NodeHand(rig, random.Random(dice.random()), pace_s * 10 / max(10, nodes), hold_s),
            HostHand(rig, random.Random(dice.random()), pace_s * 2, hold_s),
            NetworkHand(rig, [*dashboard_link, *proxies], random.Random(dice.random()), pace_s, hold_s),
        ]
        watch = Watch(rig, hands[0].stood_still, 1 if minutes < 2 else 5)  # type: ignore[attr-defined]
        stack.enter_context(Probe(rig.broker.url, "fleet/1/+/health", tell=watch.health, remember=False))
        began = time.monotonic()
        for thread in (*hands, watch):
            thread.start()
        while (left := began + minutes * 60 - time.monotonic()) > 0:
            time.sleep(min(left, 30))
            if left < minutes * 60 * LASTING:
                hands[1].spared = {"dashboard kill", "dashboard stop"}
            say(f"{(time.monotonic() - began) / 60:5.1f} min: {sum(hand.done.total() for hand in hands)} faults")
        for hand in hands:
            hand.stop()
        errors = [error for hand in hands for error in hand.errors]
        rig.dashboard.wait_until_ready(patience)
        errors += [f"{node.id} ended by itself: {node.output[-500:]}" for node in rig.nodes.values() if not node.alive]
        say("healed; waiting for the delivery of what the nodes still have")
        settled = time.monotonic()
        try:
            rig.settle(patience)
            rig.wait_until_ordered(30)
        except AssertionError as error:
            errors.append(f"the delivery did not settle: {error}")
        settled = time.monotonic() - settled
        watch.stop()
        miscounts = rig.miscounts()
        errors += tracebacks(rig)
        result = rig.verdict()
        faults = Counter[str]()
        for hand in hands:
            faults.update(hand.done)
        report = Report(seed, result, miscounts, faults, errors)
        report.lines.append(
            f"{nodes} nodes, {result.boots} boots, {minutes:g} min, settled {settled:.1f} s after the end"
        )
        for kind in ("dashboard", "node"):
            grown, hours = watch.growth(kind)
            text = (
                f"{grown:+.2f} MB/h over {hours:.2f} process hours" if hours > 0.02 else "no process lived long enough"
            )
            report.lines.append(f"memory of a {kind}: at most {watch.most.get(kind, 0):.1f} MB; slope {text}")
        report.lines.append(f"worst loop lag of a node that was not frozen: {watch.lag[0]} ms ({watch.lag[1]})")
        report.lines.append(f"largest step back of a sensor's time: {result.back_ms} ms")
        return report


def settings(dice: random.Random, number: int) -> dict[str, object]:
    """Most read once in a second or two; every sixth is fast and has hardly any flash, so that it must drop."""
    common = {"keepalive": dice.randint(3, 10), "health": HEALTH_MS}
    if number % 6 == 5:
        return {"period": dice.randint(100, 250), "journal_kb": 24, "queue": 60, "journal_s": 5, **common}
    return {"period": dice.randint(1000, 2000), "sensors": dice.choice([["sht4x"], ["bmp280", "mpu6886"]]), **common}


def tracebacks(rig: Rig) -> list[str]:
    found = [f"{node.id}: {node.output[-800:]}" for node in rig.nodes.values() if "Traceback" in node.output]
    if "Traceback" in rig.dashboard.output:
        found.append(f"dashboard: {rig.dashboard.output[-1500:]}")
    return found
