"""Everything a node says, until the broker has acknowledged it. Owns the queue, `seq` and what was dropped.

Bounded by number and by memory: when it is full the oldest reading or event goes and is counted. Answers to commands
have a queue of their own, which overtakes the other and drops nothing; commands.py bounds it.
What was under way when a link broke is sent again: messages arrive at least once, (boot, seq) tells twins.
"""

import gc

from fleet_schema import SchemaError, payloads, topics

LATE_MS = 2000  # sent longer than this after sampling, a message is history
ONCE = ("health", "log")  # QoS 0, and only while there is a link
SPARE = 20000  # bytes of heap that the queue leaves to the rest of the node, meta and reconnecting included
CHECK_FROM = 16  # a queue shorter than this is not asked for its memory

_KIND, _TOPIC, _PAYLOAD, _UP = range(4)


class Outbox:
    """`link` has is_up(), ready(urgent) and publish(topic, payload, retain, qos) -> packet id; it may be set later.

    `mem_free` is gc.mem_free.
    """

    def __init__(self, base, node, boot, uptime, limit, mem_free=gc.mem_free):
        self.boot = boot
        self.drops = 0
        self.link = None
        self._base = base
        self._node = node
        self._uptime = uptime
        self._limit = limit
        self._mem_free = mem_free
        self._seq = 0
        self._queue = []  # (kind, topic, payload, up), oldest first
        self._acks = []  # the same
        self._sent = {}  # packet id -> its entry in one of them
        self._topics = {}

    def put(self, kind, name, fields, up=None):
        """Stamp `fields`, queue them and send what can be sent. `up` is when they were sampled (now).

        False if the message was lost on the spot: it makes no sense without a link, or is too long.
        """
        if kind in ONCE and not self.link.is_up():
            return False
        try:
            if kind != "ack":
                self._make_room()
            payload = self.stamp(kind, fields, up)
            queue = self._acks if kind == "ack" else self._queue
            queue.append((kind, self.topic(kind, name), payload, fields["up"]))
        except (SchemaError, MemoryError):
            self.drops += 1
            return False
        self.flush()
        return True

    def put_once(self, kind, fields):
        """Say it now, at QoS 0 and past the queue: for an answer that there is no room to keep."""
        self.link.publish(self.topic(kind), self.stamp(kind, fields), False, 0)

    def stamp(self, kind, fields, up=None):
        """The payload with boot, the next seq, and up in it."""
        fields["boot"] = self.boot
        fields["seq"] = self._seq
        fields["up"] = self._uptime.ms() if up is None else up
        payload = payloads.encode(kind, fields)
        self._seq += 1
        return payload

    def topic(self, kind, name=None):
        """As bytes, built once: str would be counted in characters by umqtt."""
        topic = self._topics.get((kind, name))
        if topic is None:
            topic = self._topics[(kind, name)] = topics.node_topic(self._base, self._node, kind, name).encode()
        return topic

    def depth(self):
        return len(self._queue) + len(self._acks)

    def acks_waiting(self):
        return len(self._acks)

    def flush(self):
        """Send from the oldest on, as many as the link takes."""
        self._send(self._acks, True)
        self._send(self._queue, False)

    def _send(self, queue, urgent):
        at = 0
        while at < len(queue) and self.link.ready(urgent):
            entry = queue[at]
            if self._is_sent(entry):
                at += 1
            elif entry[_KIND] in ONCE:
                queue.pop(at)
                self.link.publish(entry[_TOPIC], entry[_PAYLOAD], False, 0)
            else:
                self._sent[self.link.publish(entry[_TOPIC], self._dated(entry), False, 1)] = entry
                at += 1

    def acked(self, pid):
        """The broker has it."""
        entry = self._sent.pop(pid, None)
        if entry is not None:
            (self._acks if entry[_KIND] == "ack" else self._queue).remove(entry)
        self.flush()

    def link_down(self):
        """Nothing is under way any more; flush() on the next link sends it again."""
        self._sent.clear()

    def _is_sent(self, entry):
        for sent in self._sent.values():
            if sent is entry:
                return True
        return False

    def _dated(self, entry):
        late = entry[_KIND] in ("tele", "event") and self._uptime.ms() - entry[_UP] > LATE_MS
        return entry[_PAYLOAD][:-1] + b',"hist":1}' if late else entry[_PAYLOAD]

    def _make_room(self):
        """Drop the oldest until one more fits."""
        if len(self._queue) >= self._limit:
            self._drop_oldest()
        if len(self._queue) >= CHECK_FROM and self._mem_free() < SPARE:
            gc.collect()
            if self._mem_free() < SPARE:
                self._drop_oldest()
                self._drop_oldest()  # the newcomer may be larger

    def _drop_oldest(self):
        """The oldest that is not under way: the broker may have that one already."""
        for at, entry in enumerate(self._queue):
            if not self._is_sent(entry):
                self._queue.pop(at)
                self.drops += 1
                break
