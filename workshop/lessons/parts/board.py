"""Which pins this board has: main.py says board.LED, and the number of the pin stands in boards/NAME.json.

NAME is the word in the file board.txt if there is one, else it follows from the chip. A PC has no pins: there the
folder sim has a `machine` with simulated ones, and room.py has a finger for the button.
"""

import json
import sys

PC = sys.platform in ("linux", "darwin")


def name():
    try:
        with open("board.txt") as file:
            return file.read().strip()
    except OSError:
        return "unix" if PC else {"rp2": "pico_w"}.get(sys.platform, sys.platform)


def load(name):
    try:
        with open("boards/%s.json" % name) as file:
            return json.load(file)
    except OSError:
        raise OSError("there is no boards/%s.json: write one, or the name of another into board.txt" % name)


NAME = name()
_pins = load(NAME)
if PC:
    sys.path.insert(0, "sim")
from machine import Pin  # noqa: E402

if "hold" in _pins:
    Pin(_pins["hold"], Pin.OUT, value=1)  # first of all: on battery it goes off without
LED, BUTTON, BUZZER = _pins["led"], _pins["button"], _pins["buzzer"]
PULL = Pin.PULL_UP if _pins["pull_up"] else None  # without one inside, the board has a resistor
I2C, SDA, SCL = _pins["i2c"], _pins["sda"], _pins["scl"]  # where a sensor is plugged in
if PC:
    import room

    room.enter(LED, BUTTON)
