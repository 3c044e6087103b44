"""MicroPython's clock for a program that is tested on a PC too: Python there has no ticks.

The clock counts milliseconds, and after the largest number comes 0 again: add and compare its times with these two.
"""

try:
    from time import ticks_add, ticks_diff
except ImportError:
    PERIOD = 1 << 30  # as on most boards: 12 days

    def ticks_add(ticks, delta):
        return (ticks + delta) % PERIOD

    def ticks_diff(end, start):
        return (end - start + PERIOD // 2) % PERIOD - PERIOD // 2
