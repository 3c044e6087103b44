"""Is the clock of a node one? Its `up` against our own clock, and its `ts`, if it says one, against our UTC. Pure.

One watch for each boot. All of it is judged by live messages only: what waited says nothing about now.
"""

from __future__ import annotations

from fleet_dashboard.flood import about

BACK_MS = 1000  # readings of several sensors may come a little out of order
SLICE_MS = 10_000
SPEED = 0.1  # off by this part of the right speed, in two slices one after the other
TS_MS = 2000
FORGET_MS = 60_000


class ClockWatch:
    """`observe` and `told` what comes; `sentence` says what is wrong, or nothing."""

    __slots__ = (
        *("_back", "_back_at", "_begun", "_end", "_least", "_odd"),
        *("_place", "_seq", "_speed", "_ts", "_ts_at", "_up"),
    )

    def __init__(self) -> None:
        self._seq = self._up = 0  # of the newest message
        self._back = self._back_at = 0  # by how much `up` went back, and when
        self._end = 0  # of this slice
        self._least = 0  # the smallest arrival - up of this slice, and where it was: the least delay
        self._place = (0, 0)  # (arrival, up)
        self._begun: tuple[int, int] | None = None  # the same of the slice before
        self._odd = 0  # slices one after the other in which the speed was wrong
        self._speed = 1.0
        self._ts = self._ts_at = 0  # the last `ts` minus when we say that it was

    def observe(self, seq: int, up: int, arrived: int) -> None:
        """A live message; its `seq` is that of the newest reading, or older."""
        if seq >= self._seq:
            if up < self._up - BACK_MS:
                self._back, self._back_at = self._up - up, arrived
                self._end, self._begun, self._odd = 0, None, 0
            self._seq, self._up = seq, up
        offset = arrived - up
        if arrived >= self._end:
            self._turn(offset, arrived, up)
        elif offset < self._least:
            self._least, self._place = offset, (arrived, up)

    def _turn(self, offset: int, arrived: int, up: int) -> None:
        if self._end:
            if self._begun is not None:
                self._measure(self._begun, self._place)
            self._begun = self._place
        self._end = arrived + SLICE_MS
        self._least, self._place = offset, (arrived, up)

    def _measure(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        passed = end[0] - start[0]
        if passed < SLICE_MS // 2:
            return
        speed = (end[1] - start[1]) / passed
        self._odd = self._odd + 1 if abs(speed - 1) > SPEED else 0
        self._speed = speed

    def told(self, difference: int, now: int) -> None:
        """A reading said `ts`, which is so many ms later than we think."""
        self._ts, self._ts_at = difference, now

    def sentence(self, now: int) -> str:
        """What is wrong with this clock, in a few words; empty if nothing is."""
        if self._back_at and now - self._back_at < FORGET_MS:
            return f"its `up` went back by {length(self._back)} without a new `boot`"
        if self._odd >= 2:
            counts = about(round(self._speed * 1000))
            return f"its `up` counts {counts:,} in a second, not 1,000"
        if self._ts_at and now - self._ts_at < FORGET_MS and abs(self._ts) > TS_MS:
            return f"its `ts` is {length(abs(self._ts))} {'ahead of' if self._ts > 0 else 'behind'} this computer"
        return ""


def length(ms: int) -> str:
    """3 s, 4 min, 2 h, 5 d: read in passing."""
    seconds = max(0, ms) / 1000
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
