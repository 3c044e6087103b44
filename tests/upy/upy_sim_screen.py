"""The screen of an M5StickC PLUS 2: what is really seen on a simulated glass, read back letter by letter."""

import asyncio
import time

import machine
from devices.st7789 import ST7789 as Panel
from machine.spi import wires

from fleet_node.boards import m5stickc_plus2 as m5
from fleet_node.boards import screen as module
from fleet_node.boards.screen import Screen
from fleet_node.boards.st7789 import GREEN, PINK

CONFIG = {"node": "ada", "base": "fleet", "sensors": ["mpu6886", "sht4x"]}


def swapped(color):
    return color >> 8 | (color & 0xFF) << 8


class Thing:
    """Something with these attributes."""

    def __init__(self, **attributes):
        for name in attributes:
            setattr(self, name, attributes[name])


class Stick:
    """The screen of a board, and the glass that one looks at."""

    def __init__(self):
        wires(1).clear()
        display = m5.display()
        pins = [machine.Pin(pin) for pin in (m5.SCREEN_DC, m5.SCREEN_CS, m5.SCREEN_RST, m5.SCREEN_LIGHT)]
        self.panel = Panel(*pins)
        wires(1).append(self.panel)
        self.screen = Screen(display, CONFIG)
        self.up = False
        self.node = Thing(
            settings=Thing(name="Ada Lovelace"),
            pause=Thing(left=lambda: 0),
            link=Thing(is_up=lambda: self.up),
            joining=Thing(word="", more=(b"other",)),
        )
        ((_, self.run),) = self.screen.tasks(self.node, lambda: False)

    async def until(self, y, scale, text, color=None):
        deadline = time.ticks_add(time.ticks_ms(), 30000)
        while True:
            seen = self.panel.text(y, scale)
            if seen[0] == text and color in (None, swapped(seen[1])):
                return
            assert time.ticks_diff(deadline, time.ticks_ms()) > 0, (seen, text)
            await asyncio.sleep_ms(20)


async def test_name_value_state_and_rank_are_seen_on_the_glass():
    module.LOOK_MS = 20
    stick = Stick()
    task = asyncio.create_task(stick.run())
    await stick.until(4, 2, "Ada Lovelace")
    await stick.until(92, 2, "no Wi-Fi", PINK)
    stick.screen.witness("tele", "sht4x", b'{"boot":"9f3a","seq":1,"up":2,"v":{"hum":40.1,"temp":21.4}}')
    await stick.until(24, 5, "21.4")
    await stick.until(68, 2, "sht4x temp")
    stick.screen.witness("event", "button-b", b'{"event_type":"press","n":1}')
    await stick.until(24, 5, "40.1")
    stick.up, stick.node.joining.word = True, "works"
    await stick.until(92, 2, "connected", GREEN)
    topic = b"fleet/1/_host/board/presses"
    top = b'{"title":"Most button presses","unit":"presses","top":[["bob","Bob",20],["ada","Ada",12]]}'
    assert stick.screen.received(topic, top)
    await stick.until(116, 1, "#2 Most button presses", GREEN)
    assert stick.screen.received(topic, b"")
    await stick.until(116, 1, "")
    stick.screen.say("hello class, this is a text of more than thirty letters")
    await stick.until(124, 1, "more than thirty letters")
    assert stick.panel.faults == [], stick.panel.faults
    task.cancel()


async def test_the_whole_glass_is_written_and_nothing_beside_it():
    stick = Stick()
    await stick.screen._display.start()
    assert stick.panel.faults == []
    for x, y in ((0, 0), (239, 0), (0, 134), (239, 134), (120, 60)):
        assert stick.panel.look(x, y) == 0, (x, y)
    outside = sum(byte == 0x5A for byte in stick.panel.memory)
    assert outside == 2 * (240 * 320 - 240 * 135), outside


async def test_what_stays_the_same_is_not_drawn_again():
    module.LOOK_MS = 5
    stick = Stick()
    task = asyncio.create_task(stick.run())
    await stick.until(92, 2, "no Wi-Fi")
    await asyncio.sleep_ms(100)
    written = stick.panel.written
    await asyncio.sleep_ms(200)
    assert stick.panel.written == written
    task.cancel()


def test_boards_are_asked_for_and_what_is_odd_on_them_is_no_fault():
    stick = Stick()
    assert stick.node.joining.more == (b"other", b"fleet/1/_host/board/+")
    assert not stick.screen.received(b"fleet/1/ada/cmd/buzz", b"300")
    for odd in (b"{", b"[]", b"7", b'{"top":7}', b'{"top":[[]]}', b'{"top":[["ada"]]}'):
        assert stick.screen.received(b"fleet/1/_host/board/x", odd), odd
    assert [text for _, text, _, _ in stick.screen._lines(stick.node, lambda: True)][3:] == ["no broker", "", ""]


def test_the_hold_pin_comes_first_and_the_buttons_are_there():
    machine.Pin(m5.HOLD).off()
    board = m5.create(CONFIG)
    assert machine.Pin(m5.HOLD).value() == 1
    assert sorted(board.buttons) == ["button-a", "button-b", "button-c"]
