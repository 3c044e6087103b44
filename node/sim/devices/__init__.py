"""Simulated chips, each built from its datasheet: what a driver sees on the bus, conversion times included.

A device reads the world (`temp()`, `hum()`, `press()`, `light()`, `accel()`, ...) and the clock it is given, and
never the PC's own. `make` knows which chip is which; `instant` makes conversions take no time (tests only).
"""

import time

# name -> (module, class, address)
DEVICES = {
    "sht4x": ("sht4x", "SHT4x", 0x44),
    "bmp280": ("bmp280", "BMP280", 0x76),
    "bme280": ("bme280", "BME280", 0x76),
    "aht20": ("aht20", "AHT20", 0x38),
    "mpu6886": ("mpu6886", "MPU6886", 0x68),
}


def make(name, world, ticks_us=time.ticks_us):
    """(address, device), just powered. Raises KeyError for a chip we do not have."""
    module, cls, address = DEVICES[name]
    device = getattr(__import__("devices." + module, None, None, (cls,)), cls)(world, ticks_us)
    device.power_on()
    return address, device


class Device:
    """A chip on the bus: hooks of machine/i2c.py, and a stopwatch for what takes time."""

    instant = False

    def __init__(self, world, ticks_us):
        self.world = world
        self._ticks_us = ticks_us
        self._started = 0
        self._takes_us = 0

    def power_on(self):
        """Forget everything, as when the plug was pulled and put back."""

    def stop(self):
        """The master ended its transaction."""

    def begin(self, us):
        """Something that takes `us` starts now."""
        self._started = self._ticks_us()
        self._takes_us = 0 if self.instant else us

    def busy(self):
        if self._takes_us and time.ticks_diff(self._ticks_us(), self._started) >= self._takes_us:
            self._takes_us = 0
        return self._takes_us > 0


class Registers(Device):
    """A chip of 8-bit registers: the first byte of a write sets the pointer, which then counts up."""

    PAIRS = False  # does a longer write carry (register, value) pairs instead of consecutive values?

    def __init__(self, world, ticks_us):
        super().__init__(world, ticks_us)
        self.regs = bytearray(256)
        self._at = 0

    def write(self, data):
        if data:
            self._at = data[0]
        for i in range(1, len(data)):
            if self.PAIRS and i % 2 == 0:
                self._at = data[i]
                continue
            self.wrote(self._at, data[i])
            if not self.PAIRS:
                self._at = (self._at + 1) & 0xFF
        return len(data)

    def read(self, n):
        self.refresh()
        at = self._at
        self._at = (at + n) & 0xFF
        if at + n <= 256:
            return bytes(self.regs[at : at + n])
        return bytes(self.regs[at:] + self.regs[: at + n - 256])

    def put(self, at, value, size, order="big"):
        """Store an integer in `size` registers from `at`; negative values in two's complement."""
        self.regs[at : at + size] = (value & ((1 << (8 * size)) - 1)).to_bytes(size, order)

    def wrote(self, register, value):
        """The master wrote one register."""

    def refresh(self):
        """The master is about to read: bring the registers up to date."""


def crc8(data):
    """CRC-8 of polynomial 0x31 and initial value 0xFF, as Sensirion and ASAIR use it; of BE EF it is 92."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1) ^ 0x131 if crc & 0x80 else crc << 1
    return crc


def clamp(value, low, high):
    """`value` rounded to an integer within what the chip's output word can hold."""
    return max(low, min(high, round(value)))
