"""The simulated SPI bus: what is written goes to every device on it, which looks at its own chip select."""

_wires = {}


def wires(id):
    """The devices on bus `id`: a list of objects with write(data)."""
    return _wires.setdefault(id, [])


class SPI:
    MSB, LSB = 0, 1

    def __init__(self, id, baudrate=1000000, *, polarity=0, phase=0, sck=None, mosi=None):
        self._devices = wires(id)

    def write(self, buf):
        for device in self._devices:
            device.write(buf)
