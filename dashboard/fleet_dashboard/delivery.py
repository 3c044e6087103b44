"""What one node said that it still has, and what it is to be told: settled up to where, and which ones again. Pure.

A number is asked for only if the node said that it has it: within the rows of its last `journal`, or of the boot that
spoke, from where that journal ended. Times are monotonic ms and passed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from fleet_dashboard.boot import Boot
from fleet_dashboard.ranges import Ranges
from fleet_schema.delivery import MAX_ASKED, MAX_RANGES

PATIENCE_MS = 3000  # what was asked for is asked for again after so long without any of it
PROGRESS_MS = 1000  # a node is not told more often than this what is settled by itself
RIPE_MS = 1000  # what is missing of the boot that speaks may still be on its way: wait at least so long
QUIET_MS = 30_000  # a boot that was heard within this may be another board of the same name

Row = tuple[str, int, int, int]


class Tell(NamedTuple):
    """One `stored` message: `miss` holds [first, last]."""

    boot: str
    seq: int
    miss: list[list[int]]


class Delivery:
    """`journal` takes what a node says, `due` says what to answer. `order` names the boots of the last journal, oldest
    first: it outlives them in no other way, boots are looked up by name each time."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self._has: dict[str, Ranges] = {}
        self._own_from = 0  # of the last in `order`: what comes from this number on, it has too
        self._owed: dict[str, None] = {}  # boots whose rows were not answered yet
        self._doubtful: list[str] = []  # not in the journal, but heard so lately that it may not be gone
        self._journal_at = 0
        self._told_at = -PROGRESS_MS
        self._asked: tuple[str, Ranges] | None = None
        self._left = 0  # of those asked for
        self._moved_at = 0  # when the last of them came
        self._tops = [(0, "", 0), (0, "", 0)]  # (when, boot, its `next`): the two last looks at the boot that speaks

    @property
    def boots(self) -> list[str]:
        """Those that we still have to do with."""
        return [*self.order, *self._doubtful]

    # -- what the node says --------------------------------------------------------------------------------------

    def journal(
        self,
        rows: Iterable[Row],
        seq: int,
        more: bool,
        boots: Mapping[str, Boot],
        others: Iterable[Boot],
        now: int,
    ) -> list[Boot]:
        """`rows` as the contract has them; `seq` is the envelope's; `boots` are those of the rows, `others` those that
        are not listed and of which something is missing. Returns the boots whose account changed."""
        has: dict[str, Ranges] = {}
        ends: dict[str, int] = {}
        drops: dict[str, int] = {}
        for name, first, end, dropped in rows:
            has.setdefault(name, Ranges()).add(first, end - 1)
            ends[name], drops[name] = end, dropped
        self.order, self._has, self._own_from, self._journal_at = list(has), has, seq, now
        self._owed |= dict.fromkeys(has)
        own = self.order[-1]
        for name, kept in has.items():
            account = boots[name].account
            account.expect(kept, ends[name])
            if account.counted is None:
                account.counted = True
            known = seq if name == own else account.next
            if more:
                # Left out are the newest of the earlier boots, and earlier rows of the own one: what lies between two
                # rows of an earlier boot is not among them.
                known = 0 if name == own else ends[name]
            # A journal drops its oldest, and a power cut takes the newest: what lies behind the rows was not dropped.
            lost = account.missing.within(0, known - 1) - kept
            account.give_up(lost.within(0, ends[name] - 1), drops[name] if known else 0)
            account.give_up(lost)
        changed = list(boots.values())
        self._doubtful = []
        if not more:
            for boot in others:
                if now - boot.live < QUIET_MS:
                    self._doubtful.append(boot.boot)
                else:
                    boot.account.give_up(boot.account.missing.within(0, boot.account.next))
                    changed.append(boot)
        return changed

    def greet(self, boot: str) -> None:
        """A birth: it is answered at once, so that the node knows that it was heard, whatever it sends later."""
        self._owed[boot] = None

    def judge(self, boots: Mapping[str, Boot], now: int) -> list[Boot]:
        """Give up what the last journal did not list, of boots that have been quiet for long enough by now."""
        if not self._doubtful:
            return []
        changed = []
        for name in list(self._doubtful):
            boot = boots.get(name)
            if boot is None or boot.live > self._journal_at:
                self._doubtful.remove(name)  # another board that is at work: its own journal will tell
            elif now - boot.live >= QUIET_MS:
                self._doubtful.remove(name)
                if boot.account.give_up(boot.account.missing.within(0, boot.account.next)):
                    changed.append(boot)
        return changed

    # -- what it is told -----------------------------------------------------------------------------------------

    def due(self, boots: Mapping[str, Boot], current: Boot | None, here: bool, budget: int, now: int) -> list[Tell]:
        """The `stored` messages that are due. `current` is the boot that speaks; `here`: is it connected? At most
        `budget` numbers are asked for."""
        self._look(current, now)
        ask = self._ask(boots, budget, now) if here else None
        tells = [] if ask is None else [ask]
        for name in self._owed:
            if name in boots and (ask is None or ask.boot != name):
                tells.append(Tell(name, boots[name].account.tellable, []))
        self._owed.clear()
        if here and not tells and now - self._told_at >= PROGRESS_MS:
            progress = self._progress(boots, current)
            tells = [] if progress is None else [progress]
        for tell in tells:
            boots[tell.boot].told, boots[tell.boot].told_at = tell.seq, now
        if tells:
            self._told_at = now
        return tells

    def is_asked(self, name: str, seq: int) -> bool:
        """Is this one of those that were asked for last?"""
        return self._asked is not None and self._asked[0] == name and seq in self._asked[1]

    def _progress(self, boots: Mapping[str, Boot], current: Boot | None) -> Tell | None:
        """Of the boots that the node knows of, the one that waits for the longest time to hear what is settled."""
        known = {name: boots[name] for name in self.order if name in boots}
        if current is not None:
            known[current.boot] = current
        news = [boot for boot in known.values() if boot.account.tellable > boot.told]
        if not news:
            return None
        boot = min(news, key=lambda boot: boot.told_at)
        return Tell(boot.boot, boot.account.tellable, [])

    def _look(self, current: Boot | None, now: int) -> None:
        if current is not None and now - self._tops[1][0] >= RIPE_MS:
            self._tops = [self._tops[1], (now, current.boot, current.account.next)]

    def _ripe(self, name: str, now: int) -> int:
        """Numbers below this exist for so long that they are not on their way any more."""
        return max([0, *(top for when, boot, top in self._tops if boot == name and now - when >= RIPE_MS)])

    def _ask(self, boots: Mapping[str, Boot], budget: int, now: int) -> Tell | None:
        if self._asked is not None:
            name, numbers = self._asked
            left = (boots[name].account.missing & numbers).count if name in boots else 0
            if left < self._left:
                self._left, self._moved_at = left, now
            if left and now - self._moved_at < PATIENCE_MS:
                return None
            self._asked = None
        for name in self.order if budget > 0 else ():
            boot = boots.get(name)
            if boot is None or not boot.account.missing or boot.account.counted is False:
                continue
            numbers = _at_most(self._wanted(boot, now), min(budget, MAX_ASKED))
            if numbers:
                self._asked, self._left, self._moved_at = (name, numbers), numbers.count, now
                return Tell(name, boot.account.tellable, [[first, last] for first, last in numbers])
        return None

    def _wanted(self, boot: Boot, now: int) -> Ranges:
        """What is missing of this boot and the node has."""
        missing, kept = boot.account.missing, self._has[boot.boot]
        if boot.boot != self.order[-1]:
            return missing & kept
        wanted = missing.within(0, self._own_from - 1) & kept
        for span in missing.within(self._own_from, boot.account.next):
            wanted.add(*span)
        return wanted.within(0, self._ripe(boot.boot, now) - 1)


def _at_most(numbers: Ranges, most: int) -> Ranges:
    """The lowest of them, as many as one message may ask for."""
    chosen = Ranges()
    for first, last in numbers:
        if len(chosen) == MAX_RANGES or chosen.count == most:
            break
        chosen.add(first, min(last, first + most - chosen.count - 1))
    return chosen
