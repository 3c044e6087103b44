"""How long to wait before the next connection attempt. Owns the attempt count; pure: random comes in."""

LOW_MS = 1000
HIGH_MS = 8000
STEADY_MS = 5000  # a link that held this long was a good one: begin again with the short waits


class Backoff:
    """Exponential with equal jitter: half of each wait is fixed, half random.

    The fixed half (0.5 s at first) keeps a node from hammering, the random half spreads a class of
    nodes that all lost the same broker in the same moment. `random` gives a float in [0, 1).
    """

    def __init__(self, random):
        self._random = random
        self.attempts = 0

    def held(self, up_ms):
        """Tell how long the link was up before it broke; negative if that was so long that the ticks wrapped."""
        if not 0 <= up_ms < STEADY_MS:
            self.attempts = 0

    def next_ms(self):
        """0.5 to 1 s, then 1 to 2, 2 to 4, and 4 to 8 s from then on."""
        span = min(HIGH_MS, LOW_MS << min(self.attempts, 3))
        self.attempts += 1
        return span // 2 + int(self._random() * span / 2)
