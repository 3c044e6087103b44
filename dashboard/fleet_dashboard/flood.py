"""How much one node may say: what is far above what a node can have to say is turned away before it is read. Pure.

A token bucket for each node, filled once a second, so that what is turned away are whole runs of numbers and not every
second one. Nothing is lost by it that the node still has: a reading that is turned away is *missing* like any other
that did not arrive, and is asked for once the flood is over. What was asked for costs nothing.
"""

from __future__ import annotations

RATE = 200  # messages a second; a node of the contract has at most 16 sensors with ten readings a second each
BURST_S = 10  # so many seconds' worth at once: a node that comes back sends what it still has
SPARE = 4  # 1 / SPARE of a second's worth is kept for who it is and what it obeyed, which few messages say
MAX_SENDERS = 1000  # twice the nodes there can be; further ids share one bucket
RECENT_MS = 3000
PEAK_MS = 60_000
MEASURES = frozenset({"tele", "event", "health", "log"})  # what a flood is made of


class Allowance:
    """What one node may still say. `left` is changed by who takes its messages, `refill` once a second."""

    __slots__ = ("came", "last", "left", "peak", "refused")

    def __init__(self, left: int) -> None:
        self.left = left
        self.came = 0  # since the last refill
        self.refused = 0  # ever
        self.last = 0  # monotonic ms of the last one that was refused; 0: never
        self.peak = 0  # messages a second, the most of this flood

    def take(self, spare: int) -> bool:
        """One message came; False if it is too much."""
        self.came += 1
        if self.left <= spare:
            return False
        self.left -= 1
        return True

    def refuse(self, now: int) -> None:
        self.refused += 1
        self.last = now

    def give_back(self) -> None:
        """The one that was just taken had been asked for."""
        self.left += 1
        self.came -= 1

    def is_flooding(self, now: int, within: int = RECENT_MS) -> bool:
        return self.last > 0 and now - self.last < within

    def measure(self, speed: int, now: int) -> None:
        """It said `speed` messages a second; the peak is remembered for a while after the flood."""
        if self.is_flooding(now):
            self.peak = max(self.peak, speed)
        elif not self.is_flooding(now, PEAK_MS):
            self.peak = 0

    def speed(self, rate: int) -> int:
        """Of its flood, in round numbers: more than `rate`, or nothing would have been refused."""
        return about(max(self.peak, rate))


class Allowances:
    """By node id. `rate` 0 lets everything pass."""

    def __init__(self, rate: int = RATE) -> None:
        self.rate = rate
        self.senders: dict[str, Allowance] = {}
        self._others = Allowance(rate * BURST_S)
        self._filled: int | None = None

    def of(self, who: str) -> Allowance | None:
        if not self.rate:
            return None
        found = self.senders.get(who)
        if found is None:
            if len(self.senders) >= MAX_SENDERS:
                return self._others
            found = self.senders[who] = Allowance(self.rate * BURST_S)
        return found

    def spare(self, kind: str) -> int:
        """How much a message of this kind must leave."""
        return self.rate // SPARE if kind in MEASURES else 0

    def refill(self, now: int) -> None:
        """About once a second."""
        passed = 0 if self._filled is None else now - self._filled
        self._filled = now
        more, most = self.rate * passed // 1000, self.rate * BURST_S
        for one in (*self.senders.values(), self._others):
            one.left = min(most, one.left + more)
            if passed:
                one.measure(one.came * 1000 // passed, now)
            one.came = 0


def about(speed: int) -> int:
    """Two digits are enough, and do not change every second."""
    scale: int = 10 ** max(0, len(str(speed)) - 2)
    return round(speed / scale) * scale
