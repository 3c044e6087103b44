"""Bosch BME280: a BMP280 with humidity (datasheet BST-BME280-DS002, revision 1.23).

Section 4.2.2: memory of the calibration words; 4.2.3 and appendix 8.1: compensation, inverted by bisection;
5.4.3: ctrl_hum counts from the next write to ctrl_meas; 9.1: measurement time.
"""

from devices.bmp280 import _CTRL_HUM, _CTRL_MEAS, BMP280, _samples, bisect

_HUM = 0xFD


class BME280(BMP280):
    CHIP_ID = 0x60
    H = (75, 362, 0, 313, 50, 30)  # dig_H1 to H6, of the order found in real chips; the datasheet has no example
    STANDBY_US = (500, 62500, 125000, 250000, 500000, 1000000, 10000, 20000)  # table 27

    def power_on(self):
        super().power_on()
        self._osrs_h = 0
        h1, h2, h3, h4, h5, h6 = self.H
        self.regs[0xA1] = h1
        self.put(0xE1, h2, 2, "little")
        self.regs[0xE3] = h3
        self.regs[0xE4] = h4 >> 4
        self.regs[0xE5] = (h4 & 15) | (h5 & 15) << 4
        self.regs[0xE6] = h5 >> 4
        self.regs[0xE7] = h6
        self.put(_HUM, 0x8000, 2)

    def wrote(self, register, value):
        if register == _CTRL_MEAS:
            self._osrs_h = self.regs[_CTRL_HUM] & 7
        super().wrote(register, value)

    def duration_us(self):
        extra = 2300 * _samples(self._osrs_h) + 575 if self._osrs_h else 0
        return super().duration_us() + extra

    def _convert(self):
        fine = super()._convert()
        raw = bisect(lambda raw: _hum(raw, fine, self.H), self.world.hum(), 16)
        self.put(_HUM, raw if self._osrs_h else 0x8000, 2)


def _hum(raw, fine, words):
    """%RH; compensate_H_double. The terms of H3 and H6 scale with the temperature, not with the humidity."""
    h1, h2, h3, h4, h5, h6 = words
    warm = fine - 76800
    scale = h2 / 65536 * (1 + h6 / 67108864 * warm * (1 + h3 / 67108864 * warm))
    h = (raw - (h4 * 64 + h5 / 16384 * warm)) * scale
    return h * (1 - h1 * h / 524288)
