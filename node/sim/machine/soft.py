"""Buses that software drives."""

from machine.i2c import I2C


class SoftI2C(I2C):
    """The same wires as bus 0."""

    def __init__(self, scl=None, sda=None, *, freq=400000, timeout=50000):
        super().__init__(0)
