"""One live MQTT connection, from CONNACK to its end: reader, writer, watchdog. Owns the packet ids.

It never connects, never retries and never decides what to say. Any part that fails ends the whole session.
"""

import asyncio
import time

from fleet_node.framing import Framer, FramingError, publish_id

MAX_PACKET = 4096  # a longer packet from the broker is skipped and counted
MAX_WAITING = 16384  # bytes the network has not taken; more than a full window of them: the broker does not read
MAX_ANSWERS = 4096  # bytes
WINDOW = 8  # publishes under way at once
URGENT = 48  # the same with urgent ones among them; they are the answers to what the broker may send at once (20)
FULL_MS = 10  # how often to look whether the network takes bytes again

PUBLISH, PUBACK, SUBACK, PINGRESP = 3, 4, 9, 13  # MQTT 3.1.1, table 2.1


class LinkError(Exception):
    """The connection cannot be made or cannot go on; the text is fit for a person."""


class Session:
    """`owner` and `spawn` as in link.Link; `pid` is the last packet id used, which goes on over sessions."""

    def __init__(self, dialer, stream, codec, owner, spawn, keepalive_s, patience_ms, pid):
        self.pid = pid
        self._dialer = dialer
        self._stream = stream
        self._codec = codec
        self._wire = codec.wire
        self._owner = owner
        self._spawn = spawn
        self._ping_ms = keepalive_s * 500
        self._patience_ms = patience_ms
        self._inflight = {}  # packet id -> tick when it was handed over
        self._framer = Framer(MAX_PACKET)
        self._kick = asyncio.Event()
        self._broken = asyncio.Event()
        self.heard = self._tx = time.ticks_ms()  # ticks of the last packet in, and out

    async def run(self, link_up):
        """Until something breaks; the reason."""
        parts = (("read", self._read), ("write", self._write), ("watch", self._watch))
        tasks = [self._spawn("link-" + name, self._guarded(part)) for name, part in parts]
        try:
            link_up()
            await self._broken.wait()
        finally:
            for task in tasks:
                task.cancel()
        return self._reason

    def has_room(self, urgent):
        return len(self._inflight) < (URGENT if urgent else WINDOW)

    def publish(self, topic, payload, retain, qos):
        pid = self._next_pid() if qos else 0
        self._codec.publish(topic, payload, retain, pid)
        self._kick.set()
        return pid

    def subscribe(self, topic):
        pid = self._next_pid()
        self._codec.subscribe(topic, pid)
        self._kick.set()
        return pid

    def last_words(self, topic, payload):
        """The bytes that end this session well."""
        self.publish(topic, payload, True, 1)
        self._codec.disconnect()
        return self._wire.take()

    def _guarded(self, part):
        async def run():
            try:
                await part()
            except (LinkError, FramingError) as error:
                reason = str(error)
            except EOFError:
                reason = "the broker closed the connection"
            except OSError as error:
                reason = "connection lost: " + str(error)
            except Exception as error:
                reason = type(error).__name__ + ": " + str(error)
            if not self._broken.is_set():
                self._reason = reason
                self._broken.set()

        return run

    async def _read(self):
        while True:
            chunk = await self._stream.read(512)
            if not chunk:
                raise EOFError
            for packet, whole in self._framer.feed(chunk):
                self.heard = time.ticks_ms()
                self._take(packet, whole)
            if self._wire.out:
                self._kick.set()
            while len(self._wire.out) > MAX_ANSWERS:  # do not hear more than can be answered
                await asyncio.sleep_ms(FULL_MS)

    def _take(self, packet, whole):
        kind = packet[0] >> 4
        if kind == PUBLISH:
            self._take_publish(packet, whole)
        elif kind in (PUBACK, SUBACK) and len(packet) >= 4:
            pid = packet[2] << 8 | packet[3]
            if self._inflight.pop(pid, None) is None:
                self._owner.odd("acknowledgement of nothing")
            elif kind == PUBACK:
                self._owner.acked(pid)
            elif packet[-1] & 0x80:
                self._owner.refused(pid)
        elif kind != PINGRESP:  # a pong has done its work by arriving
            self._owner.odd("packet type " + str(kind))

    def _take_publish(self, packet, whole):
        if packet[0] & 0x04:
            self._owner.odd("QoS 2 publish")  # was never asked for
        elif whole:
            topic, payload = self._codec.parse(packet)
            self._owner.received(topic, payload, packet[0] & 1)
        else:
            self._owner.odd("publish over " + str(MAX_PACKET) + " bytes")
            pid = packet[0] & 0x02 and publish_id(packet)
            if pid:  # or it would come again with every connection
                self._wire.write(b"\x40\x02" + pid.to_bytes(2, "big"))

    async def _write(self):
        """The only one who writes to the socket, so that packets never interleave."""
        while True:
            await self._kick.wait()
            self._kick.clear()
            while self._wire.out:
                out = self._wire.take()  # before it is sent: a Ctrl-C between the two must not send it twice
                sent = self._dialer.write(out)
                if sent:
                    self._tx = time.ticks_ms()
                if sent < len(out):
                    self._wire.put_back(out[sent:])
                    await asyncio.sleep_ms(FULL_MS)

    async def _watch(self):
        """Pings an idle link and gives a silent one up: TCP alone would not tell for many minutes."""
        pinged = None
        while True:
            await asyncio.sleep_ms(self._patience_ms // 4)
            now = time.ticks_ms()
            if pinged is None:
                if max(time.ticks_diff(now, self.heard), time.ticks_diff(now, self._tx)) >= self._ping_ms:
                    self._codec.ping()
                    self._kick.set()
                    pinged = now
            elif time.ticks_diff(self.heard, pinged) >= 0:
                pinged = None
            elif time.ticks_diff(now, pinged) > self._patience_ms:
                raise LinkError("the broker does not answer a ping")
            for sent in self._inflight.values():
                if time.ticks_diff(now, sent) > self._patience_ms:
                    raise LinkError("the broker does not acknowledge")
            if len(self._wire.out) > MAX_WAITING:
                raise LinkError("the broker does not read")

    def _next_pid(self):
        """1 to 65535 and round again, without those under way."""
        while True:
            self.pid = self.pid % 65535 + 1
            if self.pid not in self._inflight:
                break
        self._inflight[self.pid] = time.ticks_ms()
        return self.pid
