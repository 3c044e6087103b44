"""Plays steps on something that can be set, and reads tunes. One Player owns one buzzer or one LED."""

import asyncio

MAX_MS = 10000  # a whole tune
_SEMITONES = {"c": -9, "d": -7, "e": -5, "f": -4, "g": -2, "a": 0, "b": 2}  # from a
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


def tune_steps(text):
    """[(hz, ms), ...] of a tune such as `c5:200 e#5:200 -:100`; ValueError says which note is wrong.

    A note is a letter a to g, `#` or not, an octave 2 to 8, a colon and its length in ms; `-` is a pause.
    """
    steps = []
    for word in text.split():
        note, colon, ms = word.partition(":")
        if not colon or len(ms) > 5 or not ms.isdigit() or not 10 <= int(ms) <= MAX_MS:
            raise ValueError("tune: " + word + " is not NOTE:MS with 10 to 10000 ms, like c5:200")
        steps.append((0 if note == "-" else note_hz(note), int(ms)))
    if sum([ms for _, ms in steps]) > MAX_MS:
        raise ValueError("tune: it is longer than 10 s")
    return steps


def note_hz(note):
    """Equal temperament, a4 = 440 Hz."""
    sharp = note[1:2] == "#"
    octave = note[2:] if sharp else note[1:]
    if note[:1] not in _SEMITONES or len(octave) != 1 or octave not in "2345678":
        raise ValueError("tune: " + note + " is no note; they are c2 to b8, c#4, and - for a pause")
    return round(440 * 2 ** ((_SEMITONES[note[0]] + sharp) / 12 + int(octave) - 4))
