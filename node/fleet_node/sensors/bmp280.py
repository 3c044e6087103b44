"""Bosch BMP280 and BME280, pressure and temperature (datasheet BST-BMP280-DS001, revision 1.23).

Compensation by integers (section 3.11.3): boards have floats of single precision, too coarse for pressure.
"""

import struct

from fleet_node.sensors.checks import rounded, within

_CALIB = 0x88
_ID = 0xD0
_STATUS = 0xF3
_CTRL_MEAS = 0xF4
_DATA = 0xF7
_CHIP_IDS = (0x58, 0x60)  # BMP280, BME280
_MEASURING = 0x08
_FORCED = b"\x2d"  # temperature x1, pressure x4, one measurement: at most 13.3 ms (section 3.8.1)
_SKIPPED = 0x80000
_ENODEV = 19
_ETIMEDOUT = 110


class BMP280:
    NAME = "bmp280"
    ADDRESSES = (0x76, 0x77)
    FIELDS = {"temp": ("Cel", "temperature"), "press": ("hPa", "pressure")}

    def __init__(self, i2c, address, sleep_ms):
        self._i2c = i2c
        self._address = address
        self._sleep_ms = sleep_ms
        self._t = self._p = None

    async def probe(self):
        """Check the chip id and fetch the calibration words (section 3.11.2)."""
        if self._i2c.readfrom_mem(self._address, _ID, 1)[0] not in _CHIP_IDS:
            raise OSError(_ENODEV)
        await self._sleep_ms(0)
        words = struct.unpack("<HhhHhhhhhhhh", self._i2c.readfrom_mem(self._address, _CALIB, 24))
        if not words[0] or not words[3]:
            raise OSError(_ENODEV)  # not loaded yet, or no chip behind the ACK
        self._t, self._p = words[:3], words[3:]

    async def read(self):
        """{temp, press}: start one forced measurement, sleep through it, fetch it in one burst (section 3.9)."""
        i2c, address = self._i2c, self._address
        i2c.writeto_mem(address, _CTRL_MEAS, _FORCED)
        await self._sleep_ms(14)
        for _ in range(5):
            if not i2c.readfrom_mem(address, _STATUS, 1)[0] & _MEASURING:
                break
            await self._sleep_ms(2)
        else:
            raise OSError(_ETIMEDOUT)
        data = i2c.readfrom_mem(address, _DATA, 6)
        raw_press = data[0] << 12 | data[1] << 4 | data[2] >> 4
        raw_temp = data[3] << 12 | data[4] << 4 | data[5] >> 4
        if raw_press == _SKIPPED or raw_temp == _SKIPPED:
            raise ValueError("bmp280 has not measured")
        fine = self._fine(raw_temp)
        temp = within("temp", ((fine * 5 + 128) >> 8) / 100, -40, 85)
        press = within("press", self._press(raw_press, fine) / 25600, 300, 1100)
        return {"temp": rounded(temp), "press": rounded(press)}

    def _fine(self, raw):
        """t_fine of compensate_T_int32: 1/5120 Cel."""
        t1, t2, t3 = self._t
        a = ((raw >> 3) - (t1 << 1)) * t2 >> 11
        b = (raw >> 4) - t1
        return a + ((b * b >> 12) * t3 >> 14)

    def _press(self, raw, fine):
        """compensate_P_int64: 1/256 Pa."""
        p1, p2, p3, p4, p5, p6, p7, p8, p9 = self._p
        a = fine - 128000
        b = a * a * p6 + (a * p5 << 17) + (p4 << 35)
        a = (a * a * p3 >> 8) + (a * p2 << 12)
        a = ((1 << 47) + a) * p1 >> 33
        if not a:
            raise ValueError("bmp280 calibration is wrong")
        p = ((1048576 - raw << 31) - b) * 3125 // a
        a = p9 * (p >> 13) * (p >> 13) >> 25
        return (p + a + (p8 * p >> 19) >> 8) + (p7 << 4)
