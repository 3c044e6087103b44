"""An observer on the broker: it records all it is sent and answers `did this arrive?` with a deadline."""

import json
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


@dataclass(frozen=True)
class Seen:
    topic: str
    payload: bytes
    qos: int
    retain: bool
    at: float = field(default_factory=time.monotonic)

    def json(self) -> Any:
        return json.loads(self.payload)

    def __str__(self) -> str:
        return f"{self.topic} {'(retained) ' if self.retain else ''}{self.payload.decode(errors='replace')}"


class Probe:
    """`with Probe(broker.url, "fleet/1/#") as probe:`; user and password come from the URL.

    `tell` is called with each message, in the order of their arrival and in another thread. `resume=True` goes on with
    the session that an earlier probe of this `client_id` left. `remember=False`: only `tell` gets what arrives.
    """

    def __init__(
        self,
        url: str,
        *filters: str,
        client_id: str | None = None,
        resume: bool = False,
        tell: Callable[[Seen], object] = lambda seen: None,
        remember: bool = True,
    ) -> None:
        parts = urlsplit(url)
        self._filters = filters or ("#",)
        self._tell = tell
        self._resume = resume
        self._remember = remember
        self._seen: list[Seen] = []
        self._news = threading.Condition()
        self._ready = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id or f"probe-{uuid.uuid4().hex[:8]}",
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        if parts.username:
            self._client.username_pw_set(parts.username, parts.password)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 1883)

    def _on_connect(self, client: paho.Client, *_: object) -> None:
        client.subscribe([(name, paho.SubscribeOptions(qos=1)) for name in self._filters])

    def _on_message(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        seen = Seen(message.topic, bytes(message.payload), message.qos, message.retain)
        if self._remember:
            with self._news:
                self._seen.append(seen)
                self._news.notify_all()
        self._tell(seen)

    def __enter__(self) -> "Probe":
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 60  # what arrives while the broker restarts is not missed
        clean = False if self._resume else paho.MQTT_CLEAN_START_FIRST_ONLY
        self._client.connect(*self._address, 10, clean_start=clean, properties=session)
        self._client.loop_start()
        assert self._ready.wait(5), "the probe could not subscribe"
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def send_at_once(self) -> None:
        """On this connection from now on: for many messages in a row, of which each would wait 40 ms for the one before
        it to be acknowledged by the broker's kernel."""
        sock = self._client.socket()
        assert isinstance(sock, socket.socket)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def publish(self, topic: str, payload: bytes | str = b"", qos: int = 1, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos, retain).wait_for_publish(5)

    def seen(self, topic_filter: str = "#") -> list[Seen]:
        """All that arrived so far for this filter."""
        with self._news:
            return [one for one in self._seen if paho.topic_matches_sub(topic_filter, one.topic)]

    def mark(self) -> int:
        """A position for `expect(..., since=mark)`: what came before does not count."""
        with self._news:
            return len(self._seen)

    def expect(
        self, topic_filter: str, accept: Callable[[Seen], bool] | None = None, within: float = 20.0, since: int = 0
    ) -> Seen:
        """The first message for the filter that `accept` likes; else a failure that lists what did arrive."""
        return self.expect_count(1, topic_filter, accept, within, since)[0]

    def expect_count(
        self,
        count: int,
        topic_filter: str,
        accept: Callable[[Seen], bool] | None = None,
        within: float = 20.0,
        since: int = 0,
    ) -> list[Seen]:
        deadline = time.monotonic() + within
        with self._news:
            while True:
                found = [
                    one
                    for one in self._seen[since:]
                    if paho.topic_matches_sub(topic_filter, one.topic) and (accept is None or accept(one))
                ]
                if len(found) >= count:
                    return found
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._news.wait(left)
            others = "\n".join(f"  {one}" for one in self._seen[since:][-30:]) or "  nothing"
        raise AssertionError(
            f"{len(found)} of {count} messages for {topic_filter} within {within} s; what did arrive:\n{others}"
        )

    def settle(self, within: float = 20.0) -> None:
        """Wait until all that was sent before has arrived: a mark of our own makes the round trip."""
        topic = f"probe/{uuid.uuid4().hex}"
        ready = threading.Event()
        self._client.message_callback_add(topic, lambda *_: ready.set())
        self._client.subscribe(topic, 1)
        deadline = time.monotonic() + within
        while not ready.is_set() and time.monotonic() < deadline:
            self._client.publish(topic, b"mark", 1).wait_for_publish(within)
            ready.wait(0.2)
        self._client.message_callback_remove(topic)
        self._client.unsubscribe(topic)
        assert ready.is_set(), "the broker did not return the probe's mark"
