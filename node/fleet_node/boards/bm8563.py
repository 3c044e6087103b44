"""BM8563 (and PCF8563), a clock with a battery on I2C (datasheet PCF8563, section 8). It counts UTC."""

ADDRESS = 0x51
_SECONDS = 0x02  # to 0x08: seconds, minutes, hours, day, weekday, month, year; in BCD
_MASKS = (0x7F, 0x7F, 0x3F, 0x3F, 0x07, 0x1F, 0xFF)
_LOW_VOLTAGE = 0x80  # of the seconds: it had no power, so its time means nothing


class BM8563:
    def __init__(self, i2c):
        self._i2c = i2c

    def read(self):
        """(year, month, day, weekday, hours, minutes, seconds, 0) as machine.RTC takes it; None if it does not know.

        OSError if it does not answer.
        """
        raw = self._i2c.readfrom_mem(ADDRESS, _SECONDS, 7)
        if raw[0] & _LOW_VOLTAGE:
            return None
        second, minute, hour, day, weekday, month, year = [from_bcd(raw[i] & _MASKS[i]) for i in range(7)]
        if not 1 <= month <= 12 or not 1 <= day <= 31:
            return None
        return (2000 + year, month, day, weekday, hour, minute, second, 0)

    def set(self, when):
        """In one write, which stops the count meanwhile; this clears the low voltage bit."""
        year, month, day, weekday, hour, minute, second, _ = when
        values = (second, minute, hour, day, weekday, month, year - 2000)
        self._i2c.writeto_mem(ADDRESS, _SECONDS, bytes([value // 10 << 4 | value % 10 for value in values]))


def from_bcd(byte):
    return (byte >> 4) * 10 + (byte & 15)
