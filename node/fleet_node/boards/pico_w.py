"""Raspberry Pi Pico W and Pico 2 W. Wire it as below, or change the numbers. Not tried on hardware (docs/boards.md)."""

from machine import I2C, Pin

from fleet_node.boards.board import Board, button, silent_pwm

SDA, SCL = 0, 1
BUTTON = 15  # to ground
BUZZER = 14  # passive, to ground


def create(config):
    board = Board(config)
    board.name = "pico_w"
    board.i2c = I2C(0, sda=Pin(SDA), scl=Pin(SCL), freq=400000)
    board.buttons["button-a"] = button(BUTTON, Pin.PULL_UP)
    board.led = Pin("LED", Pin.OUT, value=0)  # behind the radio chip: on and off, no PWM
    board.buzzer = silent_pwm(BUZZER)
    return board
