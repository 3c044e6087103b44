"""Sensirion SHT40/41/45, temperature and humidity (datasheet "SHT4x", version 6)."""

from fleet_node.sensors.checks import crc8, rounded, within

_MEASURE_HIGH = b"\xfd"  # section 4.5
_SERIAL = b"\x89"
_RESET = b"\x94"
_ENODEV = 19


class SHT4x:
    NAME = "sht4x"
    ADDRESSES = (0x44, 0x45, 0x46)
    FIELDS = {"temp": ("Cel", "temperature"), "hum": ("%RH", "humidity")}

    def __init__(self, i2c, address, sleep_ms):
        self._i2c = i2c
        self._address = address
        self._sleep_ms = sleep_ms
        self._answer = bytearray(6)
        self.serial = None

    async def probe(self):
        """Reset it and read its serial number (sections 4.7, 4.8)."""
        await self._ask(_RESET, 2)
        await self._ask(_SERIAL, 2)
        try:
            self.serial = self._fetch()
        except ValueError:
            raise OSError(_ENODEV)  # something is at this address, but it speaks another language

    async def read(self):
        """{temp, hum}; a high precision measurement takes at most 8.3 ms (section 3.2), until then reads are NACKed."""
        await self._ask(_MEASURE_HIGH, 10)
        temp, hum = self._fetch()
        temp = within("temp", -45 + 175 * temp / 65535, -40, 125)  # section 4.6
        hum = min(100, max(0, -6 + 125 * hum / 65535))  # section 4.6: crop to what is physical
        return {"temp": rounded(temp), "hum": rounded(hum)}

    async def _ask(self, command, wait_ms):
        self._i2c.writeto(self._address, command)
        await self._sleep_ms(wait_ms)

    def _fetch(self):
        """Two 16-bit words, each followed by its CRC."""
        answer = self._answer
        self._i2c.readfrom_into(self._address, answer)
        if crc8(answer[0:2]) != answer[2] or crc8(answer[3:5]) != answer[5]:
            raise ValueError("sht4x checksum is wrong")
        return answer[0] << 8 | answer[1], answer[3] << 8 | answer[4]
