"""One MicroPython link against a proxy that cuts every connection elsewhere.

    micropython upy_cut_link.py PORT COUNT [CA NAME]        with the last two over TLS

Each connection subscribes and publishes its own number (QoS 1). Prints a JSON line for each connection that ended,
{"conn", "acked", "reason", "ms"}, and at the end {"worst", "left"}: the worst loop lag in ms and the tasks left over.
"""

import asyncio
import json
import sys
import time

tests = sys.argv[0].rsplit("/", 2)[0]
root = tests.rsplit("/", 1)[0] if "/" in tests else "."
sys.path[0:0] = [root + "/node", root + "/node/lib"]

from fleet_node.dial import to_broker  # noqa: E402
from fleet_node.link import Link  # noqa: E402

TOPIC = b"cut/1/reading"
running = [0]


class Backoff:
    """Try again at once: what is tested here is the link, not its patience."""

    def held(self, up_ms):
        pass

    def next_ms(self):
        return 1


class Owner:
    def __init__(self):
        self.acked_now = []
        self.sent = {}
        self.began = time.ticks_ms()
        self.ended = 0

    def will(self, conn):
        return b"cut/1/will", b"lost %d" % conn

    def link_up(self):
        self.acked_now = []
        self.sent = {}
        link.subscribe(b"cut/1/commands")
        self.sent[link.publish(TOPIC, b"%d" % link.conn)] = link.conn

    def link_down(self, reason, wait_ms):
        now = time.ticks_ms()
        took = time.ticks_diff(now, self.began)
        print(json.dumps({"conn": link.conn, "acked": self.acked_now, "reason": reason, "ms": took}))
        self.began = now
        self.acked_now = []
        self.ended += 1

    def failed(self, stage, answer, error):
        pass

    def acked(self, pid):
        self.acked_now.append(self.sent.pop(pid, -1))

    def refused(self, pid):
        print(json.dumps({"refused": pid}))

    def received(self, topic, payload, retained):
        pass

    def odd(self, what):
        print(json.dumps({"odd": what}))


def spawn(name, coro_fn):
    async def run():
        running[0] += 1
        try:
            await coro_fn()
        finally:
            running[0] -= 1

    return asyncio.create_task(run())


async def main(count):
    worst = 0
    task = asyncio.create_task(link.run())
    while owner.ended < count:
        before = time.ticks_ms()
        await asyncio.sleep_ms(5)
        worst = max(worst, time.ticks_diff(time.ticks_ms(), before) - 5)
        if task.done():
            raise SystemExit("the loop of the link ended")
    await asyncio.sleep_ms(20)
    print(json.dumps({"worst": worst, "left": running[0]}))


broker = {"host": "127.0.0.1", "port": int(sys.argv[1]), "user": "ada", "password": "secret", "tls": len(sys.argv) > 3}
if broker["tls"]:
    broker["ca"], broker["tls_name"] = sys.argv[3:]
    broker["fingerprint"] = ""
config = {"node": "cut", "broker": broker, "keepalive": 4}
owner = Owner()
link = Link(config, to_broker(broker), Backoff(), owner, spawn)
asyncio.run(main(int(sys.argv[2])))
