"""Sensirion SHT4x, temperature and humidity (datasheet "SHT4x", version 6).

Section 3.2, timings: a measurement takes at most 8.3 / 4.5 / 1.6 ms, a reset 1 ms. Section 4.1: a busy chip,
and a read with nothing to fetch, are not acknowledged. Section 4.4: CRC. Section 4.5: commands.
"""

from devices import Device, clamp, crc8

_MEASURE_US = {0xFD: 8300, 0xF6: 4500, 0xE0: 1600}
_HEAT_US = {0x39: 1100000, 0x2F: 1100000, 0x1E: 1100000, 0x32: 110000, 0x24: 110000, 0x15: 110000}  # section 4.9
_SERIAL = 0x89
_RESET = 0x94
_RESET_US = 1000


class SHT4x(Device):
    serial = b"\x0f\x1e\x2d\x3c"
    corrupt = False  # flip a bit of every answer: a disturbed line

    def power_on(self):
        self._answer = None
        self.begin(_RESET_US)

    def write(self, data):
        if self.busy():
            return None
        if not data:
            return 0
        command = data[0]
        self._answer = None
        if command == _RESET:
            self.begin(_RESET_US)
        elif command == _SERIAL:
            self._answer = _words(self.serial[:2], self.serial[2:])
        elif command in _MEASURE_US or command in _HEAT_US:
            self.begin(_MEASURE_US.get(command) or _HEAT_US[command])
            self._answer = self._sample()
        return len(data)

    def read(self, n):
        if self.busy() or self._answer is None:
            return None
        data, self._answer = self._answer, None
        if self.corrupt:
            data = bytes([data[0] ^ 1]) + data[1:]
        return (data + b"\xff" * n)[:n]

    def _sample(self):
        # Section 4.6, solved for the words: T = -45 + 175 S / 65535, RH = -6 + 125 S / 65535.
        temp = clamp((self.world.temp() + 45) * 65535 / 175, 0, 65535)
        hum = clamp((self.world.hum() + 6) * 65535 / 125, 0, 65535)
        return _words(temp.to_bytes(2, "big"), hum.to_bytes(2, "big"))


def _words(first, second):
    return first + bytes([crc8(first)]) + second + bytes([crc8(second)])
