"""From (boot, up) to host time, for nodes that have neither a clock nor NTP. Pure: arrival times are passed in.

A message sampled at `up` cannot arrive before it was sampled, so arrival - up is the host time of the boot plus
the way's delay; the smallest of the last 10 minutes is the best guess. Error: late by the fastest delivery of the
window (a few ms in a LAN), and early by at most what a slow crystal drifts in the window (50 ppm: 30 ms). A fast
crystal is followed at once. Samples that waited in a queue only ever arrive too late, so they cannot spoil the
minimum; they are placed by their `up` like all others.

All times are ms of one monotonic clock. UTC is added at the edge (WallClock), so a step of the host's clock moves
later samples with it and leaves the estimate alone.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from fleet_client import monotonic_ms

WINDOW_MS = 600_000
SLICE_MS = 60_000  # the window moves on in steps of this
ROUNDING_MS = 1  # the two clocks are not read at the same moment
JUMP_MS = 1000


class BootClock:
    """`offset` is the host's monotonic time, in ms, at which this boot's `up` was 0. Call observe() first."""

    __slots__ = ("_end", "_least", "_older", "offset")

    def __init__(self, restored: int | None = None, now: int = 0) -> None:
        """`restored` is the offset that an earlier process came to; it counts as observed at `now`."""
        self._older: deque[tuple[int, int]] = deque()  # (end of slice, its smallest offset)
        self._end = now + SLICE_MS if restored is not None else 0
        self._least = restored if restored is not None else 0
        self.offset = self._least

    def observe(self, up: int, arrival: int, late: bool = False) -> int:
        """The offset, after a message sampled at `up` came in at `arrival`; `late`: it says itself that it waited."""
        offset = arrival - up
        if arrival >= self._end and (not late or not self._end):
            self._turn(offset, arrival)
        elif offset < self._least:
            self._least = offset
        if offset < self.offset:
            self.offset = offset
        return self.offset

    def bound(self, offset: int, now: int) -> bool:
        """The boot began at `offset` at the latest, for another reason than a message. True if that is news."""
        if self._end and offset >= self.offset:
            return False
        self._end = self._end or now + SLICE_MS
        self._least = self.offset = offset
        return True

    def _turn(self, offset: int, arrival: int) -> None:
        """Begin a new slice and forget those that left the window. A late sample never does this: it would
        push out good estimates for a bad one."""
        if self._end:
            self._older.append((self._end, self._least))
        while self._older and self._older[0][0] <= arrival - WINDOW_MS:
            self._older.popleft()
        self._end = arrival + SLICE_MS
        self._least = offset
        self.offset = min([offset, *(least for _, least in self._older)])


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class WallClock:
    """The one place where monotonic ms and UTC ms meet: utc = monotonic + step."""

    def __init__(self, wall: Callable[[], int] = _wall_ms, monotonic: Callable[[], int] = monotonic_ms) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._moved = 0
        now = monotonic()
        self.step = wall() - now

    def refresh(self) -> int:
        """Read both clocks; the current monotonic ms. `step` moves when somebody sets the host's clock."""
        now = self._monotonic()
        step = self._wall() - now
        if abs(step - self.step) > ROUNDING_MS:
            if abs(step - self.step) > JUMP_MS:
                self._moved += step - self.step
            self.step = step
        return now

    def take_jump(self) -> int:
        """By how much the host's clock was set since the last call, in ms; what NTP does bit by bit is not counted."""
        moved, self._moved = self._moved, 0
        return moved

    def utc(self, monotonic: int) -> int:
        return monotonic + self.step
