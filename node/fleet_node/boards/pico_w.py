"""Raspberry Pi Pico W and Pico 2 W. Wire it as below, or change the numbers. Not tried on hardware (docs/boards.md)."""

import sys

import machine
from machine import I2C, Pin

from fleet_node.boards.board import Board, button, silent_pwm

SDA, SCL = 0, 1
BUTTON = 15  # to ground
BUZZER = 14  # passive, to ground
WDT_MS = 8388  # the longest that the watchdog of an RP2040 takes
WDT_CTRL = {"RP2040": 0x40058000, "RP2350": 0x400D8000}  # WATCHDOG: CTRL of the datasheets
WDT_ENABLE = 1 << 30
CLEAR = 0x3000  # alias of a register that clears the bits written to it


def create(config):
    board = PicoW(config)
    board.name = "pico_w"
    board.i2c = I2C(0, sda=Pin(SDA), scl=Pin(SCL), freq=400000)
    board.buttons["button-a"] = button(BUTTON, Pin.PULL_UP)
    board.led = Pin("LED", Pin.OUT, value=0)  # behind the radio chip: on and off, no PWM
    board.buzzer = silent_pwm(BUZZER)
    return board


class PicoW(Board):
    def watchdog(self, node):
        """None for a broker that has a name: to look it up may hold the loop for longer than the watchdog waits."""
        from fleet_node.boards import watchdog

        if self.config["broker"]["host"].strip("0123456789."):
            self.say("no watchdog: on this board it needs a broker with an address instead of a name")
            return []
        return watchdog.tasks(self.config, node, WDT_MS)

    def at_prompt(self):
        """The port has no way to stop its watchdog, the chip has."""
        if self.config.get("watchdog"):
            machine.mem32[WDT_CTRL[machine_name()] + CLEAR] = WDT_ENABLE


def machine_name():
    """RP2040 or RP2350: the last word of `Raspberry Pi Pico W with RP2040`."""
    return sys.implementation._machine.split()[-1]
