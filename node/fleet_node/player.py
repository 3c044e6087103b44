"""Plays steps on something that can be set. One Player owns one buzzer or one LED."""

import asyncio

LOUD = 32768  # half of duty_u16: the loudest a passive buzzer gets


class Player:
    """`apply(value)` sets the output; 0 is silence or darkness. New steps replace those being played."""

    def __init__(self, apply):
        self._apply = apply
        self._steps = ()
        self._changed = asyncio.Event()

    def play(self, steps):
        """`steps` gives (value, ms) pairs; ms None holds the value until the next play()."""
        self._steps = steps
        self._changed.set()

    def stop(self):
        self.play(())

    async def run(self):
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                for value, ms in self._steps:
                    self._apply(value)
                    if ms is None or await self._replaced_within(ms):
                        await self._changed.wait()
                        break
            finally:
                if not self._changed.is_set():
                    self._apply(0)

    async def _replaced_within(self, ms):
        try:
            await asyncio.wait_for_ms(self._changed.wait(), ms)
            return True
        except asyncio.TimeoutError:
            return False


def set_tone(pwm, hz):
    """`hz` 0 is silence."""
    if hz:
        pwm.freq(hz)
    pwm.duty_u16(LOUD if hz else 0)


def blink(ms, value=1, on_ms=200, off_ms=200):
    """Steps that blink (or beep) for `ms`."""
    while ms > 0:
        yield value, min(on_ms, ms)
        yield 0, off_ms
        ms -= on_ms + off_ms
