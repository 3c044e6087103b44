"""Run by MicroPython: upy_sizes.py node|link|mqtt_as FOLDER PORT

Prints the heap in bytes that is held once it is imported, and once it is connected and idle; then the ms from the
first import to the first acknowledged QoS 1 publish. The simulated board is in neither, nor is Wi-Fi.
"""

import asyncio
import gc
import sys
import time

who, folder, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
sys.path[0:0] = [folder, folder + "/lib"]
TOPIC, PAYLOAD, IDLE_MS = b"fleet/1/bench/tele/sht4x", b'{"boot":"9f3a","seq":1,"up":1,"v":{"temp":21.43}}', 1500


def held():
    gc.collect()
    return gc.mem_alloc()


def spent(since):
    return time.ticks_diff(time.ticks_us(), since) / 1000


def show(imported, idle, ms):
    print(imported, idle, ms)
    sys.exit(0)


async def node():
    """With three sensors. Its first publish is its first reading, after the drivers have probed their chips."""
    from fleet_node import config

    full = dict(config.load(), place="", slot="")
    full.update(node="bench", sensors=["sht4x", "bmp280", "mpu6886"])
    full["broker"].update(host="127.0.0.1", port=port)
    before, since = held(), time.ticks_us()
    from fleet_node import boards

    board = boards.load("", full)
    simulation, simulating = held() - before, spent(since)
    boards.load = lambda name, config: board
    from fleet_node import app

    imported = held() - start - simulation
    program = app.Node(full)
    first = asyncio.Event()
    acked = program.acked
    program.acked = lambda pid: (first.set(), acked(pid))
    program.running = asyncio.create_task(program.run())
    await first.wait()
    ms = spent(began) - simulating
    await asyncio.sleep_ms(IDLE_MS)
    show(imported, held() - start - simulation, ms)


async def link():
    import random

    from fleet_node.backoff import Backoff
    from fleet_node.dial import Dialer
    from fleet_node.link import Link

    imported = held() - start

    class Owner:
        def __init__(self):
            self.up = asyncio.Event()
            self.answered = asyncio.Event()

        def will(self, conn):
            return b"fleet/1/bench/status", b"{}"

        def link_up(self):
            self.up.set()

        def acked(self, pid):
            self.answered.set()

    owner = Owner()
    settings = {"node": "bench", "broker": {}, "keepalive": 60}
    dialer, backoff = Dialer("127.0.0.1", port), Backoff(random.random)
    one = Link(settings, dialer, backoff, owner, lambda name, coro_fn: asyncio.create_task(coro_fn()))
    owner.running = asyncio.create_task(one.run())
    await owner.up.wait()
    one.subscribe(b"fleet/1/bench/cmd/+")
    one.publish(TOPIC, PAYLOAD)
    await owner.answered.wait()
    ms = spent(began)
    await asyncio.sleep_ms(IDLE_MS)
    show(imported, held() - start, ms)


async def mqtt_as():
    """The parts of a board that it asks for stand in: a radio that is always there, and an id."""
    import mqtt_as as theirs

    imported = held() - start
    theirs.config.update(
        server="127.0.0.1", ssid="bench", wifi_pw="bench", will=("fleet/1/bench/status", "{}", False, 0)
    )
    theirs.config.update(queue_len=1, client_id="bench", keepalive=60)
    client = theirs.MQTTClient(dict(theirs.config, port=port))

    async def at_once(quick=False):
        pass

    client.wifi_connect = at_once
    await client.connect(quick=True)
    await client.subscribe("fleet/1/bench/cmd/+", 1)
    await client.publish(TOPIC, PAYLOAD, False, 1)
    ms = spent(began)
    await asyncio.sleep_ms(IDLE_MS)
    show(imported, held() - start, ms)


class Radio:
    def __init__(self, *_):
        pass

    def isconnected(self):
        return True

    def active(self, *_):
        return True


class Network:
    WLAN, STA_IF = Radio, 0


class Machine:
    @staticmethod
    def unique_id():
        return b"bench!"


if who == "mqtt_as":
    sys.modules["network"], sys.modules["machine"] = Network, Machine
start = held()
began = time.ticks_us()
asyncio.run({"node": node, "link": link, "mqtt_as": mqtt_as}[who]())
