"""Keeps a set of child processes alive: starts again those that end, says so, and gives up on those that cannot run."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from fleet_tools.processes import STARTS_AGAIN, Child

STILLBORN_S = 3.0  # a process that ends sooner than this will not do better the next time
PAUSE_S = 1.0


class Crew:
    """`tend` is called a few times a second; `lost` are the children that were given up."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.children: list[Child] = []
        self.lost: list[Child] = []
        self._say = say
        self._again: dict[Child, float] = {}

    def start(self, child: Child) -> None:
        self.children.append(child)
        child.start()

    def adopt(self, child: Child) -> None:
        """One that was started by somebody else."""
        self.children.append(child)

    def tend(self) -> None:
        now = time.monotonic()
        for child in self.children:
            code = child.code
            if code is None or child in self.lost:
                continue
            if child not in self._again:
                self._again[child] = self._report(child, code, now)
            if child not in self.lost and now >= self._again[child]:
                del self._again[child]
                child.start()

    def _report(self, child: Child, code: int, now: float) -> float:
        """When to start it again."""
        if code == STARTS_AGAIN:
            self._say(f"{child.name} was reset and starts again")
            return now
        end = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        tail = "\n" + child.tail() if child.tail() else ""
        if now - child.started < STILLBORN_S:
            self._say(f"{child.name} {end} right after its start and is given up{tail}")
            self.lost.append(child)
        else:
            self._say(f"{child.name} {end}; it is started again{tail}")
        return now + PAUSE_S
