"""BM8563, a clock with a battery (datasheet PCF8563, section 8.4: control and time registers, in BCD).

It counts on while the board is off. After it had no power its low voltage bit says that its time means nothing.
"""

import time

from devices import Registers

_SECONDS = 0x02
_LOW_VOLTAGE = 0x80
_FIRST, _LAST = 946684800, 4102444800  # 2000 to 2099


class BM8563(Registers):
    def power_on(self):
        self.low = True
        self._set_at = self._ticks_us()
        self._base = _FIRST

    def write(self, data):
        self._changed = {}
        acks = super().write(data)
        if self._changed:
            self.refresh()
            for register in self._changed:
                self.regs[register] = self._changed[register]
            self.low = bool(self.regs[_SECONDS] & _LOW_VOLTAGE)
            self._base, self._set_at = seconds(self.regs[_SECONDS:9]), self._ticks_us()
        return acks

    def wrote(self, register, value):
        if _SECONDS <= register <= 8:
            self._changed[register] = value

    def refresh(self):
        t = time.gmtime(self._base + time.ticks_diff(self._ticks_us(), self._set_at) // 1000000)
        for i, value in enumerate((t[5], t[4], t[3], t[2], t[6], t[1], t[0] % 100)):
            self.regs[_SECONDS + i] = value // 10 << 4 | value % 10
        if self.low:
            self.regs[_SECONDS] |= _LOW_VOLTAGE


def seconds(raw):
    """Since 1970, of seven registers: found between the first and the last that it can count."""
    second, minute, hour, day, _, month, year = [(byte >> 4) * 10 + (byte & 15) for byte in raw]
    wanted = (2000 + year, month, day, hour, minute, second)
    low, high = _FIRST, _LAST
    while low < high:
        middle = (low + high + 1) // 2
        if time.gmtime(middle)[:6] <= wanted:
            low = middle
        else:
            high = middle - 1
    return low
