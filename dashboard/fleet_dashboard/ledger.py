"""Every boot there is: in memory, on its way to the database, or found there again. One object for each at a time.

Owns what of the accounts is not written yet, what is not durable yet, and when samples are placed again. A boot that
is not in its node's memory any more comes back with its account, and never as a second row.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fleet_dashboard.account import Account
from fleet_dashboard.boot import UNPLACED, Boot
from fleet_dashboard.clock import BootClock, WallClock
from fleet_dashboard.nodes import MAX_BOOTS, Node, Registry
from fleet_dashboard.placement import WINDOW_MS
from fleet_dashboard.store import KnownBoot, KnownNode, Store

EARLY_MS = 600_000  # the host's clock may be set for so long after the start without being believed before that
MAX_OTHERS = 64  # boots of a node that are looked through at once


class Ledger:
    """The store's Accounts. StoreError of anything that has to ask the database: the question can be asked again."""

    def __init__(self, store: Store, clock: WallClock) -> None:
        self._store = store
        self._clock = clock
        self._began = clock.refresh()
        self._unwritten: dict[tuple[int, str], Boot] = {}  # changed since the last commit began
        self._writing: dict[tuple[int, str], Boot] = {}  # in a commit that has not succeeded yet
        self._unsettled: dict[Boot, None] = {}  # changed since the last durable commit began
        self._settling: dict[Boot, None] = {}  # in a durable commit that has not succeeded yet
        store.accounts = self

    # -- finding boots -------------------------------------------------------------------------------------------

    def boot(self, node: Node, name: str, seq: int, now: int, late: bool) -> Boot:
        """The boot `name` of a node; `seq` is the number in the message that brought it up. `trim` later."""
        boot = node.boots.get(name)
        if boot is not None:
            return boot
        boot = self._find(node.number, name, now)
        if boot is not None:
            node.rest.add(boot.account, -1)
        else:
            boot = self._make(node, name, seq, now, late)
        node.boots[name] = boot
        return boot

    def _find(self, node: int, name: str, now: int) -> Boot | None:
        boot = self._unwritten.get((node, name)) or self._writing.get((node, name))
        if boot is not None:
            return boot
        known = self._store.find_boot(node, name)
        if known is None:
            return None
        boot = self._restored(node, known, now)
        self._unsettled[boot] = None  # it may have been written, but not durably
        return boot

    def _restored(self, node: int, known: KnownBoot, now: int) -> Boot:
        clock = BootClock() if known.boot_ms is None else BootClock(known.boot_ms - self._clock.step, now)
        boot = Boot(node, known.boot, known.id, clock, known.account, now)
        boot.timed, boot.up = known.timed and known.boot_ms is not None, known.up_ms
        boot.seen = boot.saved = boot.before = known.seen_ms - self._clock.step
        if known.boot_ms is not None:
            boot.placement.restore(clock.offset, now)
        boot.live = max(boot.seen, self._began)  # before we came it may have spoken
        return boot

    def _make(self, node: Node, name: str, seq: int, now: int, late: bool) -> Boot:
        number = self._store.new_boot(node.number, name, self._clock.utc(now))
        clock = BootClock()
        if late and node.boot is not None:
            clock.bound(node.boot.clock.offset, now)  # it was over when the one that speaks began
        boot = Boot(node.number, name, number, clock, Account(seq), now)
        boot.seen = now
        if node.meta is not None and node.meta["boot"] == name:
            boot.account.counted = counts(node.meta)
        self.touch(boot)
        return boot

    def trim(self, node: Node) -> None:
        """Memory is bounded: who is over the limit and of no use now is found again in the database."""
        while len(node.boots) > MAX_BOOTS:
            needed = {node.presence.boot, *node.delivery.boots}
            idle = [boot for name, boot in node.boots.items() if name not in needed and boot is not node.boot]
            if len(idle) < 2:
                return
            oldest = min(idle[:-1], key=lambda boot: boot.seen)  # the last one has just come
            del node.boots[oldest.boot]
            node.rest.add(oldest.account)
            node.unseen = node.unseen or bool(oldest.account.missing)

    def others(self, node: Node, listed: Iterable[str], now: int) -> list[Boot]:
        """Boots of a node that are not among `listed` and of which something is missing, from wherever they are."""
        if node.unseen:
            names = self._store.boots_with_holes(node.number, MAX_OTHERS)
            node.unseen = len(names) == MAX_OTHERS
            for name in names:
                self.boot(node, name, 0, now, late=True)
        known = set(listed)
        return [boot for name, boot in node.boots.items() if name not in known and boot.account.missing]

    def adopt(self, node: Node) -> None:
        """A node that is new in memory: take what the ledger still holds of it, and the sum of what it does not."""
        for boot in [*self._writing.values(), *self._unwritten.values()]:
            if boot.node == node.number:
                node.boots[boot.boot] = boot
        node.rest = self._store.totals(node.number, [boot.id for boot in node.boots.values()])

    def restore(self, registry: Registry, known: KnownNode) -> None:
        """Begin with what an earlier process knew of a node: all of it is durable."""
        now, step = self._clock.refresh(), self._clock.step
        if registry.full:
            return
        node = registry.add(known.name, self._store.node_id(known.name), now)
        node.set_meta(known.meta)
        node.restore_values(known.values, {sensor: ts - step for sensor, ts in known.times.items()}, known.shown)
        node.presses = known.presses
        for one in known.boots:
            boot = node.boots[one.boot] = self._restored(node.number, one, now)
            boot.account.settled = boot.account.lowest
            node.presence.last = boot.seen
        node.rest = known.rest

    # -- what is to be written (store.Accounts) --------------------------------------------------------------------

    def touch(self, boot: Boot) -> None:
        """Its account changed: it is part of the next commit."""
        if not boot.changed:
            boot.changed = True
            self._unwritten[boot.node, boot.boot] = boot
            self._unsettled[boot] = None

    def take(self, durable: bool) -> list[tuple[Any, ...]]:
        rows = []
        for boot in self._unwritten.values():
            boot.changed = False
            self._place(boot)
            rows.append((*boot.account.row(), boot.id))
        self._writing |= self._unwritten
        self._unwritten = {}
        if durable:
            self._settling |= self._unsettled
            self._unsettled = {}
            for boot in self._settling:
                boot.account.mark = boot.account.lowest
        return rows

    def written(self, durable: bool) -> None:
        self._writing = {}
        if durable:
            for boot in self._settling:
                boot.account.settled = boot.account.mark
            self._settling = {}

    @property
    def unsettled(self) -> bool:
        """Is there anything that a durable commit would make tellable?"""
        return bool(self._unsettled or self._settling)

    # -- when samples were taken -----------------------------------------------------------------------------------

    def settle(self, nodes: Iterable[Node]) -> None:
        """Every second: keep the clocks for the next start."""
        now = self._clock.refresh()
        for node in nodes:
            self._bound(node, now)
            for boot in node.boots.values():
                if boot.seen > boot.saved:
                    self._keep(boot)
                if boot.placement.fell:
                    self.touch(boot)

    def _keep(self, boot: Boot) -> None:
        step = self._clock.step
        boot.saved = boot.seen
        boot.kept = boot.placement.offset if boot.placement.began else boot.clock.offset
        self._store.set_progress(boot.id, boot.kept + step, boot.seen + step, boot.timed, boot.up)

    def _place(self, boot: Boot) -> None:
        """As part of the commit that is about to begin."""
        placement, step = boot.placement, self._clock.step
        if placement.fell:
            placement.done()
            # Of what an earlier process placed only the end: the rest was right in its time, for all we know.
            since = boot.before + step - WINDOW_MS if boot.timed and boot.before and not placement.low else 0
            self._store.retime(boot.id, placement.low, placement.offset + step, since)
        if placement.began and placement.offset != boot.kept:
            self._keep(boot)

    def _bound(self, node: Node, now: int) -> None:
        """A boot that was never heard live was over when the next one began."""
        began: int | None = None
        for name in reversed(node.delivery.order):
            boot = node.boots.get(name)
            if boot is None:
                continue
            if not boot.timed and began is not None and boot.clock.bound(began - boot.up, now):
                boot.placement.move(boot.clock.offset, now)
                boot.saved = boot.seen - 1
            if boot.timed or began is not None:
                began = boot.clock.offset

    def clock_was_set(self, nodes: Iterable[Node]) -> None:
        """Somebody set the host's clock. Soon after the start that is a computer without a clock of its own that has
        found the time: what was stored since then is placed again. Later, history stays as it was."""
        now, step = self._clock.refresh(), self._clock.step
        for node in nodes:
            for boot in node.boots.values():
                boot.saved = boot.seen - 1
                if boot.first_seq != UNPLACED and now - self._began < EARLY_MS:
                    boot_ms = boot.clock.offset + step
                    self._store.place(boot.id, boot.first_seq, boot_ms)


def counts(meta: dict[str, Any]) -> bool:
    """Does `seq` number readings only, by this meta? That is so from contract 1.1 on."""
    return int(str(meta["schema"]).split(".")[1]) >= 1
