"""A node on a bus that somebody spoils: micropython upy_bad_bus.py MAIN; $FLEET_BUS names a file with one word in it.

stuck: SDA is held low, and every transfer ends after 50 ms with ETIMEDOUT, as on a board. nak: no address is ACKed.
nan: the chip answers with numbers that are none. corrupt: it answers with noise. Anything else: all is well.
Its buttons bounce $FLEET_BOUNCES times, all within less than a millisecond.
"""

import os
import sys
import time

main = sys.argv[1]
sys.path[0] = main.rsplit("/", 1)[0]
sys.path[1:1] = [sys.path[0] + "/lib", sys.path[0] + "/sim"]

import machine  # noqa: E402
import world  # noqa: E402

from fleet_node.sensors import sht4x  # noqa: E402


def fault():
    try:
        with open(os.getenv("FLEET_BUS") or "") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return ""


def spoil(transfer):
    def spoiled(self, *arguments):
        word = fault()
        if word == "stuck":
            time.sleep_ms(50)
            raise OSError(110)
        if word == "nak":
            raise OSError(19)
        answer = transfer(self, *arguments)
        if word == "corrupt" and isinstance(answer, bytes):
            return os.urandom(len(answer))
        return answer

    return spoiled


def unsound(read):
    async def spoiled(self):
        values = await read(self)
        return {name: float("nan") if fault() == "nan" else value for name, value in values.items()}

    return spoiled


machine.I2C.writeto = spoil(machine.I2C.writeto)
machine.I2C.readfrom = spoil(machine.I2C.readfrom)
sht4x.SHT4x.read = unsound(sht4x.SHT4x.read)


def button(self, name, down):
    pin, active_low = self.buttons[name]
    level = 1 if down != active_low else 0
    for _ in range(int(os.getenv("FLEET_BOUNCES") or 0)):
        pin.sim(level)
        pin.sim(1 - level)
    pin.sim(level)


world.World._button = button

with open(main) as file:  # noqa: PTH123
    exec(file.read())
