"""The room around a program on the PC: a finger on its button, eyes on its LED, an AHT20 sensor on its bus.

What is typed in the terminal happens there, and so does what world.json says ([[ms, "line"], ...]): an empty line,
which is Enter, presses the button; `unplug aht20` and `plug aht20` pull the sensor out and in; `set temp 30` heats it.
"""

import asyncio
import json
import sys
import time

import machine
from plugs import Plugs
from world import World

HELD_MS = 80
POWER_ON_MS = 45  # a sensor that has just got its power does not answer yet
TERMINAL = bool(sys.argv)  # on a board, stdin belongs to mpremote


class Room:
    def __init__(self, button):
        start = time.ticks_ms()
        self._world = World("room", lambda: time.ticks_diff(time.ticks_ms(), start))
        self._world.plugs = Plugs(machine.bus(0), self._world)
        self._world.plugs.plug("aht20")
        self._button = machine.Pin(button, machine.Pin.IN, machine.Pin.PULL_UP)
        self._presses = 0
        time.sleep_ms(POWER_ON_MS)

    def obey(self, line):
        if not line:
            asyncio.create_task(self._press())
            return
        print("sim:", line)
        try:
            if line != "over":
                self._world.apply(line)
        except ValueError as error:
            print("sim:", error)

    async def _press(self):
        self._presses += 1
        number = self._presses
        print("sim: button pressed (%d)" % number)
        self._move(0)
        await asyncio.sleep_ms(HELD_MS)
        print("sim: button released (%d)" % number)
        self._move(1)

    def _move(self, level):
        """The contacts bounce, as real ones do: three edges where a person means one, within a millisecond."""
        for one in (level, 1 - level, level):
            self._button.sim(one)
            time.sleep_us(300)

    async def watch(self, led):
        seen = led.value()
        while True:
            if led.value() != seen:
                seen = led.value()
                print("sim: LED", "on" if seen else "off")
            await asyncio.sleep_ms(10)

    async def follow(self, script):
        now = 0
        for ms, line in script:
            await asyncio.sleep_ms(ms - now)
            now = ms
            self.obey(line)

    async def listen(self):
        reader = asyncio.StreamReader(sys.stdin.buffer)
        line = b""
        while True:
            try:
                char = await reader.read(1)  # a longer read waits until it is complete
            except OSError:
                return
            if not char:
                return
            if char == b"\n":
                self.obey(line.decode().strip())
                line = b""
            else:
                line += char


def enter(led, button):
    """Goes on beside the program, in tasks of its own, once asyncio runs."""
    print("sim:", "Enter presses the button" if TERMINAL else "this is a simulated board")
    room = Room(button)
    asyncio.create_task(room.watch(machine.Pin(led)))
    try:
        with open("world.json") as file:
            asyncio.create_task(room.follow(json.load(file)))
    except OSError:
        pass  # there is no script
    if TERMINAL:
        asyncio.create_task(room.listen())
