"""What a crowd of nodes does to a broker that comes back: how often each tries, how many at once, how long it lasts.

Some nodes are whole ones (upy_storm_node.py): a program each, with sensors, journal and link. Two cores carry sixty of
those; of the others the link is the real one, and fifty of them share a process (upy_storm_links.py).
"""

import json
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

from support.node import NodeProcess

WHOLE = Path(__file__).with_name("upy_storm_node.py")
LINKS = Path(__file__).with_name("upy_storm_links.py")
NOTE = re.compile(r"^storm (try|in|wait) (\S+) (\d+)$")
SHARE = 50  # links in one process
STEP_MS = 100
PATIENCE_S = 60.0
STEADY_S = 5.5  # half a second more than fleet_node.backoff asks for


@dataclass(frozen=True)
class Storm:
    """All times in ms since the broker was gone. `tries` and `planned` have a list for each node, `back` one time.

    `planned` is when a node meant to try. On a machine that stops for a moment all who were due try at once.
    """

    away_ms: int
    tries: dict[str, list[int]]
    planned: dict[str, list[int]]
    back: dict[str, int]

    @property
    def most_tries(self) -> int:
        return max(map(len, self.tries.values()))

    @property
    def all_tries(self) -> int:
        return sum(map(len, self.tries.values()))

    @property
    def peak(self) -> int:
        return peak(self.tries)

    @property
    def all_back_ms(self) -> int:
        """After the broker came back."""
        return max(self.back.values()) - self.away_ms

    def __str__(self) -> str:
        return (
            f"{len(self.tries)} nodes, broker away for {self.away_ms / 1000:.1f} s: {self.all_tries} tries, at most "
            f"{self.most_tries} of one node, at most {self.peak} in {STEP_MS} ms, "
            f"all back {self.all_back_ms / 1000:.1f} s after it"
        )


def peak(times: dict[str, list[int]]) -> int:
    """The most in one tenth of a second, wherever it begins."""
    ordered = sorted(time for own in times.values() for time in own)
    most = first = 0
    for last, end in enumerate(ordered):
        while end - ordered[first] >= STEP_MS:
            first += 1
        most = max(most, last - first + 1)
    return most


class Mortal(Protocol):
    """A broker that can be killed and started again: of this machine, or of the image."""

    def kill(self) -> None: ...

    def start(self) -> None: ...


class Crowd:
    """`with Crowd(links, whole) as crowd:` has all of these nodes, {id: broker URL}, when all of them are in."""

    def __init__(self, links: dict[str, str], whole: dict[str, str], within: float = PATIENCE_S) -> None:
        self.names = {*links, *whole}
        self._links, self._whole, self._within = links, whole, within
        self._stack = ExitStack()
        self._processes: list[NodeProcess] = []

    def _start(self, process: NodeProcess) -> None:
        self._processes.append(self._stack.enter_context(process))

    def __enter__(self) -> "Crowd":
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="fleet-storm-")))
        urls = list(self._links.items())
        with self._stack:
            for number, first in enumerate(range(0, len(urls), SHARE)):
                path = folder / f"{number}.json"
                path.write_text(json.dumps(dict(urls[first : first + SHARE])))
                more = {"FLEET_STORM": str(path)}
                self._start(NodeProcess("", f"links-{number}", script=LINKS, heap="16M", environment=more))
            for name, url in self._whole.items():
                self._start(NodeProcess(url, name, script=WHOLE, period=2000, lag_tick=50))
            self.wait_until_in(self.marks(from_the_start=True))
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def marks(self, from_the_start: bool = False) -> list[int]:
        return [0 if from_the_start else process.mark() for process in self._processes]

    def notes(self, since: list[int]) -> Iterator[tuple[str, str, int]]:
        """("try" or "in", node, tick) and ("wait", node, ms until its next try)"""
        for process, mark in zip(self._processes, since, strict=True):
            for line in process.said(mark):
                if found := NOTE.match(line):
                    yield found[1], found[2], int(found[3])

    def wait_until_in(self, since: list[int]) -> None:
        deadline = time.monotonic() + self._within
        while absent := self.names - {node for kind, node, _ in self.notes(since) if kind == "in"}:
            ended = [process.output for process in self._processes if not process.alive]
            assert not ended, ended[0]
            assert time.monotonic() < deadline, (
                f"{len(absent)} of {len(self.names)} nodes are not in after {self._within} s, such as {min(absent)}"
            )
            time.sleep(0.2)

    def wait_until_steady(self) -> None:
        """Of a link that broke soon after it came up the waits go on where they were; these shall begin small."""
        time.sleep(STEADY_S)

    def storm(self, broker: Mortal, away_s: float) -> Storm:
        """Kill the broker for so long, and see how the nodes come back."""
        marks = self.marks()
        gone = time.monotonic()
        broker.kill()
        time.sleep(away_s)
        broker.start()
        away = time.monotonic()
        self.wait_until_in(marks)
        tries: dict[str, list[int]] = {name: [] for name in self.names}
        planned: dict[str, list[int]] = {name: [] for name in self.names}
        back: dict[str, int] = {}
        for kind, node, ms in self.notes(marks):
            if kind == "try":
                tries[node].append(ms - round(gone * 1000))
            elif kind == "wait":
                planned[node].append((planned[node] or [0])[-1] + ms)
            else:
                back[node] = ms - round(gone * 1000)
        return Storm(round((away - gone) * 1000), tries, planned, back)
