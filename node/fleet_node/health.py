"""Watches the node itself: the worst loop lag, memory, and every counter; tells them once a minute."""

import asyncio
import gc
import time


class Health:
    """`counters()` gives the rest of the report: {key: int} of payloads.HEALTH_KEYS."""

    def __init__(self, period_ms, tick_ms, put, counters):
        self.worst = 0
        self._recent = 0
        self._period_ms = period_ms
        self._tick_ms = tick_ms
        self._put = put
        self._counters = counters

    async def watch_loop(self):
        """How much later than asked a sleep ends is how long somebody held the loop."""
        due = time.ticks_ms()
        while True:
            due = time.ticks_add(due, self._tick_ms)
            await asyncio.sleep_ms(max(0, time.ticks_diff(due, time.ticks_ms())))
            now = time.ticks_ms()
            lag = time.ticks_diff(now, due)
            if lag > 0:
                self._recent = max(self._recent, lag)
                self.worst = max(self.worst, lag)
                due = now

    async def run(self):
        while True:
            await asyncio.sleep_ms(self._period_ms)
            self.report()

    def report(self):
        fields = self._counters()
        fields["mem"] = gc.mem_free()
        fields["lag"] = self._recent
        self._recent = 0
        self._put("health", None, fields)
