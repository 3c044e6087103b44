"""A PC: the same node on simulated chips (node/sim), in a world that changes and obeys its stdin."""

import os
import sys
import time

_SIM = __file__.rsplit("/", 3)[0] + "/sim" if __file__.count("/") > 2 else "sim"
if _SIM not in sys.path:
    sys.path.insert(0, _SIM)  # before the builtin `machine`, which has no pins

import asyncio  # noqa: E402

import machine  # noqa: E402
from director import Director  # noqa: E402
from plugs import Plugs  # noqa: E402
from world import World  # noqa: E402


def create(config):
    """ValueError, with a sentence for a person, if the world script is wrong."""
    path = config.get("world") or os.getenv("FLEET_WORLD")
    script = None
    if path:
        from script import load_script

        script = load_script(path)
    node = config.get("node") or os.getenv("FLEET_NODE") or ""
    seed = config.get("seed") or os.getenv("FLEET_SEED") or node
    life = script is None and os.getenv("FLEET_LIFE") != "0"
    return UnixBoard(config, seed, node or "node", script or (), life)


class UnixBoard:
    name = "unix"

    def __init__(self, config, seed, node, script, life):
        """`script` is what load_script gives; with `life` somebody passes by now and then and presses or shakes."""
        start = time.ticks_ms()
        self._config = config
        self.world = World(seed, lambda: time.ticks_diff(time.ticks_ms(), start))
        self.i2c = machine.I2C(0)
        self.plugs = self.world.plugs = Plugs(machine.bus(0), self.world)
        for sensor in config.get("sensors", ()):
            try:
                self.plugs.plug(sensor)
            except ValueError:
                pass  # a driver without a simulated chip: the node will find it absent
        self.buttons = {"button-a": (machine.Pin(37, machine.Pin.IN, machine.Pin.PULL_UP), True)}
        self.world.buttons = self.buttons
        self.buzzer = machine.PWM(machine.Pin(2, machine.Pin.OUT), freq=2000, duty_u16=0)
        self.led = machine.Pin(19, machine.Pin.OUT, value=0)
        self._node = node
        self.witness = None
        if os.getenv("FLEET_HISTORY"):
            from witness import Witness

            self.witness = Witness(os.getenv("FLEET_HISTORY"))
        if config.get("web"):
            import poll_room

            poll_room.make()
        self._director = Director(self.world, self.say, life, script)

    def unique_id(self):
        """None: a PC has no number of its own, its node is named by configuration."""
        return None

    def rssi(self):
        return None

    def reset(self):
        machine.reset()

    def say(self, text):
        print(self._node + ": " + text)

    def received(self, topic, payload):
        return False

    def at_prompt(self):
        pass

    def tasks(self, node):
        own = [("sim-world", self._director.run), ("sim-stdin", self._director.listen), ("sim-chip", self._chip)]
        if self._config.get("watchdog"):
            from fleet_node.boards import watchdog

            own += watchdog.tasks(self._config, node)
        return own

    async def _chip(self):
        """What the silicon does by itself: resets that are pending, a watchdog that bites."""
        while True:
            machine.check()
            await asyncio.sleep_ms(500)
