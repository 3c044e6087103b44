"""A plain ESP32 development board. Wire it as below, or change the numbers. Not tried on hardware (docs/boards.md)."""

from machine import I2C, Pin

from fleet_node.boards.board import Board, button, silent_pwm

SCL, SDA = 18, 19  # the port's own default for I2C(0)
BOOT_BUTTON = 0  # on the board, with its pull-up
LED = 2
BUZZER = 25  # passive, to ground


def create(config):
    board = Board(config)
    board.name = "esp32"
    board.i2c = I2C(0, scl=Pin(SCL), sda=Pin(SDA), freq=400000)
    board.buttons["button-a"] = button(BOOT_BUTTON, Pin.PULL_UP)
    board.led = Pin(LED, Pin.OUT, value=0)
    board.buzzer = silent_pwm(BUZZER)
    return board
