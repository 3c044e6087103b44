"""Many nodes over one connection: each has said hello and obeys at once. Where a class is large, not where a node's
own behaviour matters."""

import json
import threading
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

BOOT = "c0de"


class ObedientCrowd:
    """`with ObedientCrowd(broker.url, ["n-1", "n-2"], {"echo": []}):` these nodes are there and know these commands.

    `answers` are those that do not just obey: node -> the word of its ack, or None if it never answers.
    """

    def __init__(
        self,
        url: str,
        names: list[str],
        commands: dict[str, Any],
        answers: Mapping[str, str | None] = MappingProxyType({}),
    ) -> None:
        self._names = names
        self._commands = commands
        self._answers = answers
        self._ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "crowd")
        self._client.on_message = self._obey
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._address = urlsplit(url)

    def __enter__(self) -> "ObedientCrowd":
        self._client.connect(self._address.hostname or "127.0.0.1", self._address.port or 1883)
        self._client.loop_start()
        self._client.subscribe("fleet/1/+/cmd/+", 1)
        assert self._ready.wait(30), "the broker did not answer the subscription"
        for name in self._names:
            self._say(name, "status", {"state": "online", "boot": BOOT, "conn": 1}, retain=True)
            meta = {"schema": "1.3", "name": name, "period": 600_000, "commands": self._commands}
            self._say(name, "meta", {"boot": BOOT, "seq": 0, "up": 1, **meta}, retain=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _say(self, name: str, kind: str, fields: dict[str, Any], retain: bool = False) -> None:
        self._client.publish(f"fleet/1/{name}/{kind}", json.dumps(fields), 1, retain)

    def _obey(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        _, _, who, _, command = message.topic.split("/")
        given = json.loads(message.payload or b"{}")
        ack = {"boot": BOOT, "seq": 0, "up": 2, "cmd": command, "st": "done"}
        if isinstance(given, dict) and "id" in given:
            ack["id"] = given["id"]
        for name in self._names:
            if who in ("_all", name):
                word = self._answers.get(name, "done")
                if word is not None:
                    self._say(name, "ack", {**ack, "st": word, **({"err": "it broke"} if word == "fail" else {})})
