"""From a message of the network to a row and a live value. Never raises on what it is sent: it counts and goes on.

Every message is counted once: received = kept + duplicates + ignored + the sum of `culprits.rules`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from fleet_client import Message
from fleet_dashboard.account import MAX_SEQ
from fleet_dashboard.clock import WallClock
from fleet_dashboard.culprits import Culprits
from fleet_dashboard.flood import RATE, Allowance, Allowances
from fleet_dashboard.hearing import RANGE, Hearing, Listener
from fleet_dashboard.ledger import Ledger, counts
from fleet_dashboard.nodes import MAX_FIELDS, PRESENCE, Node, Registry
from fleet_dashboard.plain import plain_reading
from fleet_dashboard.routes import Route, Routes
from fleet_dashboard.store import Store, StoreError
from fleet_dashboard.tally import Event
from fleet_schema import SchemaError, payloads, topics
from fleet_schema.values import is_boot, is_int

# Rules of this service, beside those of the contract.
FULL_FIELDS = "host-fields-full"
FLOOD = "host-flood"


class Ingest(Hearing):
    """`take` batches; the counters are for /api/stats."""

    def __init__(
        self,
        base: str,
        store: Store,
        registry: Registry,
        ledger: Ledger,
        clock: WallClock,
        listener: Listener,
        rate: int = RATE,
    ) -> None:
        """`rate`: so many messages a second of one node are taken; 0: all."""
        super().__init__(store, registry, ledger, clock, listener)
        self.received = 0
        self.culprits = Culprits()
        self.allowances = Allowances(rate)
        self._base = base
        self._routes = Routes()
        self._handlers: dict[str, Callable[[Route, Message], None]] = {
            "tele": self._tele,
            "event": self._event,
            "status": self._status,
            "meta": self._meta,
            "health": self._health,
            "log": self._log,
            "ack": self._ack,
            "journal": self._journal,
            "ota": self._ota,
            "cmd": self._command,
        }

    def take(self, batch: list[Message]) -> None:
        """Everything of `batch` is in the store's next commit, or counted as why not."""
        self._now = self._clock.refresh()
        self.received += len(batch)
        routes = self._routes.by_topic
        for message in batch:
            route = routes.get(message.topic)
            try:
                if route is None:
                    route = self._route(message.topic)
                allowance = route.allowance
                if allowance is not None and not allowance.take(route.spare) and not self._was_asked(route, message):
                    self._turn_away(route, allowance)
                    continue
                route.handle(route, message)
            except SchemaError as error:
                self._blame(message, error)
            except StoreError:
                # Who this is could not be looked up. A reading that is not stored is asked for again.
                self.ignored += 1

    def _route(self, topic: str) -> Route:
        who, kind, name = topics.parse(self._base, topic)
        handle = self._handlers[kind] if who != topics.HOST else self._host
        route = Route(who, kind, name, handle)
        if who != topics.HOST and kind not in ("cmd", "ota"):  # a command's topic does not say who sent it
            route.allowance, route.spare = self.allowances.of(who), self.allowances.spare(kind)
        return self._routes.add(topic, route)

    def _turn_away(self, route: Route, allowance: Allowance) -> None:
        """Too much came of this node. Its readings among it stay missing, so nothing is settled that was not stored;
        what the node keeps is asked for when the flood is over (Confirmer)."""
        self.culprits.rules[FLOOD] += 1
        allowance.refuse(self._now)
        node = self._registry.nodes.get(route.who)
        if node is not None:
            node.flooded += 1
            self._touch(node, "counts")

    def _was_asked(self, route: Route, message: Message) -> bool:
        """A reading that we asked for may always come. True has taken it from the allowance, like any other."""
        node = route.node
        if node is None or route.allowance is None or b'"hist"' not in message.payload:
            return False
        try:
            fields = orjson.loads(message.payload)
            asked = self._is_asked(node, fields["boot"], fields["seq"])
        except (ValueError, TypeError, KeyError):
            return False
        if asked:
            route.allowance.left -= 1
        return asked

    def _is_asked(self, node: Node, name: Any, seq: Any) -> bool:
        boot = node.boots.get(name) if isinstance(name, str) and isinstance(seq, int) else None
        return boot is not None and node.delivery.is_asked(boot.boot, seq) and seq in boot.account.missing

    def _give_back(self, route: Route, node: Node, fields: dict[str, Any]) -> None:
        """What waited costs nothing if we asked for it."""
        if route.allowance is not None and self._is_asked(node, fields["boot"], fields["seq"]):
            route.allowance.give_back()

    def _blame(self, message: Message, error: SchemaError) -> None:
        """Count, and see that a bad reading does not come for ever."""
        levels = message.topic.split("/", 4)
        who = levels[2] if len(levels) > 2 and topics.is_node_id(levels[2]) else None
        self.culprits.blame(who, error, self._now)
        node = self._registry.nodes.get(who) if who else None
        if node is not None:
            node.bad += 1
            self._touch(node, "counts")
            if len(levels) == 5 and levels[3] in ("tele", "event"):
                self._refuse(node, message.payload)

    def _refuse(self, node: Node, payload: bytes) -> None:
        """A reading that breaks the contract will not do better the next time: its number is given up, or nothing
        behind it would ever be settled."""
        try:
            fields = orjson.loads(payload)
            name, seq = fields["boot"], fields["seq"]
        except (ValueError, TypeError, KeyError):
            return
        boot = node.boots.get(name) if is_boot(name) else None
        if boot is not None and is_int(seq, 0, MAX_SEQ) and boot.account.refuse(seq):
            self._ledger.touch(boot)

    # -- readings: the hot path ------------------------------------------------------------------------------

    def _tele(self, route: Route, message: Message) -> None:
        payload = message.payload
        node, late = route.node, False
        fields = None
        if node is not None and node.boot is not None:
            fields = plain_reading(payload, node.boot.boot, route.names)
        if fields is None:
            fields = payloads.decode("tele", payload, orjson.loads)
            route.names = tuple(fields["v"])
            route.sensor = None
            late = "hist" in fields
        node = node or self._node(route)
        if message.retain:
            self.ignored += 1
            return
        values: dict[str, float | None] = fields["v"]
        assert route.name is not None
        if route.sensor is None:
            if not node.claim(route.name, route.names):
                raise SchemaError(FULL_FIELDS, f"a node has at most {MAX_FIELDS} fields")
            route.sensor = self._store.sensor(node.number, route.name, route.names)
        if late:
            self._give_back(route, node, fields)
        boot, at = self._reading(node, fields, message, late)
        if at is None:
            return
        seq = fields["seq"]
        self._store.add_sample(boot.id, seq, route.sensor, fields["up"], at + self._clock.step, values)
        node.set_values(route.name, values, at, self._now, boot, seq, late)
        node.late = late
        if not late:
            node.lag_ms = max(0, message.arrived - at)
            if "ts" in fields:
                boot.watch.told(fields["ts"] - at - self._clock.step, self._now)
        if node.taps and (not late or boot.timed):  # of a boot that was never heard live, nobody knows when that was
            for tap in node.taps.get(route.name, ()):
                tap.reading(values, at)
        node.changed |= READING
        self._registry.touched.add(node)

    # -- the other kinds -------------------------------------------------------------------------------------

    def _event(self, route: Route, message: Message) -> None:
        fields = payloads.decode("event", message.payload, orjson.loads)
        node = self._node(route)
        if message.retain:
            self.ignored += 1
            return
        late = "hist" in fields
        if late:
            self._give_back(route, node, fields)
        boot, at = self._reading(node, fields, message, late)
        if at is None:
            return
        assert route.name is not None
        kind, n, seq, ts = fields["event_type"], fields["n"], fields["seq"], at + self._clock.step
        self._store.add_event(node.number, boot.id, seq, route.name, kind, n, fields["up"], ts)
        if kind == "press":
            node.presses += 1
        event = {"input": route.name, "type": kind, "n": n, "t": at}
        node.set_event(event, boot, seq, late)
        self._touch(node, "event", "last", "counts")
        self._listener.event(node, {"node": node.id, **event})
        if not late or boot.timed:
            self._listener.scored(node, boot, Event(boot.id, route.name, kind, n, fields["up"], at))

    def _status(self, route: Route, message: Message) -> None:
        if not message.payload:
            self._cleared(route, "status_gone")
            return
        fields = payloads.decode("status", message.payload, orjson.loads)
        node = self._node(route)
        node.status_gone = False
        self.kept += 1
        if node.presence.status(fields, self._now, message.retain) and not message.retain:
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
            boot = node.boots.get(fields["boot"])
        else:
            boot, _ = self._speaks(node, fields, message)
        node.set_origin(fields["boot"], fields)
        if boot is not None and boot.account.counted is None:
            boot.account.counted = counts(fields)
            self._ledger.touch(boot)
        if boot is not None and boot.account.counted and not message.retain:
            node.delivery.greet(boot.boot)
        if fields != node.meta:
            node.set_meta(fields)
            self._store.set_meta(node.number, fields)
            self._listener.meta_changed(node)
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
            self._routes.forget(node.id)
            self._listener.forgotten(node)

    def _health(self, route: Route, message: Message) -> None:
        fields = payloads.decode("health", message.payload, orjson.loads)
        node = self._node(route)
        if message.retain:
            self.ignored += 1
            return
        self._speaks(node, fields, message)
        node.health = {key: fields[key] for key in payloads.HEALTH_KEYS if key in fields}
        self._touch(node, "health")

    def _log(self, route: Route, message: Message) -> None:
        fields = payloads.decode("log", message.payload, orjson.loads)
        node = self._node(route)
        if message.retain:
            self.ignored += 1
            return
        boot, at = self._speaks(node, fields, message)
        assert route.name is not None
        text, trace = str(fields["msg"]), str(fields.get("tb", ""))
        self._store.add_log(node.number, boot.id, route.name, text, trace, at + self._clock.step)

    def _ack(self, route: Route, message: Message) -> None:
        """For what the envelope tells, and for the start shot: who waits for acks collects them himself."""
        fields = payloads.decode("ack", message.payload, orjson.loads)
        node = self._node(route)
        if message.retain:
            self.ignored += 1
            return
        boot, _ = self._speaks(node, fields, message)
        self._listener.acked(node, boot, fields["up"], fields.get("id"), fields["st"])

    def _journal(self, route: Route, message: Message) -> None:
        """What the node still has: all else that is missing is gone."""
        fields = payloads.decode("journal", message.payload, orjson.loads)
        if any(end > MAX_SEQ for _, _, end, _ in fields["kept"]):
            raise SchemaError(RANGE, "a row ends behind any number there is")
        node = self._node(route)
        if message.retain:
            self.ignored += 1
            return
        own, _ = self._speaks(node, fields, message)
        rows, more, ledger, now = fields["kept"], "more" in fields, self._ledger, self._now
        boots = {name: ledger.boot(node, name, first, now, name != own.boot) for name, first, _, _ in rows}
        # With two boards of one name, the journal of the one says nothing about the boots of the other.
        others = [] if more or node.presence.is_shared(now) else ledger.others(node, boots, now)
        for boot in node.delivery.journal(rows, fields["seq"], more, boots, others, now):
            ledger.touch(boot)
        ledger.trim(node)

    def _ota(self, route: Route, message: Message) -> None:
        """Between the node and `fleet ota`, at the speed of that; it must not use up what the readings may take."""
        self.ignored += 1

    def _command(self, route: Route, message: Message) -> None:
        """A command on its way to nodes. Whether it was retained is not seen here, hence the question."""
        self.ignored += 1
        if message.payload and route.name:
            self._listener.command_seen(route.who, route.name, message.payload)

    def _host(self, route: Route, message: Message) -> None:
        self.ignored += 1
        if message.retain:
            self._listener.host_document(route.kind, route.name, message.payload)


READING = frozenset({"v", "t", "last", "lag_ms", "counts"})
