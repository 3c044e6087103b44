"""From a message of the network to a row and a live value. Never raises on what it is sent: it counts and goes on.

Every message is counted once: received = kept + duplicates + ignored + the sum of `bad` by rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from fleet_client import Message
from fleet_dashboard import leaderboard
from fleet_dashboard.clock import BootClock, WallClock
from fleet_dashboard.nodes import MAX_BOOTS, MAX_FIELDS, MAX_NODES, PRESENCE, Boot, Node, Registry
from fleet_dashboard.sequence import DUPLICATE
from fleet_dashboard.store import MAX_SEQ, KnownNode, SensorInfo, Store
from fleet_schema import SchemaError, payloads, topics
from fleet_schema.values import is_number

MAX_ROUTES = 20_000  # topics remembered; more than 500 nodes with 40 topics each is not a fleet but an attack
MAX_CULPRITS = 500
MAX_UP = 1 << 40  # ms: 34 years; a larger one is not an uptime and would spoil the clock
SETTLED_MS = 2000  # an estimate that still gets better is not used for that yet
REPLACE_MS = 1000  # samples placed by an estimate that was wrong by more than this are placed again

# Rules of this service, beside those of the contract.
FULL_NODES = "host-nodes-full"
FULL_FIELDS = "host-fields-full"
RANGE = "host-range"


class Listener(Protocol):
    """Whoever wants to know at once; all calls are cheap and never raise."""

    def event(self, node: Node, event: dict[str, Any]) -> None: ...
    def command_seen(self) -> None: ...
    def speaks_though_gone(self, node: Node) -> None: ...
    def host_document(self, kind: str, name: str | None, payload: bytes) -> None: ...
    def forgotten(self, node: Node) -> None: ...


@dataclass
class Culprit:
    """What one node id did against the contract."""

    rules: Counter[str] = field(default_factory=Counter)
    why: str = ""  # the last reason
    last: int = 0  # monotonic ms


class Route:
    """A legal topic, looked up once: whose it is and who handles it."""

    __slots__ = ("handle", "kind", "name", "names", "node", "sensor", "who")

    def __init__(self, who: str, kind: str, name: str | None, handle: Callable[[Route, Message], None]) -> None:
        self.who = who
        self.kind = kind
        self.name = name
        self.handle = handle
        self.node: Node | None = None
        self.sensor: SensorInfo | None = None
        self.names: tuple[str, ...] = ()  # the legal field names of the last reading


class Ingest:
    """`take` batches; the counters are for /api/stats."""

    def __init__(self, base: str, store: Store, registry: Registry, clock: WallClock, listener: Listener) -> None:
        self.received = self.kept = self.duplicates = self.ignored = 0
        self.bad: Counter[str] = Counter()
        self.culprits: dict[str, Culprit] = {}
        self._base = base
        self._store = store
        self._registry = registry
        self._clock = clock
        self._listener = listener
        self._routes: dict[str, Route] = {}
        self._handlers: dict[str, Callable[[Route, Message], None]] = {
            "tele": self._tele,
            "event": self._event,
            "status": self._status,
            "meta": self._meta,
            "health": self._health,
            "log": self._log,
            "ack": self._ack,
            "cmd": self._command,
        }
        self._now = 0

    def take(self, batch: list[Message]) -> None:
        """Everything of `batch` is in the store's next commit, or counted as why not."""
        self._now = self._clock.refresh()
        self.received += len(batch)
        routes = self._routes
        for message in batch:
            route = routes.get(message.topic)
            try:
                if route is None:
                    route = self._route(message.topic)
                route.handle(route, message)
            except SchemaError as error:
                self._blame(message.topic, error)

    def restore(self, known: KnownNode) -> None:
        """Begin with what an earlier process knew of a node: its last values and the clocks of its boots."""
        now = self._clock.refresh()
        node = None if self._registry.full else self._registry.add(known.name, self._store.node_id(known.name), now)
        if node is None:
            return
        node.set_meta(known.meta)
        node.values, node.times, node.presses = known.values, known.times, known.presses
        for boot, boot_ms, seen_ms in known.boots:
            clock = BootClock(boot_ms - self._clock.step, now)
            node.boots[boot] = Boot(boot, self._store.boot_id(node.number, boot), clock)
            node.presence.last = seen_ms - self._clock.step

    def settle(self) -> None:
        """Every few seconds: keep the clocks for the next start, and place samples again whose clock got better."""
        now, step = self._clock.refresh(), self._clock.step
        for node in self._registry.nodes.values():
            for boot in node.boots.values():
                if boot.seen > boot.saved:
                    boot.saved = now
                    self._store.set_progress(boot.id, boot.clock.offset + step, boot.seen + step)
                if boot.fell and now - boot.fell > SETTLED_MS:
                    boot.fell = 0
                    self._store.retime(boot.id, boot.first_seq, boot.clock.offset + step)

    def _route(self, topic: str) -> Route:
        who, kind, name = topics.parse(self._base, topic)
        route = Route(who, kind, name, self._handlers[kind] if who != topics.HOST else self._host)
        if len(self._routes) >= MAX_ROUTES:
            self._routes.clear()
        self._routes[topic] = route
        return route

    def _blame(self, topic: str, error: SchemaError) -> None:
        """Count by rule, and by node if the topic names one."""
        self.bad[error.rule] += 1
        levels = topic.split("/", 3)
        who = levels[2] if len(levels) > 2 else ""
        if not topics.is_node_id(who):
            return
        culprit = self.culprits.get(who)
        if culprit is None:
            if len(self.culprits) >= MAX_CULPRITS:
                return
            culprit = self.culprits[who] = Culprit()
        culprit.rules[error.rule] += 1
        culprit.why = str(error)
        culprit.last = self._now
        node = self._registry.nodes.get(who)
        if node is not None:
            node.bad += 1
            self._touch(node, "counts")

    def _touch(self, node: Node, *keys: str) -> None:
        node.changed.update(keys)
        self._registry.touched.add(node)

    # -- what all messages of a node have in common ---------------------------------------------------------------

    def _node(self, route: Route) -> Node:
        """The route's node, made if need be; only called with a message that is legal."""
        node = route.node
        if node is not None:
            return node
        node = self._registry.nodes.get(route.who)
        if node is None:
            if self._registry.full:
                raise SchemaError(FULL_NODES, f"there are {MAX_NODES} nodes already")
            node = self._registry.add(route.who, self._store.node_id(route.who), self._now)
        route.node = node
        return node

    def _boot(self, node: Node, name: str, late: bool) -> Boot:
        boot = node.boot
        if boot is not None and boot.boot == name:
            return boot
        boot = node.boots.get(name)
        if boot is None:
            boot = self._new_boot(node, name)
        if not late:
            node.presence.claim(name, self._now)
            node.boot = boot
        return boot

    def _new_boot(self, node: Node, name: str) -> Boot:
        if len(node.boots) >= MAX_BOOTS:
            oldest = node.boots.pop(next(iter(node.boots)))
            node.lost_before += oldest.sequence.lost
            self._store.forget_boot(node.number, oldest.boot)
        boot = node.boots[name] = Boot(name, self._store.boot_id(node.number, name), BootClock())
        return boot

    def _enter(self, node: Node, fields: dict[str, Any], message: Message, late: bool = False) -> tuple[Boot, int]:
        """Take (boot, seq, up) of a message that is not retained: (boot, UTC of the sample), or (boot, -1) if we have
        had it. A retained one is a copy: it says nothing about now."""
        seq, up = fields["seq"], fields["up"]
        if seq > MAX_SEQ or up > MAX_UP:
            raise SchemaError(RANGE, "seq or up is larger than any node lives")
        boot = self._boot(node, fields["boot"], late)
        node.received += 1
        if boot.sequence.take(seq) == DUPLICATE:
            node.duplicates += 1
            self.duplicates += 1
            self._touch(node, "counts")
            return boot, -1
        self.kept += 1
        arrival = message.received_ms - self._clock.step
        offset = boot.clock.observe(up, arrival, late)
        if boot.placed is None:
            boot.placed, boot.first_seq = offset, seq
        elif offset < boot.placed - REPLACE_MS:
            boot.placed, boot.fell = offset, self._now
        boot.seen = self._now
        if not late and node.presence.heard(self._now):
            self._listener.speaks_though_gone(node)
        return boot, up + offset + self._clock.step

    # -- readings: the hot path ------------------------------------------------------------------------------

    def _tele(self, route: Route, message: Message) -> None:
        payload = message.payload
        fields = self._plain_reading(route, payload)
        late = False
        if fields is None:
            fields = payloads.decode("tele", payload, orjson.loads)
            route.names = tuple(fields["v"])
            route.sensor = None
            late = "hist" in fields
        node = route.node or self._node(route)
        values: dict[str, float | None] = fields["v"]
        assert route.name is not None
        if route.sensor is None:
            if not node.room_for(route.name, route.names):
                raise SchemaError(FULL_FIELDS, f"a node has at most {MAX_FIELDS} fields")
            route.sensor = self._store.sensor(node.number, route.name, route.names)
        if message.retain:
            self.ignored += 1
            return
        boot, ts = self._enter(node, fields, message, late)
        if ts < 0:
            return
        self._store.add_sample(boot.id, fields["seq"], route.sensor, fields["up"], ts, values)
        node.set_values(route.name, values, ts, self._now)
        node.late = late
        if not late:
            node.lag_ms = message.received_ms - ts
        if "ax" in values:
            self._shake(node, values)
        node.changed |= READING
        self._registry.touched.add(node)

    def _plain_reading(self, route: Route, payload: bytes) -> dict[str, Any] | None:
        """The fields, if this is a reading like the last one of this topic: the same boot, the same field names and
        no optional key. All else, and all that is bad, gets None and goes through the full check.

        A test holds that whatever passes here passes payloads.decode as well.
        """
        node = route.node
        if node is None or node.boot is None or len(payload) > payloads.LIMIT or not payload.isascii():
            return None
        try:
            fields: dict[str, Any] = orjson.loads(payload)
            values = fields["v"]
            if len(fields) != 4 or fields["boot"] != node.boot.boot or tuple(values) != route.names:
                return None
            seq, up = fields["seq"], fields["up"]
            if type(seq) is not int or type(up) is not int or not (0 <= seq <= MAX_SEQ and 0 <= up <= MAX_UP):
                return None
            for value in values.values():
                # A float is finite here: orjson refuses nan and infinities.
                if type(value) is not float and value is not None and not is_number(value):
                    return None
        except (ValueError, TypeError, KeyError, AttributeError):
            return None
        return fields

    def _shake(self, node: Node, values: dict[str, float | None]) -> None:
        shake = leaderboard.shake_of(values)
        if shake is not None and (node.shake is None or shake > node.shake):
            node.shake = shake

    # -- the other kinds -------------------------------------------------------------------------------------

    def _event(self, route: Route, message: Message) -> None:
        fields = payloads.decode("event", message.payload, orjson.loads)
        node = self._node(route)
        if message.retain:
            self.ignored += 1
            return
        boot, ts = self._enter(node, fields, message, "hist" in fields)
        if ts < 0:
            return
        assert route.name is not None
        kind, n = fields["event_type"], fields["n"]
        self._store.add_event(node.number, boot.id, fields["seq"], route.name, kind, n, fields["up"], ts)
        if kind == "press":
            node.presses += 1
        node.event = {"input": route.name, "type": kind, "n": n, "t": ts}
        self._touch(node, "event", "last", "counts")
        self._listener.event(node, {"node": node.id, **node.event})

    def _status(self, route: Route, message: Message) -> None:
        if not message.payload:
            self._cleared(route, "status_gone")
            return
        fields = payloads.decode("status", message.payload, orjson.loads)
        node = self._node(route)
        node.status_gone = False
        self.kept += 1
        if node.presence.status(fields, self._now) and not message.retain:
            node.presence.last = self._now
        self._touch(node, *PRESENCE)

    def _meta(self, route: Route, message: Message) -> None:
        if not message.payload:
            self._cleared(route, "meta_gone")
            return
        fields = payloads.decode("meta", message.payload, orjson.loads)
        node = self._node(route)
        if message.retain:
            self.kept += 1
        elif self._enter(node, fields, message)[1] < 0:
            return
        if fields != node.meta:
            node.set_meta(fields)
            self._store.set_meta(node.number, fields)
        node.meta_gone = False
        self._touch(node, "meta", "last")

    def _cleared(self, route: Route, which: str) -> None:
        """An empty retained document was published: with neither status nor meta left, the node is forgotten."""
        self.ignored += 1
        node = self._registry.nodes.get(route.who)
        if node is None:
            return
        setattr(node, which, True)
        if which == "meta_gone":
            node.set_meta(None)
            self._touch(node)
        if node.status_gone and node.meta_gone:
            self._store.set_meta(node.number, None)
            self._registry.remove(node)
            self._routes = {topic: kept for topic, kept in self._routes.items() if kept.who != node.id}
            self._listener.forgotten(node)

    def _health(self, route: Route, message: Message) -> None:
        fields = payloads.decode("health", message.payload, orjson.loads)
        node = self._node(route)
        if message.retain:
            self.ignored += 1
        elif self._enter(node, fields, message)[1] >= 0:
            node.health = {key: fields[key] for key in payloads.HEALTH_KEYS if key in fields}
            self._touch(node, "health", "last", "counts")

    def _log(self, route: Route, message: Message) -> None:
        fields = payloads.decode("log", message.payload, orjson.loads)
        node = self._node(route)
        if message.retain:
            self.ignored += 1
            return
        boot, ts = self._enter(node, fields, message)
        if ts >= 0:
            text = str(fields["msg"])
            trace = str(fields.get("tb", ""))
            assert route.name is not None
            self._store.add_log(node.number, boot.id, fields["seq"], route.name, text, trace, ts)
            self._touch(node, "last", "counts")

    def _ack(self, route: Route, message: Message) -> None:
        """Only for the sequence: who waits for acks collects them himself."""
        fields = payloads.decode("ack", message.payload, orjson.loads)
        node = self._node(route)
        if message.retain:
            self.ignored += 1
        elif self._enter(node, fields, message)[1] >= 0:
            self._touch(node, "last", "counts")

    def _command(self, route: Route, message: Message) -> None:
        """A command on its way to nodes. Whether it was retained is not seen here, hence the question."""
        self.ignored += 1
        if message.payload:
            self._listener.command_seen()

    def _host(self, route: Route, message: Message) -> None:
        self.ignored += 1
        if message.retain:
            self._listener.host_document(route.kind, route.name, message.payload)


READING = frozenset({"v", "t", "last", "lag_ms", "counts"})
