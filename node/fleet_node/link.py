"""The MQTT link of a node: connects, and connects again, for ever. The only module that imports umqtt.

umqtt.simple, unmodified, is only the codec: it reads and writes a Wire in memory, so that none of its
blocking waits can happen. The real socket belongs to asyncio (session.py). What is said is decided in app.py.
"""

import asyncio
import time

from umqtt import simple

from fleet_node.framing import Wire
from fleet_node.session import LinkError, Session

PATIENCE_MS = 5000  # for every answer of the broker; less if the keepalive is short

REFUSALS = {
    1: "it does not speak MQTT 3.1.1",
    2: "it does not like this node id",
    3: "it is not ready",
    4: "wrong user or password",
    5: "wrong user or password, or this node is not allowed",
}


class Codec:
    """Packets to bytes in `wire.out`, and PUBLISH packets from bytes: umqtt.simple on a Wire."""

    def __init__(self, client_id, broker, keepalive_s):
        user = broker.get("user") or None
        password = broker.get("password") or ""
        self.wire = Wire()
        self._mqtt = simple.MQTTClient(client_id, "", 1883, user and user.encode(), password.encode(), keepalive_s)
        self._mqtt.set_callback(self._note)

    def connect(self, will_topic, will_payload):
        """umqtt's own connect() with the Wire as its socket and as its socket module.

        That module is a global of umqtt.simple, in RAM even where the module is frozen. Borrowing it for one
        call that cannot block is less than writing CONNECT here: umqtt stays the only one who knows MQTT.
        """
        self._mqtt.set_last_will(will_topic, will_payload, True, 1)
        self.wire.feed(b"\x20\x02\0\0")
        original = simple.socket
        simple.socket = self.wire
        try:
            self._mqtt.connect()
        finally:
            simple.socket = original

    def publish(self, topic, payload, retain, pid):
        """QoS 1 with packet id `pid`, or QoS 0 if that is 0. umqtt gets its PUBACK now, the real one comes later."""
        self._expect(b"\x40\x02", pid)
        self._mqtt.publish(topic, payload, retain, 1 if pid else 0)

    def subscribe(self, topic, pid):
        self._expect(b"\x90\x03", pid)
        self._mqtt.subscribe(topic, 1)

    def ping(self):
        self._mqtt.ping()

    def disconnect(self):
        self._mqtt.disconnect()

    def parse(self, packet):
        """(topic, payload) of a whole PUBLISH packet; for QoS 1 its PUBACK is written too."""
        self.wire.feed(packet)
        self._inbox = None
        try:
            self._mqtt.wait_msg()
        except (IndexError, TypeError, ValueError):
            pass
        if self._inbox is None:
            raise LinkError("the broker sent a malformed packet")
        return self._inbox

    def _expect(self, head, pid):
        self._mqtt.pid = pid - 1  # umqtt adds 1, and would not wrap at 65535
        self.wire.feed(head + pid.to_bytes(2, "big") + b"\0")

    def _note(self, topic, payload):
        self._inbox = (topic, payload)


class Link:
    """One node's connection, made again for ever by run().

    `owner` is asked for the will, will(conn) -> (topic, payload), and told what happens: link_up(),
    failed(stage, answer, error) where it was never up (see joining.py), link_down(reason, wait_ms), acked(pid),
    refused(pid), received(topic, payload, retained).
    `spawn(name, coroutine function)` starts a task and returns it. Topics and payloads are bytes.
    """

    def __init__(self, config, dialer, backoff, owner, spawn):
        self.conn = 0  # CONNECTs sent since boot
        self.session = None
        self._attempts = 0
        self._client_id = config["node"].encode()
        self._broker = config["broker"]
        self._keepalive_s = config["keepalive"]
        self._patience_ms = min(PATIENCE_MS, self._keepalive_s * 500)
        self._dialer = dialer
        self._backoff = backoff
        self._owner = owner
        self._spawn = spawn
        self._pid = 0

    async def run(self):
        """Whatever goes wrong ends one session, never this loop."""
        while self._broker.get("host") == "":  # stand-alone: there is none
            self._attempts += 1
            await asyncio.sleep_ms(self._patience_ms)
        while True:
            self._answer = None  # what came in place of a good CONNACK
            self._attempts += 1
            try:
                session = await asyncio.wait_for_ms(self._open(), self._patience_ms)
                since = time.ticks_ms()
                self.session = session
                reason = await session.run(self._owner.link_up)
            except asyncio.TimeoutError as error:
                fault = error
                reason = "no answer within " + str(self._patience_ms) + " ms"
            except LinkError as error:
                fault = error
                reason = str(error)
                self._dialer.forget()  # whoever has that address by now is not our broker
            except OSError as error:
                fault = error
                reason = "cannot reach it: " + str(error)
                self._dialer.forget()
            except Exception as error:  # such as the ValueError of TLS for a wrong host name
                fault = error
                reason = type(error).__name__ + ": " + str(error)
            if not self.session:
                self._owner.failed(self._dialer.stage, self._answer, fault)
            else:
                self._pid = self.session.pid
                self._backoff.held(time.ticks_diff(time.ticks_ms(), since))
            self.session = None
            self._dialer.close()
            wait_ms = self._backoff.next_ms()
            self._owner.link_down(reason, wait_ms)
            await asyncio.sleep_ms(wait_ms)

    def is_up(self):
        return self.session is not None

    def turns(self):
        """Something else than before, unless this link is stuck: it tries again, or hears the broker."""
        return self._attempts, self.session and self.session.heard

    def ready(self, urgent=False):
        """May publish() be called now?"""
        return self.session is not None and self.session.has_room(urgent)

    def publish(self, topic, payload, retain=False, qos=1):
        """Hand one packet to the writer; its packet id, told again by acked(), or 0 for QoS 0."""
        return self.session.publish(topic, payload, retain, qos)

    def subscribe(self, topic):
        """Ask for QoS 1; refused(pid) is called if the broker says no."""
        return self.session.subscribe(topic)

    def goodbye(self, topic, payload):
        """Say `payload` (retained) and DISCONNECT, so that the will stays unsaid. Blocks for at most 0.5 s.

        For the end of the program, when no task runs any more.
        """
        last_words = self.session and self.session.last_words(topic, payload)
        if last_words:
            self._dialer.finish(last_words)

    async def _open(self):
        stream = asyncio.StreamReader(await self._dialer.open())
        codec = Codec(self._client_id, self._broker, self._keepalive_s)
        self.conn += 1
        codec.connect(*self._owner.will(self.conn))
        await self._dialer.greet(codec.wire.take())
        try:
            answer = await stream.readexactly(4)
        except (EOFError, OSError):
            raise LinkError("it closed the connection without an answer")
        if answer != b"\x20\x02\0\0":
            self._answer = answer
        if answer[:2] != b"\x20\x02":
            raise LinkError("no MQTT 3.1.1 broker answers there")
        if answer[3]:
            raise LinkError("the broker refused: " + REFUSALS.get(answer[3], "code " + str(answer[3])))
        return Session(
            self._dialer, stream, codec, self._owner, self._spawn, self._keepalive_s, self._patience_ms, self._pid
        )
