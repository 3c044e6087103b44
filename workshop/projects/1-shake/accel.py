"""read() gives the acceleration x, y, z in m/s2: of the MPU-6886 of a board, or of the recording shake.csv, over and
over. A board says in config.json where its chip is, as [scl, sda]: "i2c": [22, 21] of an M5StickC Plus2."""

import struct

ADDRESS = 0x68
STEP = 9.80665 / 4096  # of one count, if the chip measures to 8 g


class Recording:
    def __init__(self, name="shake.csv"):
        with open(name) as file:
            self._rows = [tuple([float(number) for number in line.split(",")]) for line in file]
        self._next = 0

    def read(self):
        row = self._rows[self._next % len(self._rows)]
        self._next += 1
        return row


class Chip:
    def __init__(self, scl, sda):
        from machine import I2C, Pin

        self._i2c = I2C(0, scl=Pin(scl), sda=Pin(sda), freq=400000)
        self._i2c.writeto_mem(ADDRESS, 0x6B, b"\x01")  # wake up
        self._i2c.writeto_mem(ADDRESS, 0x1C, b"\x10")  # up to 8 g

    def read(self):
        counts = struct.unpack(">hhh", self._i2c.readfrom_mem(ADDRESS, 0x3B, 6))
        return tuple([count * STEP for count in counts])


def open_accel(config):
    return Chip(*config["i2c"]) if "i2c" in config else Recording()
