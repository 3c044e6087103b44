"""A class of thirty on a real broker in which each trouble there is happens to somebody: what the roll is tried on.

`with TroubledClass(broker.url):` begins when all have said hello. `ROSTER` is its class.json, `TROUBLES` says who has
what. One process, one connection for those who are fine, an own one for each who misbehaves.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from support.on_stage import OnStage

NAMES = (
    *("Ada", "Bilal", "Chloé", "Dmitri", "Esra", "Finn", "Greta", "Hana", "Inês", "Jonas"),
    *("Kwame", "Lena", "Mateo", "Noor", "Olga", "Priya", "Quentin", "Rosa", "Samir", "Tove"),
    *("Uma", "Viktor", "Wanda", "Xi", "Yusuf", "Zoë", "Anouk", "Bela", "Carmen", "Dario"),
)
IDS = [f"3b-{number:02d}" for number in range(1, 31)]
GROUPS = ("red", "blue", "green")
# node -> the kind of its trouble; who is not in it is fine
TROUBLES = {
    "3b-03": "duplicate-id",
    "3b-05": "flood",
    "3b-07": "never",
    "3b-09": "lost",
    "3b-11": "silent",
    "3b-13": "clock",
    "3b-15": "clock",
    "3b-16": "clock",
    "3b-17": "schema",
    "3b-19": "retained-command",
    "3b-21": "missing",
    "3b-23": "revoked",
    "3b-25": "offline",
    "3b-27": "sleeping",
    "3b-29": "paused",
    "3b-30": "no-hello",
    "guest": "stranger",
    "mallory": "schema",
}
ROSTER: dict[str, Any] = {
    "schema": 1,
    "base": "fleet",
    "nodes": [
        {"id": node, "name": name, "group": GROUPS[place % 3], **({"revoked": True} if node == "3b-23" else {})}
        for place, (node, name) in enumerate(zip(IDS, NAMES, strict=True))
    ],
}
SENSORS = {"sht4x": {"temp": ["Cel", "temperature"], "hum": ["%RH", "humidity"]}}


class Node:
    """One id with its boot: it says what it is told to, under the contract or not."""

    def __init__(self, client: paho.Client, name: str, boot: str = "0001", board: str = "unix") -> None:
        self.client = client
        self.id = name
        self.boot = boot
        self.board = board
        self.seq = 0
        self.unit = 1
        self.began = time.monotonic()

    @property
    def up(self) -> int:
        return 1000 + int((time.monotonic() - self.began) * 1000) // self.unit

    def say(self, what: str, fields: dict[str, Any] | bytes, qos: int = 1, retain: bool = False) -> None:
        payload = fields if isinstance(fields, bytes) else json.dumps(fields)
        self.client.publish(f"fleet/1/{self.id}/{what}", payload, qos, retain)

    def hello(self, conn: int = 1, **status: Any) -> None:
        place = IDS.index(self.id) if self.id in IDS else None
        meta = {
            "schema": "1.2",
            "name": NAMES[place] if place is not None else self.id,
            "board": self.board,
            "app": "1.0",
        }
        groups = [GROUPS[place % 3]] if place is not None else []
        meta |= {"period": 3000, "groups": groups, "sensors": SENSORS, "inputs": {}, "commands": {"identify": []}}
        self.say("status", {"state": "online", "boot": self.boot, "conn": conn, **status}, retain=True)
        self.say("meta", {"boot": self.boot, "seq": self.seq, "up": self.up, **meta}, retain=True)

    def read(self, up: int | None = None, qos: int = 0, **more: Any) -> None:
        values = {"temp": 21.4, "hum": 40.1}
        self.seq += 1
        fields = {"boot": self.boot, "seq": self.seq - 1, "up": self.up if up is None else up, "v": values, **more}
        self.say("tele/sht4x", fields, qos)

    def leave(self, state: str, **more: Any) -> None:
        self.say("status", {"state": state, "boot": self.boot, "conn": 1, **more}, retain=True)


def connect(url: str, client_id: str, will: Node | None = None) -> paho.Client:
    parts = urlsplit(url)
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id)
    client.max_queued_messages_set(0)
    client.reconnect_delay_set(1, 1)
    if will is not None:
        gone = json.dumps({"state": "lost", "boot": will.boot, "conn": 1})
        client.will_set(f"fleet/1/{will.id}/status", gone, 1, True)
    client.connect(parts.hostname or "127.0.0.1", parts.port or 1883, keepalive=5)
    client.loop_start()
    return client


def twins(url: str) -> None:
    """Two boards with one id, and so with one client id: each pushes the other off the broker, for ever."""
    for boot, board in (("aaaa", "esp32"), ("bbbb", "rp2")):
        client = paho.Client(CallbackAPIVersion.VERSION2, "3b-03")
        node, conn = Node(client, "3b-03", boot, board), [0]

        def born(*_: object, node: Node = node, conn: list[int] = conn) -> None:
            conn[0] += 1
            node.hello(conn[0])
            node.read()

        client.on_connect = born
        client.reconnect_delay_set(1, 2)
        parts = urlsplit(url)
        client.connect(parts.hostname or "127.0.0.1", parts.port or 1883)
        client.loop_start()


def flood(url: str) -> None:
    """A thousand messages a second, by a loop without a pause; a person would not even notice."""
    node = Node(connect(url, "3b-05"), "3b-05")
    node.hello()
    due = time.monotonic()
    while True:
        for _ in range(50):
            node.read()
        due += 0.05
        time.sleep(max(0.0, due - time.monotonic()))


def lose(url: str) -> None:
    """A board whose plug is pulled: the broker sends its will."""
    node = Node(paho.Client(CallbackAPIVersion.VERSION2), "3b-09")
    node.client = connect(url, "3b-09", will=node)
    node.hello()
    node.read(qos=1)
    time.sleep(1)
    sock = node.client.socket()
    node.client.loop_stop()
    if sock is not None:
        sock.close()  # without a goodbye


def others(client: paho.Client) -> Iterator[tuple[Node, Any]]:
    """(node, what it does every second)."""
    for name in IDS:
        if name not in TROUBLES:
            node = Node(client, name)
            yield node, node.read
    slow, wrong, back = Node(client, "3b-13"), Node(client, "3b-15"), Node(client, "3b-16")
    slow.unit = 1000  # it counts seconds, not ms
    yield slow, slow.read
    yield wrong, lambda: wrong.read(ts=int(time.time() * 1000) - 7_200_000)
    yield back, lambda: back.read(up=back.up % 5000)
    bad = Node(client, "3b-17")
    yield bad, lambda: bad.read(hist=2)
    for name in ("3b-19", "3b-23", "3b-30", "guest"):
        node = Node(client, name)
        yield node, node.read
    short = Node(client, "3b-21")
    short.seq = 41  # the first 41 it keeps, but never sends
    yield short, short.read


def journal(node: Node) -> None:
    fields = {"boot": node.boot, "seq": node.seq, "up": node.up, "kept": [[node.boot, 0, node.seq, 0]]}
    node.say("journal", fields)


def play(url: str) -> None:
    client = connect(url, "class-3b")
    doing = list(others(client))
    for node, _ in doing:
        if node.id != "3b-30":
            node.hello()
        if node.id == "3b-21":
            journal(node)
    quiet = Node(client, "3b-11")
    quiet.hello()
    quiet.read()
    for name, leave in (
        ("3b-25", lambda one: one.leave("offline")),
        ("3b-27", lambda one: one.leave("sleeping", wake=3600)),
        ("3b-29", lambda one: one.hello(pause=600)),
    ):
        node = Node(client, name)
        node.hello()
        leave(node)
    stranger = Node(client, "mallory")
    for work in (twins, flood, lose):
        threading.Thread(target=work, args=(url,), daemon=True).start()
    client.publish("fleet/1/3b-19/cmd/buzz", "300", 1, True).wait_for_publish(30)
    print(json.dumps({"on": "stage"}), flush=True)
    for second in range(sys.maxsize):
        for node, do in doing:
            do()
            if node.id == "3b-21" and second % 10 == 0:
                journal(node)
        stranger.say("tele/sht4x", b'{"temp": 21}')
        if second % 20 == 19:
            client.publish("fleet/1/3b-19/cmd/buzz", "300", 1, True)
        time.sleep(1)


class TroubledClass(OnStage):
    """The class in a process of its own."""

    def __init__(self, url: str) -> None:
        super().__init__("support.troubled_class", url)


if __name__ == "__main__":
    play(sys.argv[1])
