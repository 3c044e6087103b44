"""A whole M5StickC PLUS 2: its own board file, radio, screen and clock on simulated chips, with a real network.

The node runs as node/main.py would run it, and what the glass shows is printed whenever it changes. STICK_HTTP is the
port of its dashboard.
"""

import asyncio
import os
import sys
import time

root = __file__.rsplit("/", 3)[0]
sys.path[0:0] = [root + "/node", root + "/node/sim", root + "/node/lib"]

import machine  # noqa: E402
import network  # noqa: E402
from devices.bm8563 import BM8563  # noqa: E402
from devices.st7789 import ST7789  # noqa: E402
from machine.spi import wires  # noqa: E402
from plugs import Plugs  # noqa: E402
from world import World  # noqa: E402

from fleet_node import app, boards, config  # noqa: E402
from fleet_node.boards import m5stickc_plus2 as m5  # noqa: E402

world = World("stick", time.ticks_ms)
Plugs(machine.bus(0), world).plug("mpu6886")
Plugs(machine.bus(1), world).plug("sht4x")
clock = machine.bus(0)[0x51] = BM8563(world, time.ticks_us)
clock.power_on()
pins = [machine.Pin(pin) for pin in (m5.SCREEN_DC, m5.SCREEN_CS, m5.SCREEN_RST, m5.SCREEN_LIGHT)]
panel = ST7789(*pins)
wires(1).append(panel)
radio = network.WLAN(network.STA_IF, network.Air())
network.WLAN = lambda interface: radio
boards.load = lambda name, config: m5.create(config)
machine.Pin(m5.BUTTON_A).sim(1)


async def watch():
    """What a person sees, and the year that the clock chip counts."""
    shown = None
    while True:
        seen = [panel.text(y, scale)[0] for y, scale in ((4, 2), (24, 5), (68, 2), (92, 2), (116, 1))]
        clock.refresh()
        seen.append("no time" if clock.low else "year " + hex(clock.regs[8])[2:])
        if seen != shown:
            shown = seen
            print("glass: " + " | ".join(seen) + " | " + str(panel.faults))
        await asyncio.sleep_ms(100)


class Stick(app.Node):
    async def run(self):
        self.spawn("watch", watch)
        await super().run()


app.Node = Stick
settings = config.load()
settings["broker"]["http"] = int(os.getenv("STICK_HTTP"))
app.run(settings)
