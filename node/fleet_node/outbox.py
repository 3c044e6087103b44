"""Everything a node says, and when. Owns what is under way, and the answers and log lines that wait.

Answers to commands overtake readings; readings are the spool's, and what the host asks for again comes last, so that
live readings stay live. What was under way when a link broke is sent again: (boot, seq) tells twins.
"""

import asyncio

from fleet_schema import SchemaError, payloads, topics

LATE_MS = 2000  # sent longer than this after sampling, a message is history
READINGS = ("tele", "event")
LINES = 8  # health and log messages that may wait for their turn
ASKED = 4  # of what is asked for, so many are under way at once; live readings have the rest of the window
TICK_MS = 1000

_IS_ASKED = -1


class Outbox:
    """`link` has is_up(), ready(urgent) and publish(topic, payload, retain, qos) -> packet id; it may be set later.

    `witness(kind, name, payload)`, if there is one, sees every reading before it is sent.
    """

    def __init__(self, base, node, spool, uptime, witness=None):
        self.boot = spool.boot
        self.drops = 0  # messages other than readings that were too long, or found no room
        self.link = None
        self.look = None  # called once a second, if it is there
        self._spool = spool
        self._base = base
        self._node = node
        self._uptime = uptime
        self.witness = witness
        self._prefix = self.topic("status")[:-6]
        self._tails = {}  # (kind, name) -> the end of a topic, once for all the readings that wait
        self._acks = []  # (topic, payload), oldest first
        self._lines = []  # the same
        self._sent = {}  # packet id -> seq of a reading, an entry of _acks, or _IS_ASKED
        self._asked = 0

    def put(self, kind, name, fields, up=None):
        """Stamp `fields`, queue them and send what can be sent. `up` is when they were sampled (now).

        False if the message was lost on the spot: a log line or health without a link, or what is too long.
        """
        if kind in ("health", "log") and not self.link.is_up():
            return False
        try:
            payload = self.stamp(kind, fields, up)
            if kind in READINGS:
                self._spool.add(self._tail(kind, name), payload, fields["up"])
                if self.witness:
                    self.witness(kind, name, payload)
            elif kind == "ack":
                self._acks.append((self.topic(kind), payload))
            else:
                self._lines.append((self.topic(kind, name), payload))
                if len(self._lines) > LINES:
                    self._lines.pop(0)
                    self.drops += 1
        except (SchemaError, MemoryError):
            self.drops += 1
            return False
        self.flush()
        return True

    def put_once(self, kind, fields):
        """Say it now, at QoS 0 and past the queue: for an answer that there is no room to keep."""
        self.link.publish(self.topic(kind), self.stamp(kind, fields), False, 0)

    def stamp(self, kind, fields, up=None):
        """The payload with boot, seq (a reading's own number, else that of the next one) and up in it."""
        fields["boot"] = self.boot
        fields["seq"] = self._spool.seq
        fields["up"] = self._uptime.ms() if up is None else up
        return payloads.encode(kind, fields)

    def topic(self, kind, name=None):
        """As bytes: str would be counted in characters by umqtt."""
        return topics.node_topic(self._base, self._node, kind, name).encode()

    def acks_waiting(self):
        return len(self._acks)

    async def run(self):
        """Once a second: what waits too long goes to flash, and the host is told of it."""
        while True:
            await asyncio.sleep_ms(TICK_MS)
            self._spool.tick()
            if self.look:
                self.look()
            if self._spool.is_due():
                self.tell_journal()
            self.flush()

    def tell_journal(self):
        """What we have kept, to whoever stores it."""
        if self.link.is_up():
            self.put_once("journal", self._spool.kept())

    def stored(self, raw):
        """Take what the host has stored, and asks for: the boot it names, or None if it is not a legal `stored`."""
        try:
            boot = self._spool.stored(raw)
        except SchemaError:
            return None
        self.flush()
        return boot

    def flush(self):
        """Send from the oldest on, as many as the link takes."""
        for ack in self._acks:
            if self.link.ready(True) and not self._is_sent(ack):
                self._sent[self.link.publish(ack[0], ack[1], False, 1)] = ack
        while self._lines and self.link.ready():
            self.link.publish(*self._lines.pop(0), False, 0)
        while self.link.ready():
            found = self._spool.next_live()
            if found is None:
                break
            seq, (tail, payload, up) = found
            late = self._uptime.ms() - up > LATE_MS
            self._sent[self._publish(tail, payload, late)] = seq
        while self._asked < ASKED and self.link.ready():
            found = self._spool.next_asked()
            if found is None:
                break
            self._asked += 1
            self._sent[self._publish(found[0], found[1], True)] = _IS_ASKED

    def acked(self, pid):
        """The broker has it."""
        what = self._sent.pop(pid, None)
        if what == _IS_ASKED:
            self._asked -= 1
        elif isinstance(what, tuple):
            self._acks.remove(what)
        self.flush()

    def link_down(self):
        """Nothing is under way any more; flush() on the next link sends it again."""
        unsure = [what for what in self._sent.values() if isinstance(what, int) and what != _IS_ASKED]
        self._spool.link_down(min(unsure) if unsure else self._spool.seq)
        self._sent.clear()
        self._asked = 0

    def _tail(self, kind, name):
        tail = self._tails.get((kind, name))
        if tail is None:
            tail = self._tails[(kind, name)] = self.topic(kind, name)[len(self._prefix) :]
        return tail

    def _publish(self, tail, payload, late):
        return self.link.publish(self._prefix + tail, payload[:-1] + b',"hist":1}' if late else payload, False, 1)

    def _is_sent(self, ack):
        return any(sent is ack for sent in self._sent.values())
