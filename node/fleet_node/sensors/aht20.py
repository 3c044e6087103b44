"""ASAIR AHT20, temperature and humidity (datasheet "AHT20", version 1.0)."""

from fleet_node.sensors.checks import crc8, rounded, within

_RESET = b"\xba"  # section 5.5
_CALIBRATE = b"\xbe\x08\x00"  # section 5.4
_MEASURE = b"\xac\x33\x00"
_BUSY = 0x80
_CALIBRATED = 0x08
_ENODEV = 19
_ETIMEDOUT = 110


class AHT20:
    NAME = "aht20"
    ADDRESSES = (0x38,)
    FIELDS = {"temp": ("Cel", "temperature"), "hum": ("%RH", "humidity")}

    def __init__(self, i2c, address, sleep_ms):
        self._i2c = i2c
        self._address = address
        self._sleep_ms = sleep_ms
        self._answer = bytearray(7)

    async def probe(self):
        """Reset (20 ms), calibrate if it asks for it (10 ms)."""
        i2c, address = self._i2c, self._address
        i2c.writeto(address, _RESET)
        await self._sleep_ms(25)
        if not i2c.readfrom(address, 1)[0] & _CALIBRATED:
            i2c.writeto(address, _CALIBRATE)
            await self._sleep_ms(12)
            if not i2c.readfrom(address, 1)[0] & _CALIBRATED:
                raise OSError(_ENODEV)

    async def read(self):
        """{temp, hum}; a measurement takes 80 ms (section 5.4), the busy bit tells when it ended."""
        i2c, address, answer = self._i2c, self._address, self._answer
        i2c.writeto(address, _MEASURE)
        await self._sleep_ms(81)
        for _ in range(5):
            i2c.readfrom_into(address, answer)
            if not answer[0] & _BUSY:
                break
            await self._sleep_ms(10)
        else:
            raise OSError(_ETIMEDOUT)
        if crc8(answer[0:6]) != answer[6]:
            raise ValueError("aht20 checksum is wrong")
        if not answer[0] & _CALIBRATED:
            raise ValueError("aht20 lost its calibration")
        hum = answer[1] << 12 | answer[2] << 4 | answer[3] >> 4
        temp = (answer[3] & 15) << 16 | answer[4] << 8 | answer[5]
        temp = within("temp", temp * 200 / 1048576 - 50, -40, 85)  # section 6
        return {"temp": rounded(temp), "hum": rounded(hum * 100 / 1048576)}
