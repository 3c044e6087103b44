"""What all messages of a node have in common: whose it is, which boot speaks, when that was, and is it new?"""

from __future__ import annotations

from typing import Any, Protocol

from fleet_client import Message
from fleet_dashboard.account import FULL, MAX_SEQ, NEW, TWICE, UNSURE
from fleet_dashboard.boot import Boot
from fleet_dashboard.clock import WallClock
from fleet_dashboard.ledger import Ledger
from fleet_dashboard.nodes import MAX_NODES, Node, Registry
from fleet_dashboard.plain import MAX_UP
from fleet_dashboard.routes import Route
from fleet_dashboard.store import Store
from fleet_dashboard.tally import Event
from fleet_schema import SchemaError

# Rules of this service, beside those of the contract.
FULL_NODES = "host-nodes-full"
RANGE = "host-range"


class Listener(Protocol):
    """Whoever wants to know at once; all calls are cheap and never raise."""

    def event(self, node: Node, event: dict[str, Any]) -> None: ...
    def scored(self, node: Node, boot: Boot, event: Event) -> None: ...
    def acked(self, node: Node, boot: Boot, up: int, name: str | None, state: str) -> None: ...
    def meta_changed(self, node: Node) -> None: ...
    def command_seen(self, target: str, name: str, payload: bytes) -> None: ...
    def speaks_though_gone(self, node: Node) -> None: ...
    def host_document(self, kind: str, name: str | None, payload: bytes) -> None: ...
    def forgotten(self, node: Node) -> None: ...


class Hearing:
    """What the handlers of ingest share; `_now` is that of the batch."""

    def __init__(self, store: Store, registry: Registry, ledger: Ledger, clock: WallClock, listener: Listener) -> None:
        self.kept = self.duplicates = self.ignored = 0
        self._store = store
        self._registry = registry
        self._ledger = ledger
        self._clock = clock
        self._listener = listener
        self._now = 0

    def _touch(self, node: Node, *keys: str) -> None:
        node.changed.update(keys)
        self._registry.touched.add(node)

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
            self._ledger.adopt(node)
        route.node = node
        return node

    def _boot(self, node: Node, name: str, seq: int, late: bool) -> Boot:
        boot = node.boot
        if boot is not None and boot.boot == name:
            return boot
        boot = node.boots.get(name)
        if boot is None:
            boot = self._ledger.boot(node, name, seq, self._now, late)
            self._ledger.trim(node)
        if not late:
            node.presence.claim(name, self._now)
            node.boot = boot
        return boot

    def _speaks(self, node: Node, fields: dict[str, Any], message: Message) -> tuple[Boot, int]:
        """Take (boot, seq, up) of what is neither retained nor a reading: (boot, monotonic ms of `up`). Its `seq` is
        the number that the next reading will get."""
        seq, up = fields["seq"], fields["up"]
        if seq > MAX_SEQ or up > MAX_UP:
            raise SchemaError(RANGE, "seq or up is larger than any node lives")
        boot = self._boot(node, fields["boot"], seq, False)
        node.received += 1
        self.kept += 1
        if boot.account.raise_next(seq):
            self._ledger.touch(boot)
        self._touch(node, "last", "counts")
        return boot, self._heard(node, boot, seq, up, message.arrived, False)

    def _reading(self, node: Node, fields: dict[str, Any], message: Message, late: bool) -> tuple[Boot, int | None]:
        """Take (boot, seq, up) of a reading or event: (boot, monotonic ms of the sample), or None if it is not to be
        stored."""
        seq, up = fields["seq"], fields["up"]
        if seq > MAX_SEQ or up > MAX_UP:
            raise SchemaError(RANGE, "seq or up is larger than any node lives")
        boot = self._boot(node, fields["boot"], seq, late)
        account = boot.account
        if seq == account.next:
            account.next = seq + 1
        elif not self._is_new(node, boot, seq):
            return boot, None
        if not boot.changed:
            self._ledger.touch(boot)
        if seq < boot.first_seq:
            boot.first_seq = seq
        node.received += 1
        self.kept += 1
        return boot, self._heard(node, boot, seq, up, message.arrived, late)

    def _is_new(self, node: Node, boot: Boot, seq: int) -> bool:
        """Has a reading with a number that is not simply the next one to be stored? Counts it if not."""
        verdict = boot.account.take(seq)
        if verdict == UNSURE:
            verdict = boot.account.decide(seq, self._store.is_stored(boot.id, seq))
        if verdict == NEW:
            return True
        node.received += 1
        if verdict == TWICE:
            node.duplicates += 1
            self.duplicates += 1
            self._ledger.touch(boot)
        elif verdict == FULL:
            self.ignored += 1
        self._touch(node, "counts")
        return False

    def _heard(self, node: Node, boot: Boot, seq: int, up: int, arrived: int, late: bool) -> int:
        """When was `up`? Monotonic ms."""
        offset = boot.clock.observe(up, arrived, late)
        now = boot.seen = self._now
        if not late:
            boot.live = now
            boot.timed = True
            boot.watch.observe(seq, up, arrived)
            if node.presence.heard(now):
                self._listener.speaks_though_gone(node)
        elif up > boot.up:
            boot.up = up
        if boot.timed:
            return up + boot.placement.place(seq, offset, now)
        boot.placement.move(offset, now)
        return up + offset
