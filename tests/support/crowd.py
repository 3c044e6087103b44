"""Many nodes in one process: what a dashboard is shown when it is to be looked at, not what a node does.

`with Crowd(broker.url, 500):` has 500 nodes that each take one reading a second, under the contract.
`with Crowd(broker.url, cast="class"):` has a class of twelve by name, in groups, in every state there is.
"""

from __future__ import annotations

import json
import math
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from fleet_schema import payloads, topics
from support.on_stage import OnStage

SENSORS: dict[str, dict[str, list[str]]] = {
    "sht4x": {"temp": ["Cel", "temperature"], "hum": ["%RH", "humidity"]},
    "bmp280": {"temp": ["Cel", "temperature"], "press": ["hPa", "pressure"]},
    "mpu6886": {axis: ["m/s2", "acceleration"] for axis in ("ax", "ay", "az")},
    "light": {"lux": ["lx", "illuminance"]},
}
TICKS = 10  # a second: the readings of a crowd come evenly, not in a clap


@dataclass
class Actor:
    """A node as its messages make it. Without `speaks` it says hello and nothing more."""

    id: str
    name: str
    groups: list[str]
    sensors: list[str]
    state: str = "online"
    speaks: bool = True
    period: int = 3000  # ms, as it says; it takes a reading a second, so that a busy machine does not make it silent
    presses: bool = False
    warm: float = 21.0
    boot: str = "0001"
    seq: int = 0
    n: int = 0
    phase: float = field(default=0.0)

    def births(self) -> Iterator[tuple[str, dict[str, Any]]]:
        yield "status", {"state": "online", "boot": self.boot, "conn": 1}
        yield (
            "meta",
            {
                **{"boot": self.boot, "seq": self.seq, "up": 210},
                "schema": "1.1",
                "name": self.name,
                "board": "unix",
                "app": "1.0",
                "period": self.period,
                "groups": self.groups,
                "sensors": {name: SENSORS[name] for name in self.sensors},
                "inputs": {"button-a": ["press", "release", "long"]},
                "commands": {"identify": [], "buzz": [["ms", "i", 10, 10000, 300]], "say": [["text", "s", 0, 64]]},
            },
        )

    def envelope(self, up: int) -> dict[str, Any]:
        self.seq += 1
        return {"boot": self.boot, "seq": self.seq - 1, "up": up}

    def readings(self, up: int, chance: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
        wave = math.sin(up / 9000 + self.phase)
        values = {
            "temp": round(self.warm + 1.2 * wave + chance.gauss(0, 0.05), 2),
            "hum": round(46 - 6 * wave + chance.gauss(0, 0.2), 1),
            "press": round(1013.2 + 0.6 * wave, 1),
            "lux": round(320 + 160 * wave + chance.gauss(0, 4)),
            "ax": round(chance.gauss(0.1, 0.05), 2),
            "ay": round(chance.gauss(0.0, 0.05), 2),
            "az": round(chance.gauss(9.8, 0.05), 2),
        }
        for sensor in self.sensors:
            fields = {name: values[name] for name in SENSORS[sensor]}
            yield f"tele/{sensor}", {**self.envelope(up), "v": fields}

    def press(self, up: int) -> tuple[str, dict[str, Any]]:
        self.n += 1
        return "event/button-a", {**self.envelope(up), "event_type": "press", "n": self.n}


def crowd(count: int) -> list[Actor]:
    """node-001 and on, in five groups of rooms, one sensor each, in slightly different weather."""
    chance = random.Random(count)
    rooms = ["hall", "lab", "library", "roof", "yard"]
    actors = []
    for number in range(1, count + 1):
        room = number % len(rooms)
        warm = 19 + 1.6 * room + chance.gauss(0, 0.8)
        name = f"node-{number:03d}"
        actors.append(Actor(name, name, [rooms[room]], ["sht4x"], period=10_000, warm=warm, phase=chance.uniform(0, 6)))
    for number, state in ((7, "lost"), (77, "lost"), (177, "offline"), (277, "sleeping"), (377, "lost")):
        if number <= count:  # not all is well in any crowd
            actors[number - 1].state = state
    return actors


def school_class() -> list[Actor]:
    three = ["sht4x", "bmp280", "mpu6886"]
    cast = [
        Actor("ada", "Ada", ["red"], three, presses=True, warm=22.4),
        Actor("bilal", "Bilal", ["red"], ["sht4x"], warm=21.1),
        Actor("chloe", "Chloé", ["blue"], three, presses=True, warm=24.9),
        Actor("dmitri", "Dmitri", ["blue"], ["sht4x", "light"], state="lost", warm=20.3),
        Actor("esra", "Esra", ["green"], ["sht4x", "mpu6886"], warm=23.2),
        Actor("finn-olafsson", "Finn Ólafsson-Bergström", ["green"], three, warm=21.8),
        Actor("greta", "Greta", ["red"], ["sht4x"], state="sleeping", warm=19.4),
        Actor("hana", "Hana", ["blue"], ["light"], presses=True),
        Actor("ines", "Inês", ["green"], ["sht4x"], state="offline", warm=22.0),
        Actor("jonas", "Jonas", ["red"], ["sht4x"], speaks=False),
        Actor("kwame", "Kwame", ["blue"], three, warm=26.3),
        Actor("n-4f2a91", "n-4f2a91", [], ["bmp280"], warm=20.8),
    ]
    for number, actor in enumerate(cast):
        actor.phase = float(number)
    return cast


class Stage:
    """Sends what the actors say until it is ended."""

    def __init__(self, url: str, actors: list[Actor], base: str = "fleet") -> None:
        parts = urlsplit(url)
        self._actors = actors
        self._base = base
        self._chance = random.Random(1)
        self._client = paho.Client(CallbackAPIVersion.VERSION2, f"crowd-{len(actors)}")
        self._client.max_queued_messages_set(0)
        self._client.max_inflight_messages_set(500)
        if parts.username:
            self._client.username_pw_set(parts.username, parts.password)
        self._client.connect(parts.hostname or "127.0.0.1", parts.port or 1883)
        self._client.loop_start()
        self._began = time.monotonic()

    def _say(
        self, actor: Actor, what: str, fields: dict[str, Any], qos: int = 0, retain: bool = False
    ) -> paho.MQTTMessageInfo:
        kind, _, name = what.partition("/")
        topic = topics.node_topic(self._base, actor.id, kind, name or None)
        return self._client.publish(topic, payloads.encode(kind, fields), qos=qos, retain=retain)

    def _up(self) -> int:
        return 5000 + int((time.monotonic() - self._began) * 1000)

    def open(self) -> None:
        """Everybody says hello and, but for those who do not speak, takes a first reading; then some go."""
        for actor in self._actors:
            for what, fields in actor.births():
                last = self._say(actor, what, fields, qos=1, retain=True)
            if actor.speaks:
                for what, fields in actor.readings(self._up(), self._chance):
                    last = self._say(actor, what, fields, qos=1)
        last.wait_for_publish(60)
        for actor in self._actors:
            if actor.state != "online":
                away = {"state": actor.state, "boot": actor.boot, "conn": 1}
                self._say(actor, "status", away | ({"wake": 7200} if actor.state == "sleeping" else {}), 1, True)

    def play(self) -> None:
        """One reading of each sensor a second of each who is online, and a press now and then."""
        speaking = [actor for actor in self._actors if actor.speaks and actor.state == "online"]
        pressing = [actor for actor in speaking if actor.presses] or speaking[:: max(1, len(speaking) // 5)]
        due = time.monotonic()
        for tick in range(sys.maxsize):
            for actor in speaking[tick % TICKS :: TICKS]:
                for what, fields in actor.readings(self._up(), self._chance):
                    self._say(actor, what, fields)
            if tick % 23 == 7:
                actor = self._chance.choice(pressing)
                self._say(actor, *actor.press(self._up()))
            due += 1 / TICKS
            time.sleep(max(0.0, due - time.monotonic()))


class Crowd(OnStage):
    """The stage in a process of its own."""

    def __init__(self, url: str, count: int = 0, cast: str = "crowd") -> None:
        super().__init__("support.crowd", url, cast, str(count))


if __name__ == "__main__":
    url, cast, count = sys.argv[1:4]
    stage = Stage(url, school_class() if cast == "class" else crowd(int(count)))
    stage.open()
    print(json.dumps({"on": "stage"}), flush=True)
    stage.play()
