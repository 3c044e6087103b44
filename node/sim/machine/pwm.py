"""Simulated PWM: keeps the last changes, so that a test can hear what a buzzer played."""

import time

_LOG_LENGTH = 32


class PWM:
    def __init__(self, pin, *, freq=1000, duty_u16=0):
        self.pin = pin
        self.log = []  # the last 32 of (ticks_ms, freq, duty_u16)
        self.init(freq=freq, duty_u16=duty_u16)

    def init(self, *, freq=None, duty_u16=None):
        self._freq = self._freq if freq is None else _bounded("freq", freq, 1, 40_000_000)
        self._duty = self._duty if duty_u16 is None else _bounded("duty_u16", duty_u16, 0, 65535)
        self.log.append((time.ticks_ms(), self._freq, self._duty))
        if len(self.log) > _LOG_LENGTH:
            self.log.pop(0)

    def freq(self, hz=None):
        if hz is None:
            return self._freq
        self.init(freq=hz)

    def duty_u16(self, duty=None):
        if duty is None:
            return self._duty
        self.init(duty_u16=duty)

    def deinit(self):
        self.init(duty_u16=0)


def _bounded(what, value, low, high):
    if not low <= value <= high:
        raise ValueError(what + " out of range")
    return value
