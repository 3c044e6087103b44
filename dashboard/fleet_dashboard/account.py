"""What became of every reading of one boot, by its number: stored, missing or gone. Exact, whatever the order. Pure.

Below `next` every number is in one of three states. It is *missing* while the node may still have it, *gone* once the
node said that it has it no more, and else it is stored (in the database, or in the commit that is being made). Gone
ones are *dropped* as far as the node itself counted them, *before* below the first number that was ever heard of this
boot (an earlier database may have had them), and the rest is lost. One that arrives after all is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from fleet_dashboard.ranges import Ranges

MAX_SEQ = (1 << 32) - 1  # 136 years at one reading a second
MAX_RANGES = 512  # of missing numbers and of gone ones

NEW: Final = 0  # to be stored, and counted as stored now
TWICE: Final = 1  # stored already
FULL: Final = 2  # would open one hole too many: not stored, and asked for later
UNSURE: Final = 3  # ask the database, then call `decide`

COLUMNS = (
    *("next_seq", "floor_seq", "first_seq", "missing", "n_missing", "gone"),
    *("gone_low", "gone_high", "drop_low", "drop_high", "drops", "twice", "counted"),
)


class Account:
    """`counted` is False for a boot of contract 1.0, whose `seq` also numbers what is not a reading: its readings are
    stored once like all others, but what is missing cannot be told. None: not known yet, taken for True."""

    __slots__ = (
        *("counted", "drop_high", "drop_low", "drops", "first", "floor", "gone", "gone_high", "gone_low"),
        *("mark", "missing", "next", "settled", "twice"),
    )

    def __init__(self, first: int = 0) -> None:
        """`first`: the number by which this boot was first heard of."""
        self.next = 0  # one more than the highest number that is known to exist
        self.first = first
        self.floor = 0  # below it only the database knows what is stored
        self.missing = Ranges()
        self.gone = Ranges()  # may hold stored numbers too, see _bound_gone
        self.gone_low = self.gone_high = 0  # gone numbers below `first`, and from it on
        self.drop_low = self.drop_high = 0  # those of them that the node dropped by its own count
        self.drops = 0  # the node's own count
        self.twice = 0
        self.counted: bool | None = None
        self.settled = 0  # what a durable commit holds: below it, all is stored or gone
        self.mark = 0  # the same once the commit that is being made is durable

    @classmethod
    def from_row(cls, row: tuple[Any, ...]) -> Account:
        """`row` in the order of COLUMNS."""
        account = cls()
        account.next, account.floor, account.first, missing, _, gone = row[:6]
        account.missing, account.gone = Ranges.from_text(missing), Ranges.from_text(gone)
        account.gone_low, account.gone_high, account.drop_low, account.drop_high = row[6:10]
        account.drops, account.twice = row[10:12]
        account.counted = None if row[12] is None else bool(row[12])
        return account

    def row(self) -> tuple[Any, ...]:
        """By COLUMNS."""
        missing = self.missing
        return (
            *(self.next, self.floor, self.first, missing.text(), missing.count, self.gone.text()),
            *(self.gone_low, self.gone_high, self.drop_low, self.drop_high, self.drops, self.twice, self.counted),
        )

    @property
    def lowest(self) -> int:
        """Below it nothing is missing."""
        first = self.missing.first
        return self.next if first is None else first

    @property
    def tellable(self) -> int:
        """Below it the node may forget everything."""
        return 0 if self.counted is False else min(self.settled, self.lowest)

    @property
    def dropped(self) -> int:
        return self.drop_low + self.drop_high

    @property
    def lost(self) -> int:
        """Gone, and nobody says why."""
        return self.gone_high - self.drop_high

    @property
    def before(self) -> int:
        return self.gone_low - self.drop_low

    # -- readings come -------------------------------------------------------------------------------------------

    def take(self, seq: int) -> int:
        """A reading arrived: NEW, TWICE, FULL or UNSURE."""
        if seq >= self.next:
            if seq > self.next and not self._open(self.next, seq - 1):
                return FULL
            self.next = seq + 1
            return NEW
        if seq in self.missing:
            return NEW if self._fill(seq) else FULL
        if seq in self.gone:
            if self.gone.count > self.gone_low + self.gone_high:
                return UNSURE
            self._found(Ranges([(seq, seq)]))
            return NEW
        if seq < self.floor:
            return UNSURE
        self.twice += 1
        return TWICE

    def decide(self, seq: int, stored: bool) -> int:
        """After UNSURE: is this number in the database?"""
        if stored:
            self.twice += 1
            return TWICE
        if seq in self.gone:
            self._found(Ranges([(seq, seq)]))
        return NEW

    def raise_next(self, seq: int) -> bool:
        """There are readings up to `seq` - 1, says the node. True if that is news."""
        if seq <= self.next or self.counted is False or not self._open(self.next, seq - 1):
            return False
        self.next = seq
        return True

    def _open(self, first: int, last: int) -> bool:
        self.missing.add(first, last)
        if len(self.missing) <= MAX_RANGES:
            return True
        if self.counted is False:
            self._give_up_watching()
            return True
        self.missing.remove(first, last)
        return False

    def _fill(self, seq: int) -> bool:
        self.missing.remove(seq, seq)
        if len(self.missing) <= MAX_RANGES:
            return True
        if self.counted is False:
            self._give_up_watching()
            return True
        self.missing.add(seq, seq)
        return False

    def _give_up_watching(self) -> None:
        first, last = next(iter(self.missing))
        self.missing.remove(first, last)
        self.floor = max(self.floor, last + 1)

    # -- the node says what it has -------------------------------------------------------------------------------

    def expect(self, kept: Ranges, end: int) -> None:
        """The node still has `kept`, of numbers below `end`. What was taken for gone among them is missing again."""
        self.raise_next(end)
        if kept.first is not None and not self.gone:
            self.first = min(self.first, kept.first)
        again = self.gone & kept if self.gone.count == self.gone_low + self.gone_high else Ranges()
        if again.count:
            self._found(again)
            for span in again:
                self.missing.add(*span)
            lowest = self.lowest
            self.settled, self.mark = min(self.settled, lowest), min(self.mark, lowest)

    def give_up(self, numbers: Ranges, drops: int = 0) -> bool:
        """These missing numbers are gone, says the node, and that it dropped so many of this boot so far (some of
        which may have been stored all the same). True if that is news."""
        numbers = numbers & self.missing
        low = numbers.within(0, self.first - 1).count
        high = numbers.count - low
        self.drops = max(self.drops, drops)
        counted = max(0, drops - self.dropped)
        drop_high = min(counted, high)
        drop_low = min(counted - drop_high, low)
        self.drop_high += drop_high
        self.drop_low += drop_low
        self.gone_high += high
        self.gone_low += low
        for span in numbers:
            self.missing.remove(*span)
            self.gone.add(*span)
        self._bound_gone()
        return numbers.count > 0

    def refuse(self, seq: int) -> bool:
        """This reading came and can never be stored, since it breaks the contract: given up, or nothing behind it
        would ever be settled. True if that is news."""
        if not self.raise_next(seq + 1) and seq not in self.missing:
            return False
        return self.give_up(Ranges([(seq, seq)]))

    def _found(self, numbers: Ranges) -> None:
        """These are gone no more."""
        low = numbers.within(0, self.first - 1).count
        for span in numbers:
            self.gone.remove(*span)
        self.gone_low -= low
        self.gone_high -= numbers.count - low
        self.drop_low = max(0, min(self.drop_low - low, self.gone_low))
        self.drop_high = max(0, min(self.drop_high - (numbers.count - low), self.gone_high))
        self._bound_gone()

    def _bound_gone(self) -> None:
        """Over the bound, ranges with the fewest stored numbers between them become one. The counts stay exact, and
        of a number in `gone` only the database knows from then on."""
        excess = len(self.gone) - MAX_RANGES
        if excess <= 0:
            return
        gaps = [gap for gap in self.gone.gaps() if not self.missing.within(*gap)]
        gaps.sort(key=lambda gap: gap[1] - gap[0])
        for gap in gaps[:excess]:
            self.gone.add(*gap)


@dataclass
class Figures:
    """What accounts come to, summed over boots of which it can be told."""

    missing: int = 0
    gone: int = 0
    dropped: int = 0

    def add(self, account: Account, sign: int = 1) -> None:
        if account.counted is not False:
            self.missing += sign * account.missing.count
            self.gone += sign * account.lost
            self.dropped += sign * account.dropped
