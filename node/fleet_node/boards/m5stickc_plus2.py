"""M5StickC PLUS 2 (ESP32-PICO-V3-02); pins as in M5Unified. Not tried on hardware (docs/boards.md).

Inside: MPU6886 and the BM8563 clock on one bus. The Grove port is another bus, where SHT4x, BMP280 (ENV unit)
or AHT20 go. The node sees both as one.
"""

import asyncio

from machine import I2C, RTC, SPI, Pin

from fleet_node.boards.board import Board, button, silent_pwm

HOLD = 4  # 1 keeps the battery on, 0 switches the board off
SDA, SCL = 21, 22
GROVE_SDA, GROVE_SCL = 32, 33
BUTTON_A, BUTTON_B, BUTTON_C = 37, 39, 35  # input-only pins, the board has the pull-ups; C is the power button
BUZZER = 2
LED = 19  # shared with the infrared sender; plain on/off, as audible PWM would sound in the buzzer
SCREEN_SCK, SCREEN_MOSI, SCREEN_DC, SCREEN_RST, SCREEN_CS, SCREEN_LIGHT = 13, 15, 14, 12, 5, 27
INSIDE = (0x68, 0x51)


def create(config):
    Pin(HOLD, Pin.OUT, value=1)  # first of all, or the board goes off when the power button is let go
    board = M5StickC(config)
    board.name = "m5stickc_plus2"
    board.i2c = TwoBuses(
        I2C(0, scl=Pin(SCL), sda=Pin(SDA), freq=400000), I2C(1, scl=Pin(GROVE_SCL), sda=Pin(GROVE_SDA))
    )
    board.buttons["button-a"] = button(BUTTON_A)
    board.buttons["button-b"] = button(BUTTON_B)
    board.buttons["button-c"] = button(BUTTON_C)
    board.led = Pin(LED, Pin.OUT, value=0)
    board.buzzer = silent_pwm(BUZZER)
    from fleet_node.boards.screen import Screen  # now that the power is held

    board.screen = Screen(display(), config)
    board.witness = board.screen.witness
    return board


def display():
    from fleet_node.boards.st7789 import ST7789

    spi = SPI(1, baudrate=20000000, sck=Pin(SCREEN_SCK), mosi=Pin(SCREEN_MOSI))
    # After that: some firmware takes pin 12 as the input of this SPI, which here is the reset.
    dc, cs, rst = [Pin(pin, Pin.OUT, value=1) for pin in (SCREEN_DC, SCREEN_CS, SCREEN_RST)]
    return ST7789(spi, dc, cs, rst, Pin(SCREEN_LIGHT, Pin.OUT, value=0), asyncio.sleep_ms)


class M5StickC(Board):
    def tasks(self, node):
        from fleet_node.boards.bm8563 import BM8563
        from fleet_node.boards.clock import Clock

        clock = Clock(BM8563(self.i2c), RTC(), self.config["broker"], self.say)
        own = [("clock", lambda: clock.run(self.wifi.is_joined, node.link.is_up))]
        return Board.tasks(self, node) + self.screen.tasks(node, self.wifi.is_joined) + own

    def received(self, topic, payload):
        return self.screen.received(topic, payload)

    def say(self, text):
        print(text)
        if self.screen:
            self.screen.say(text)


class TwoBuses:
    """The calls of machine.I2C that the drivers use, on the bus where that address is."""

    def __init__(self, inside, grove):
        self._inside = inside
        self._grove = grove

    def _bus(self, addr):
        return self._inside if addr in INSIDE else self._grove

    def scan(self):
        inside = [addr for addr in self._inside.scan() if addr in INSIDE]
        return sorted(inside + [addr for addr in self._grove.scan() if addr not in INSIDE])

    def writeto(self, addr, buf, stop=True):
        return self._bus(addr).writeto(addr, buf, stop)

    def readfrom(self, addr, nbytes, stop=True):
        return self._bus(addr).readfrom(addr, nbytes, stop)

    def readfrom_into(self, addr, buf, stop=True):
        self._bus(addr).readfrom_into(addr, buf, stop)

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        return self._bus(addr).readfrom_mem(addr, memaddr, nbytes, addrsize=addrsize)

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        self._bus(addr).readfrom_mem_into(addr, memaddr, buf, addrsize=addrsize)

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        self._bus(addr).writeto_mem(addr, memaddr, buf, addrsize=addrsize)
