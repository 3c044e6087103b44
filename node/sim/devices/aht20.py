"""ASAIR AHT20, temperature and humidity (datasheet "AHT20", version 1.0, sections 5.3 to 6.2).

5.4: 40 ms after power-on it listens; 0xBE calibrates (10 ms); 0xAC 33 00 measures (80 ms, status bit 7 is
set meanwhile and the data are those of before); the answer is status, 20 bit humidity, 20 bit temperature
and a CRC-8. 5.5: 0xBA resets in at most 20 ms. It keeps its calibration bit (3) only while powered.
"""

from devices import Device, clamp, crc8

_POWER_ON_US = 40000
_RESET_US = 18000  # "no more than 20 ms"
_INIT_US = 10000
_MEASURE_US = 80000


class AHT20(Device):
    corrupt = False

    def power_on(self):
        self._calibrated = 0
        self._data = bytes(5)
        self._next = None
        self._deaf = True  # starting up: no ACK at all
        self.begin(_POWER_ON_US)

    def write(self, data):
        busy = self.busy()
        if busy and self._deaf:
            return None
        self._deaf = False
        if not data or busy or data[0] == 0x71:  # 0x71: the status byte is read next
            return len(data)
        if data[0] == 0xBA:
            self._deaf = True
            self._next = None
            self.begin(_RESET_US)
        elif data[0] == 0xBE:
            self._calibrated = 0x08
            self.begin(_INIT_US)
        elif data[0] == 0xAC:
            self._next = self._sample()
            self.begin(_MEASURE_US)
        return len(data)

    def read(self, n):
        busy = self.busy()
        if busy and self._deaf:
            return None
        if not busy and self._next is not None:
            self._data, self._next = self._next, None
        answer = bytes([(0x90 if busy else 0x10) | self._calibrated]) + self._data
        crc = crc8(answer)
        return (answer + bytes([crc ^ 1 if self.corrupt else crc]) + b"\xff" * n)[:n]

    def _sample(self):
        # Section 6, solved for the words: RH = 100 S / 2^20, T = 200 S / 2^20 - 50.
        hum = clamp(self.world.hum() / 100 * (1 << 20), 0, 0xFFFFF)
        temp = clamp((self.world.temp() + 50) / 200 * (1 << 20), 0, 0xFFFFF)
        return ((hum << 20) | temp).to_bytes(5, "big")
