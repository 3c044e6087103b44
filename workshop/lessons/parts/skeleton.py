"""What lesson 12 wrote by hand, in one class to go on from: a node of the fleet. docs/topics.md is its contract.

    node = Node(config, sensors={"box": {"temp": ["Cel", "temperature"]}}, period=1000)
    asyncio.create_task(node.run())
    node.reading("box", {"temp": 21.4})

It is online or not, and says so in `node.online`; what is said meanwhile is lost, and False. umqtt waits for the
broker's answers, and everything else waits with it: short here, but the node in node/ never does that.
"""

import asyncio
import json
import os
import time

import wifi
from umqtt.simple import MQTTClient, MQTTException

PING_MS = 5000
RETRY_MS = 1000
LOOK_MS = 20
BROKEN = (OSError, IndexError, TypeError, AssertionError, MQTTException)  # what umqtt raises when a link breaks


class Node:
    """`config` has node, host and port; perhaps name, base, user and password. `hear(who, kind, name, message)` is
    called with all that comes: the parts of its topic, and its JSON. For a command it returns "done", "bad" or so.

    `also` are topics that it wants besides its own commands; `kept()` gives the rows of its journal. All else is its
    birth certificate: sensors, inputs, commands, period.
    """

    def __init__(self, config, hear=None, also=(), kept=None, **meta):
        self.boot = os.urandom(2).hex()  # another one at every start: the numbers begin anew
        self.seq = 0  # of the next reading or event
        self.online = False
        self._hear = hear or (lambda *_: None)
        self._kept = kept or (lambda: [[self.boot, self.seq, self.seq, 0]])
        self._meta = dict(meta, schema="1.4", name=config.get("name") or config["node"])
        self._base = config.get("base", "fleet") + "/1/"
        self._me = self._base + config["node"] + "/"
        self._where = "%s:%d" % (config["host"], config["port"])
        login = config.get("user") or None, config.get("password") or None
        self._client = MQTTClient(config["node"], config["host"], config["port"], *login, keepalive=15)
        self._client.set_callback(lambda topic, payload: self._came.append((topic, payload)))
        self._topics = [self._me + "cmd/+", self._base + "_all/cmd/+"] + [self._base + one for one in also]
        self._came = []
        self._events = {}
        self._start = time.ticks_ms()
        self._pinged = self._start
        self._conn = 0

    def up(self):
        """Milliseconds since the start: when something was measured, not when it was sent."""
        return time.ticks_diff(time.ticks_ms(), self._start)

    def say(self, kind, more, retain=False, qos=1):
        """True if the broker has it. Every message begins with boot, seq and up; `more` may say others."""
        message = {"boot": self.boot, "seq": self.seq, "up": self.up()}
        message.update(more)
        return self._publish(self._me + kind, message, retain, qos)

    def say_journal(self):
        """What waits here to be stored; the wall answers with `stored`."""
        return self.say("journal", {"kept": self._kept()}, qos=0)

    def reading(self, sensor, values):
        said = self.say("tele/" + sensor, {"v": values})
        self.seq += 1
        return said

    def event(self, name, what):
        self._events[name] = self._events.get(name, 0) + 1
        said = self.say("event/" + name, {"event_type": what, "n": self._events[name]})
        self.seq += 1
        return said

    def command(self, who, name, arguments):
        """To a node, to "_all" or to a group, "_red". Of a class only the account `tools` may do that."""
        return self._publish(self._base + who + "/cmd/" + name, arguments)

    async def run(self):
        """Connect, hear, and connect again whenever the link breaks."""
        while True:
            try:
                self._connect()
            except BROKEN as error:
                self._broke(error)
            while self.online:
                self._look()
                while self._came:
                    self._take(*self._came.pop(0))
                await asyncio.sleep_ms(LOOK_MS)
            await asyncio.sleep_ms(RETRY_MS + 2 * os.urandom(1)[0])  # thirty nodes do not come back at once

    def _connect(self):
        wifi.connect()
        self._conn += 1
        status = {"boot": self.boot, "conn": self._conn}
        self._client.set_last_will(self._me + "status", json.dumps(dict(status, state="lost")), True, 1)
        self._client.connect()
        try:
            self._client.sock.setsockopt(6, 1, 1)  # TCP_NODELAY: umqtt writes a message in pieces, and none shall wait
        except (AttributeError, OSError, ValueError):
            pass  # a board without it is only slower
        self.online = True
        self._publish(self._me + "status", dict(status, state="online"), True)
        self.say("meta", self._meta, True)
        for topic in self._topics:
            self._client.subscribe(topic, 1)
        print("connected to", self._where)
        self.say_journal()

    def _look(self):
        try:
            self._client.check_msg()
            if time.ticks_diff(time.ticks_ms(), self._pinged) > PING_MS:
                self._client.ping()
                self._pinged = time.ticks_ms()
        except BROKEN as error:
            self._broke(error)

    def _take(self, topic, payload):
        """Anybody may send anything: what is not as it should be ends nothing here."""
        who, kind, name = (topic.decode().split("/") + [""])[2:5]
        try:
            message = json.loads(payload)
        except ValueError:
            message = None
        try:
            answer = self._hear(who, kind, name, message)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            print("ignored", topic.decode(), repr(error))
            answer = "bad"
        if kind == "cmd":
            id = message.get("id") if isinstance(message, dict) else None
            self.say("ack", {"id": id, "cmd": name, "st": answer or "unknown"})

    def _publish(self, topic, message, retain=False, qos=1):
        if self.online:
            try:
                self._client.publish(topic, json.dumps(message), retain, qos)
                return True
            except BROKEN as error:
                self._broke(error)
        return False

    def _broke(self, error):
        print("no broker at", self._where, repr(error))
        self.online = False
        if self._client.sock:
            self._client.sock.close()
