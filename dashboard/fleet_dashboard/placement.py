"""By which offset the samples of one boot were placed in time, and which of them must be placed again. Pure.

The clock's estimate moves: it falls when a message comes faster than all before, and rises when the fast ones leave
its window. Within a boot the order of numbers is the order in time, so a sample that comes late is placed by the
offset of those around it, and when the estimate falls so far that a sample would stand before its predecessor, those
that were placed by the old one are moved. A crystal's drift never does that, and so never moves what was right.
"""

from __future__ import annotations

STEP_MS = 3  # smaller moves of the estimate are not followed
SUDDEN_MS = 50  # a fall by more than this within FRESH_MS is a better estimate, and not drift (3 ms a minute)
FRESH_MS = 60_000
WINDOW_MS = 600_000  # what was placed longer ago than this stays where it is
MOST_MS = 86_400_000  # no message waits longer: a larger fall is a clock of the host that is wrong
MAX_SPANS = 32


class Placement:
    """When `fell`, samples from number `low` on are to be placed by `offset`, in the commit that holds the one that
    made it fall. So a later process, which begins with that offset, finds them placed by it. Times are monotonic ms."""

    __slots__ = ("_spans", "fell", "low")

    def __init__(self) -> None:
        self._spans: list[tuple[int, int, int]] = []  # (from this number on, offset, since when), ascending
        self.fell = False
        self.low = 0

    @property
    def began(self) -> bool:
        return bool(self._spans)

    @property
    def offset(self) -> int:
        """By which the newest sample is placed."""
        return self._spans[-1][1]

    def restore(self, offset: int, now: int) -> None:
        """An earlier process placed them so."""
        self._spans = [(0, offset, now)]

    def place(self, seq: int, offset: int, now: int) -> int:
        """The offset for the sample `seq`, given the clock's estimate."""
        spans = self._spans
        if not spans:
            spans.append((0, offset, now))
            return offset
        first, last, _ = spans[-1]
        if offset < last - STEP_MS:
            self._fall(max(seq, first), offset, now)
        elif offset > last + STEP_MS and seq > first:
            self._begin(seq, offset, now)
        elif seq >= first:
            return last
        for first, found, _ in reversed(spans):
            if seq >= first:
                return found
        return spans[0][1]

    def move(self, offset: int, now: int) -> None:
        """A boot of which only the end is known: all its samples move together."""
        if not self._spans:
            self._spans = [(0, offset, now)]
        elif offset < self.offset:
            self._spans = [(0, offset, now)]
            self.fell, self.low = True, 0

    def done(self) -> None:
        """What `fell` asked for is under way."""
        self.fell = False

    def _begin(self, seq: int, offset: int, now: int) -> None:
        if self._spans[-1][0] == seq:
            self._spans.pop()
        self._spans.append((seq, offset, now))
        if len(self._spans) > MAX_SPANS:
            del self._spans[0]

    def _fall(self, seq: int, offset: int, now: int) -> None:
        spans = self._spans
        ends = [*(since for _, _, since in spans[1:]), now]
        above = [
            place
            for place, (_, old, _) in enumerate(spans)
            if 0 < old - offset < MOST_MS and ends[place] >= now - WINDOW_MS
        ]
        if not any(spans[place][1] > offset + SUDDEN_MS and ends[place] >= now - FRESH_MS for place in above):
            self._begin(seq, offset, now)
            return
        low = spans[above[0]][0]
        self._spans = [*spans[: above[0]], (low, offset, now)]
        self.low = min(self.low, low) if self.fell else low
        self.fell = True
