"""Turns the edges of one button into events: press, release, long. Owns its debouncing and its count."""

import asyncio
import time

EVENTS = ("press", "release", "long")
SETTLE_MS = 20  # contacts bounce for 1 to 10 ms; a shorter touch than this is no press
LONG_MS = 800


class Button:
    """`put(kind, name, fields, up)` takes the events; their `up` is that of the first edge, not of our verdict.
    While `paused()` there are none, and none later that belong to a press of that time."""

    def __init__(self, name, pin, active_low, uptime, paused, put):
        self.name = name
        self._pin = pin
        self._down_level = 0 if active_low else 1
        self._uptime = uptime
        self._paused = paused
        self._put = put
        self._n = 0
        self._told = False  # of the press that is on, or was the last
        self._edge = 0
        self._noted = False
        self._flag = asyncio.ThreadSafeFlag()

    async def run(self):
        self._pin.irq(self._on_edge, self._pin.IRQ_FALLING | self._pin.IRQ_RISING)
        down = False
        long_at = None  # the tick at which a press becomes a long one
        while True:
            if not await self._edge_before(long_at):
                self._emit("long", long_at)
                long_at = None
                continue
            await asyncio.sleep_ms(SETTLE_MS)
            self._noted = False  # before the level is read, so that no later edge is missed
            if (self._pin.value() == self._down_level) != down:
                down = not down
                self._emit("press" if down else "release", self._edge)
                long_at = time.ticks_add(self._edge, LONG_MS) if down else None

    async def _edge_before(self, tick):
        """Wait for an edge; False if `tick` comes first."""
        if tick is None:
            await self._flag.wait()
            return True
        try:
            await asyncio.wait_for_ms(self._flag.wait(), max(0, time.ticks_diff(tick, time.ticks_ms())))
            return True
        except asyncio.TimeoutError:
            return False

    def _on_edge(self, _pin):
        """Interrupt: notes the first edge and wakes the task. Allocates nothing."""
        if not self._noted:
            self._noted = True
            self._edge = time.ticks_ms()
        self._flag.set()

    def _emit(self, what, tick):
        paused = self._paused()
        if what == "press":
            self._told = not paused
        if paused or not self._told:
            return
        self._n += 1
        self._put("event", self.name, {"event_type": what, "n": self._n}, self._uptime.at(tick))
