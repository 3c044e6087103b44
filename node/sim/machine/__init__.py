"""The `machine` module of a simulated board, for the Unix port: found before the builtin one on sys.path.

It owns the chip: its wires (pins, I2C buses), its clock and its watchdog. It knows nothing of sensors or
of the room they are in (devices/, world.py); whoever builds a board puts devices on a bus with `bus(id)`.
"""

import os

import umachine

from machine.i2c import I2C, bus, chip  # noqa: F401
from machine.pin import Pin  # noqa: F401
from machine.pwm import PWM  # noqa: F401

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5
RESET_EXIT = 75  # exit code of a process whose chip was reset: whoever started it starts it again

_ELSEWHERE = {"timing": "RTC WDT freq lightsleep deepsleep soft_reset", "soft": "SoftI2C", "spi": "SPI"}

dogs = []  # every WDT that was started
_resetting = False


def __getattr__(name):
    """The node does without these: loaded for who asks, to keep the simulation small."""
    for module, names in _ELSEWHERE.items():
        if name in names.split():
            return getattr(__import__("machine." + module, None, None, (name,)), name)
    return getattr(umachine, name)  # PinBase, Signal, idle, mem32, ...


def reset():
    """Reset the chip: the process ends with exit code 75.

    SystemExit passes through asyncio and ends the process from any task. In an interrupt handler or
    under a bare `except` it is swallowed, so the reset stays pending and the next `check` repeats it.
    """
    global _resetting
    _resetting = True
    raise SystemExit(RESET_EXIT)


def check():
    """Carry out a pending reset, and bite if a watchdog was not fed. The board calls this twice a second."""
    for dog in dogs:
        if dog.starved():
            print("watchdog: not fed for " + str(dog.timeout_ms) + " ms, reset")
            reset()
    if _resetting:
        reset()


def reset_cause():
    """A new process is a chip that was just powered: nothing of the one before is left to tell."""
    return PWRON_RESET


def unique_id():
    """6 bytes like the MAC of an ESP32 (locally administered), the same at every start of this node."""
    value = 5381
    for char in os.getenv("FLEET_NODE") or "sim":
        value = (value * 33 + ord(char)) & 0xFFFFFFFFFF
    return b"\x02" + value.to_bytes(5, "big")
