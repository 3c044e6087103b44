"""Which messages of one boot have arrived, by `seq`: what is lost, what came late, what came twice. Pure."""

from __future__ import annotations

from typing import Final

NEW: Final = 0  # the next one, or one behind a gap
LATE: Final = 1  # fills a gap
DUPLICATE: Final = 2
OLD: Final = 3  # from before we began to count: the store knows whether it has it

MAX_GAPS = 64  # a node with more holes than this has its oldest hole taken for lost


class Sequence:
    """`lost` is how many messages of this boot are missing right now; a late one takes itself off again.

    Counting begins with the first message seen: a dashboard that starts later has not lost what came before.
    """

    __slots__ = ("_floor", "_gaps", "lost", "next")

    def __init__(self) -> None:
        self.next = -1  # not begun
        self.lost = 0
        self._floor = 0
        self._gaps: list[tuple[int, int]] = []  # missing [first, last], ascending

    def take(self, seq: int) -> int:
        """NEW, LATE, DUPLICATE or OLD."""
        if seq == self.next:
            self.next = seq + 1
            return NEW
        if self.next < 0:
            self._floor = seq
            self.next = seq + 1
            return NEW
        if seq > self.next:
            self._open_gap(self.next, seq - 1)
            self.next = seq + 1
            return NEW
        return self._take_earlier(seq)

    def _open_gap(self, first: int, last: int) -> None:
        self._gaps.append((first, last))
        self.lost += last - first + 1
        if len(self._gaps) > MAX_GAPS:
            self._floor = self._gaps.pop(0)[1] + 1

    def _take_earlier(self, seq: int) -> int:
        if seq < self._floor:
            return OLD
        for place, (first, last) in enumerate(self._gaps):
            if first <= seq <= last:
                self._gaps[place : place + 1] = [
                    part for part in ((first, seq - 1), (seq + 1, last)) if part[0] <= part[1]
                ]
                self.lost -= 1
                return LATE
        return DUPLICATE
