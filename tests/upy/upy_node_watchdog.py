"""The watchdog: fed while everything moves. A part that waits ends in a clean reset, a held loop in a hard one.

The node is the whole node in a process of its own, without a broker; a reset of the simulated chip ends it with 75.
"""

import os

from upy_sim_machine import exit_code

from fleet_node.boards.watchdog import FEED_MS, Watchdog

ROOT = __file__.rsplit("/", 3)[0]

NODE = """
sys.path[0:0] = ["%s/node", "%s/node/lib"]
from fleet_node import app, config
from fleet_node.boards import watchdog
watchdog.SENSOR_MS = 1500
settings = config.load("%s")
async def stop(after_ms, code):
    await asyncio.sleep_ms(after_ms)
    raise SystemExit(code)
def start(*tasks):
    node = app.Node(settings)
    for task in tasks:
        node.spawn("test", lambda task=task: task(node))
    asyncio.run(node.run())
"""

CONFIG = (
    '{"node": "ada", "watchdog": 5, "sensors": ["sht4x"], "period": 100, "state": "%s",'
    ' "broker": {"host": "127.0.0.1", "port": 1}}'
)


def ends_with(program):
    path = "/tmp/fleet_upy_watchdog_" + str(os.urandom(4).hex())
    with open(path, "w") as file:
        file.write(CONFIG % path)
    try:
        return exit_code(NODE % (ROOT, ROOT, path) + program)
    finally:
        for name in (path, path + ".a", path + ".b"):
            try:
                os.remove(name)
            except OSError:
                pass


class Part:
    name = "sht4x"

    def __init__(self):
        self.count = 0
        self.session = None

    def turns(self):
        return self.count


class Dog:
    feeds = 0

    def feed(self):
        self.feeds += 1


class Node:
    def __init__(self):
        self.samplers = [Part()]
        self.link = Part()


def test_a_part_that_stands_still_is_named_and_one_that_moves_is_not():
    import time

    from fleet_node.boards import watchdog

    node, patience = Node(), watchdog.SENSOR_MS
    watchdog.SENSOR_MS = 50
    try:
        dog = Watchdog(Dog(), node, {"keepalive": 15})
    finally:
        watchdog.SENSOR_MS = patience
    assert FEED_MS * 5 <= 8388, "a Pico's watchdog waits no longer"
    for _ in range(4):
        node.samplers[0].count += 1
        assert dog.stuck() is None
        time.sleep_ms(30)
    time.sleep_ms(60)
    assert dog.stuck() == "sht4x"


def test_a_node_that_moves_is_not_reset():
    assert ends_with("start(lambda node: stop(2500, 42))") == 42


def test_a_sampler_that_waits_for_ever_ends_in_a_reset():
    hang = """
async def hang(self):
    await asyncio.Event().wait()
app.Sampler.sample = hang
start(lambda node: stop(60000, 42))
"""
    assert ends_with(hang) == 75


def test_a_held_loop_starves_the_watchdog():
    hold = """
watchdog.SENSOR_MS = 60000
real = machine.WDT
machine.WDT = lambda timeout: real(timeout=1500)
async def hold(node):
    await asyncio.sleep_ms(500)
    time.sleep_ms(2500)
    await asyncio.sleep_ms(60000)
start(hold, lambda node: stop(60000, 42))
"""
    assert ends_with(hold) == 75


def test_without_the_setting_nothing_is_loaded():
    look = """
settings["watchdog"] = 0
del sys.modules["fleet_node.boards.watchdog"]
async def look(node):
    await asyncio.sleep_ms(500)
    raise SystemExit(41 if "fleet_node.boards.watchdog" in sys.modules or machine.dogs else 42)
start(look)
"""
    assert ends_with(look) == 42
