"""Milliseconds since boot that never wrap, from a tick counter that does. Owns the count; pure."""


class Uptime:
    """`ticks` and `diff` are time.ticks_ms and time.ticks_diff.

    A board's counter wraps after 2**30 ms (12.4 days) and ticks_diff tells apart up to half of that, so
    `ms` has to be called at least once in 6 days; the health task does so every minute.
    """

    def __init__(self, ticks, diff):
        self._ticks = ticks
        self._diff = diff
        self._last = ticks()
        self._ms = 0

    def ms(self):
        """Milliseconds since this object was made."""
        now = self._ticks()
        self._ms += self._diff(now, self._last)
        self._last = now
        return self._ms

    def at(self, tick):
        """The uptime of a tick read a while ago (for example in an interrupt handler)."""
        return max(0, self.ms() - self._diff(self._last, tick))
