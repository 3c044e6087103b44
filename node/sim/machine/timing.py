"""Simulated RTC, watchdog, clock frequency and sleep."""

import time

from machine import dogs, reset

_freq_hz = 160_000_000


class RTC:
    """A clock that starts at the time of the PC and can be set; it keeps the difference only."""

    _offset_s = 0

    def __init__(self, id=0):
        pass

    def datetime(self, when=None):
        """(year, month, day, weekday, hours, minutes, seconds, subseconds); with an argument, set it."""
        if when is None:
            t = time.gmtime(int(time.time()) + RTC._offset_s)
            return (t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0)
        wanted = time.mktime((when[0], when[1], when[2], when[4], when[5], when[6], 0, 0))
        # mktime takes local time, gmtime gives UTC: the same trip there and back removes the zone.
        here = time.gmtime(int(time.time()))
        RTC._offset_s = int(wanted - time.mktime((here[0], here[1], here[2], here[3], here[4], here[5], 0, 0)))


class WDT:
    """Once started it cannot be stopped. `machine.check` looks whether it was fed in time."""

    def __init__(self, id=0, timeout=5000):
        if timeout < 1:
            raise ValueError("timeout is in ms")
        self.timeout_ms = timeout
        self.feeds = 0
        self._fed = time.ticks_ms()
        dogs.append(self)

    def feed(self):
        if not self.starved():  # a dog that has bitten takes no more food
            self.feeds += 1
            self._fed = time.ticks_ms()

    def starved(self):
        return time.ticks_diff(time.ticks_ms(), self._fed) > self.timeout_ms


def freq(hz=None):
    global _freq_hz
    if hz is None:
        return _freq_hz
    _freq_hz = hz


def lightsleep(time_ms=0):
    time.sleep_ms(time_ms)


def deepsleep(time_ms=0):
    """Like on a board: sleep, then start from the beginning."""
    time.sleep_ms(time_ms)
    reset()


def soft_reset():
    reset()
