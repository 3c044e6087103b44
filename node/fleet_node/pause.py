"""Attention, please: while a pause is on, this node takes no readings and reports no events. Owns when it ends."""

import asyncio

SLICE_MS = 100  # the end of a pause is told within this time


class Pause:
    """`tell()` is called when a pause begins, is set anew, and ends. It lives in RAM, so a reset ends it."""

    def __init__(self, uptime, tell):
        self._uptime = uptime
        self._tell = tell
        self._until = 0  # ms of uptime
        self._set = asyncio.Event()

    def set(self, seconds):
        """0 ends a pause."""
        self._until = self._uptime.ms() + seconds * 1000
        self._set.set()

    def left(self):
        """Seconds until it ends, rounded up; 0 without a pause."""
        return max(0, -((self._uptime.ms() - self._until) // 1000))

    async def run(self):
        while True:
            await self._set.wait()
            self._set.clear()
            self._tell()
            if self.left():
                while self.left() and not self._set.is_set():
                    await asyncio.sleep_ms(SLICE_MS)
                self._set.set()  # it ended, or is another one now: tell that too
