"""Many nodes in one process, as far as a broker sees them: micropython upy_storm_links.py NODE_FOLDER/main.py

The link of each is the real one: Link, Session, Backoff and Dialer of fleet_node. It is born, subscribes as a node does
and sends a reading every two seconds. Sensors, journal and commands it has not: so fifty fit into a process.
FLEET_STORM is a file with {node: broker URL}. Notes as upy_storm_node.py does.
"""

import asyncio
import json
import os
import random
import sys
import time

folder = sys.argv[1].rsplit("/", 1)[0]
sys.path[0:1] = [folder, folder + "/lib"]

from fleet_node import config, dial  # noqa: E402
from fleet_node.backoff import Backoff  # noqa: E402
from fleet_node.link import Link  # noqa: E402
from fleet_schema import topics  # noqa: E402

PERIOD_MS = 2000
BOARD = {"schema": "1.1", "board": "unix", "app": "storm", "period": PERIOD_MS, "inputs": {}, "commands": {}}
SENSORS = {"sensors": {"sht4x": {"temp": ["Cel", "temperature"], "hum": ["%RH", "humidity"]}}}


class Dialer(dial.Dialer):
    def __init__(self, node, broker):
        super().__init__(broker["host"], broker["port"])
        self._node = node

    async def open(self):
        print("storm try", self._node, time.ticks_ms())
        return await super().open()


class Node:
    def __init__(self, node, url):
        self._id = node
        self._boot = f"{random.getrandbits(16):04x}"
        self._seq = 0
        broker = config.parse_url(url)
        settings = {"node": node, "broker": broker, "keepalive": 15}
        self.link = Link(settings, Dialer(node, broker), Backoff(random.random), self, self.spawn)

    def spawn(self, name, task):
        return asyncio.create_task(task())

    def topic(self, kind, sensor=None):
        return topics.node_topic("fleet", self._id, kind, sensor).encode()

    def say(self, kind, sensor=None, retain=False, **fields):
        said = {"boot": self._boot, "seq": self._seq, "up": time.ticks_ms() % 1000000}
        said.update(fields)
        self._seq += 1
        self.link.publish(self.topic(kind, sensor), json.dumps(said).encode(), retain)

    def status(self, state, conn):
        return json.dumps({"state": state, "boot": self._boot, "conn": conn}).encode()

    async def run(self):
        self.spawn("link", self.link.run)
        await asyncio.sleep_ms(random.randrange(PERIOD_MS))
        while True:
            if self.link.ready():
                self.say("tele", "sht4x", v={"temp": 21.5, "hum": 40.0})
            await asyncio.sleep_ms(PERIOD_MS)

    # What the link asks and tells.

    def will(self, conn):
        return self.topic("status"), self.status("lost", conn)

    def link_up(self):
        print("storm in", self._id, time.ticks_ms())
        for one in topics.command_filters("fleet", self._id):
            self.link.subscribe(one.encode())
        self.link.subscribe(topics.host_topic("fleet", "stored", self._id).encode())
        self.link.publish(self.topic("status"), self.status("online", self.link.conn), True)
        self.say("meta", retain=True, name=self._id, **BOARD, **SENSORS)

    def failed(self, stage, answer, error):
        pass

    def link_down(self, reason, wait_ms):
        print("storm wait", self._id, wait_ms)
        print(self._id, reason)

    def acked(self, pid):
        pass

    def refused(self, pid):
        print(self._id, "was refused a subscription")

    def received(self, topic, payload, retained):
        pass

    def odd(self, what):
        print(self._id, what)


async def main(urls):
    await asyncio.gather(*[Node(node, url).run() for node, url in urls.items()])


with open(os.getenv("FLEET_STORM")) as file:  # noqa: PTH123
    nodes = json.load(file)
asyncio.run(main(nodes))
