"""Bosch BMP280, pressure and temperature (datasheet BST-BMP280-DS001, revision 1.23).

Section 3.6: sleep, forced and normal mode. Section 3.8.1: how long a measurement takes. Section 4: registers.
The calibration words are those of the datasheet's example (section 3.12). The raw values are found by
inverting the floating-point compensation of section 8.1 by bisection; drivers use the integer one.
"""

import struct

from devices import Registers

_ID = 0xD0
_RESET = 0xE0
_CTRL_HUM = 0xF2
_STATUS = 0xF3
_CTRL_MEAS = 0xF4
_CONFIG = 0xF5
_PRESS = 0xF7
_TEMP = 0xFA
_SKIPPED = 0x80000
_T = (27504, 26435, -1000)
_P = (36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000)
_STARTUP_US = 2000  # table 2


class BMP280(Registers):
    PAIRS = True  # section 5.2.1: no auto-increment in a multiple byte write
    CHIP_ID = 0x58
    STANDBY_US = (500, 62500, 125000, 250000, 500000, 1000000, 2000000, 4000000)  # table 11

    def power_on(self):
        self.regs[:] = bytes(256)
        self.regs[_ID] = self.CHIP_ID
        self.regs[0x88:0xA0] = struct.pack("<HhhHhhhhhhhh", *(_T + _P))
        self.put(_PRESS, _SKIPPED << 4, 3)
        self.put(_TEMP, _SKIPPED << 4, 3)
        self._measuring = False
        self.begin(_STARTUP_US)

    def write(self, data):
        if not self._measuring and self.busy():  # starting up
            return None
        return super().write(data)

    def wrote(self, register, value):
        if register == _RESET and value == 0xB6:
            self.power_on()
        elif register in (_CTRL_HUM, _CONFIG):
            self.regs[register] = value
        elif register == _CTRL_MEAS:
            self.refresh()
            self.regs[register] = value
            if value & 3 and not self._measuring:
                self._measure()

    def refresh(self):
        if self._measuring and not self.busy():
            self._measuring = False
            self._convert()
            if self.regs[_CTRL_MEAS] & 3 == 3:
                self._measure(self.STANDBY_US[self.regs[_CONFIG] >> 5])
            else:
                self.regs[_CTRL_MEAS] &= 0xFC  # a forced measurement ends in sleep mode
        self.regs[_STATUS] = 0x08 if self._measuring else 0

    def _measure(self, standby_us=0):
        self._measuring = True
        self.begin(standby_us + self.duration_us())

    def duration_us(self):
        """Longest measurement at these settings, as tabled in section 3.8.1 and as a formula in the BME280's 9.1."""
        ctrl = self.regs[_CTRL_MEAS]
        time_us = 1250 + 2300 * _samples(ctrl >> 5)
        if ctrl >> 2 & 7:
            time_us += 2300 * _samples(ctrl >> 2) + 575
        return time_us

    def _convert(self):
        ctrl = self.regs[_CTRL_MEAS]
        raw_temp = bisect(_temp, self.world.temp())
        fine = _fine(raw_temp)
        raw_press = bisect(lambda raw: -_press(raw, fine), -self.world.press() * 100)
        self.put(_TEMP, (raw_temp if ctrl >> 5 else _SKIPPED) << 4, 3)
        self.put(_PRESS, (raw_press if ctrl >> 2 & 7 else _SKIPPED) << 4, 3)
        return fine


def _samples(osrs):
    """Table 4 and 5: 0 skips, 1 to 5 are 1 to 16 samples."""
    osrs &= 7
    return (1 << (min(osrs, 5) - 1)) if osrs else 0


def bisect(curve, wanted, bits=20):
    """The raw value at which the rising `curve` is nearest to `wanted`."""
    low, high = 0, (1 << bits) - 1
    while low < high:
        middle = (low + high) // 2
        if curve(middle) < wanted:
            low = middle + 1
        else:
            high = middle
    return low - 1 if low and wanted - curve(low - 1) < curve(low) - wanted else low


def _fine(raw):
    a = (raw / 16384 - _T[0] / 1024) * _T[1]
    b = raw / 131072 - _T[0] / 8192
    return a + b * b * _T[2]


def _temp(raw):
    return _fine(raw) / 5120


def _press(raw, fine):
    """Pa; section 8.1, compensate_P_double."""
    a = fine / 2 - 64000
    b = a * a * _P[5] / 32768 + a * _P[4] * 2
    b = b / 4 + _P[3] * 65536
    a = (1 + (_P[2] * a * a / 524288 + _P[1] * a) / 524288 / 32768) * _P[0]
    p = (1048576 - raw - b / 4096) * 6250 / a
    return p + (_P[8] * p * p / 2147483648 + p * _P[7] / 32768 + _P[6]) / 16
