"""One MQTT login with any client id and any will, which tries things and tells what the broker said and sent."""

import threading
import time
import uuid
from types import TracebackType

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties

DENIED = 0x80


class Login:
    """`with Login(port, "ada", password) as ada:`; `refused` is the broker's reason if it did not let us in."""

    def __init__(
        self,
        port: int,
        user: str | None = None,
        password: str | None = None,
        client_id: str | None = None,
        will: str | None = None,
        protocol: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv311,
        keepalive: int = 10,
        clean: bool = True,
        will_properties: Properties | None = None,
    ) -> None:
        self._port, self._keepalive = port, keepalive
        modern = protocol == MQTTProtocolVersion.MQTTv5
        self._clean_start = clean if modern else paho.MQTT_CLEAN_START_FIRST_ONLY
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id if client_id is not None else f"login-{uuid.uuid4().hex[:8]}",
            clean_session=None if modern else clean,
            protocol=protocol,
        )
        if user is not None:
            self._client.username_pw_set(user, password)
        if will is not None:
            self._client.will_set(will, b"will", 1, True, will_properties)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._on_subscribe
        self._client.on_publish = self._on_publish
        self._news = threading.Condition()
        self._answer: str | None = None
        self._granted: dict[int, int] = {}
        self._published: dict[int, int] = {}
        self._received: list[tuple[str, bytes]] = []
        self.connected = False
        self.refused: str | None = None

    def publish(
        self, topic: str, payload: bytes = b"x", retain: bool = False, properties: Properties | None = None
    ) -> int:
        """The broker's reason code; at MQTT 3.1.1 it is always 0, also for what is then thrown away."""
        with self._news:
            sent = self._client.publish(topic, payload, 1, retain, properties)
            assert self._news.wait_for(lambda: sent.mid in self._published, 5), f"no PUBACK for {topic}"
            return self._published[sent.mid]

    def subscribe(self, topic_filter: str) -> int:
        """The code of the SUBACK; DENIED and above is a no."""
        with self._news:
            _, mid = self._client.subscribe(topic_filter, 1)
            assert mid is not None
            assert self._news.wait_for(lambda: mid in self._granted, 5), f"no SUBACK for {topic_filter}"
            return self._granted[mid]

    def wait_for(self, topic: str, payload: bytes, within: float = 5.0) -> list[tuple[str, bytes]]:
        """All that was received up to this message; a failure that lists it if it never comes."""
        with self._news:
            came = self._news.wait_for(lambda: (topic, payload) in self._received, within)
            assert came, f"{topic} {payload!r} never came; what did: {self._received}"
            return self._received[: self._received.index((topic, payload))]

    def wait_until_thrown_out(self, within: float = 5.0) -> None:
        with self._news:
            assert self._news.wait_for(lambda: not self.connected, within), "still connected"

    def heard(self) -> list[tuple[str, bytes]]:
        with self._news:
            return list(self._received)

    def cut(self) -> None:
        """The connection breaks without a goodbye: the broker publishes the will."""
        self._client.loop_stop()
        sock = self._client.socket()
        assert sock is not None
        sock.close()

    def __enter__(self) -> "Login":
        deadline = time.monotonic() + 5
        self._client.connect("127.0.0.1", self._port, self._keepalive, clean_start=self._clean_start)
        self._client.loop_start()
        with self._news:
            assert self._news.wait_for(lambda: self._answer is not None, deadline - time.monotonic()), "no CONNACK"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(
        self, _client: paho.Client, _data: object, _flags: object, reason: paho.ReasonCode, _props: object
    ) -> None:
        with self._news:
            self._answer = str(reason)
            self.connected = not reason.is_failure
            self.refused = str(reason) if reason.is_failure else None
            if self.refused:
                self._client.disconnect()  # or paho tries again for ever
            self._news.notify_all()

    def _on_disconnect(self, client: paho.Client, *_: object) -> None:
        with self._news:
            self.connected = False
            self._news.notify_all()

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        with self._news:
            self._received.append((message.topic, bytes(message.payload)))
            self._news.notify_all()

    def _on_subscribe(
        self, _client: paho.Client, _data: object, mid: int, codes: list[paho.ReasonCode], _props: object
    ) -> None:
        with self._news:
            self._granted[mid] = codes[0].value
            self._news.notify_all()

    def _on_publish(
        self, _client: paho.Client, _data: object, mid: int, reason: paho.ReasonCode, _props: object
    ) -> None:
        with self._news:
            self._published[mid] = reason.value
            self._news.notify_all()
