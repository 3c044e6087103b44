"""Run by MicroPython: upy_link.py ours|stock NODE_FOLDER PORT COUNT IDLE_MS

Prints the median and the 95th percentile of a QoS 1 publish in us, then `idle`, and stays idle for a while.
"""

import sys
import time

who, node, port, count, idle_ms = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
sys.path[0:0] = [node, node + "/lib"]
TOPIC = b"fleet/1/bench/tele/sht4x"
PAYLOAD = b'{"boot":"9f3a","seq":123,"up":123456,"v":{"temp":21.43,"hum":40.1}}'


def show(times):
    times.sort()
    print(times[len(times) // 2], times[len(times) * 95 // 100])
    print("idle")


def stock():
    from umqtt.simple import MQTTClient

    client = MQTTClient(b"bench", "127.0.0.1", port, keepalive=60)
    client.set_callback(print)
    client.connect()
    client.subscribe(b"fleet/1/bench/cmd/+", 1)
    times = []
    for _ in range(count):
        began = time.ticks_us()
        client.publish(TOPIC, PAYLOAD, False, 1)
        times.append(time.ticks_diff(time.ticks_us(), began))
    show(times)
    end = time.ticks_add(time.ticks_ms(), idle_ms)
    while time.ticks_diff(end, time.ticks_ms()) > 0:  # the loop of umqtt.simple's own example
        client.check_msg()
        time.sleep_ms(5)


def ours():
    import asyncio
    import random

    from fleet_node.backoff import Backoff
    from fleet_node.dial import Dialer
    from fleet_node.link import Link

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

    async def main():
        owner = Owner()
        config = {"node": "bench", "broker": {}, "keepalive": 60}
        dialer, backoff = Dialer("127.0.0.1", port), Backoff(random.random)
        link = Link(config, dialer, backoff, owner, lambda name, coro_fn: asyncio.create_task(coro_fn()))
        running = asyncio.create_task(link.run())
        await owner.up.wait()
        link.subscribe(b"fleet/1/bench/cmd/+")
        times = []
        for _ in range(count):
            began = time.ticks_us()
            link.publish(TOPIC, PAYLOAD)
            await owner.answered.wait()
            owner.answered.clear()
            times.append(time.ticks_diff(time.ticks_us(), began))
        show(times)
        await asyncio.sleep_ms(idle_ms)
        running.cancel()

    asyncio.run(main())


ours() if who == "ours" else stock()
