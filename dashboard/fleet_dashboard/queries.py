"""What the pages ask and do (web.Fleet), gathered from the objects that own it. Owns nothing, starts nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from fleet_dashboard.alerts import Alerts
from fleet_dashboard.arena import Arena
from fleet_dashboard.broker_drops import BrokerDrops
from fleet_dashboard.classroom import Classroom
from fleet_dashboard.clock import WallClock
from fleet_dashboard.commands import Commands
from fleet_dashboard.export import Exports
from fleet_dashboard.ingest import Ingest
from fleet_dashboard.intake import Intake
from fleet_dashboard.lesson import Lesson
from fleet_dashboard.live import Live
from fleet_dashboard.nodes import Registry
from fleet_dashboard.rights import Rights
from fleet_dashboard.settings import Settings
from fleet_dashboard.store import Store

BOOTS_SHOWN = 20


@dataclass
class Condition:
    """How the service itself is; it keeps this up to date."""

    linked_since: int | None = None  # monotonic ms; None: no broker
    rate: float = 0.0  # messages in the last second
    db_bytes: int = 0


@dataclass(kw_only=True)
class Queries:
    settings: Settings
    condition: Condition
    clock: WallClock
    store: Store
    registry: Registry
    ingest: Ingest
    intake: Intake
    alerts: Alerts
    arena: Arena
    live: Live
    classroom: Classroom
    lesson: Lesson
    commands: Commands
    broker_drops: BrokerDrops
    exports: Exports
    rights: Rights

    def now_ms(self) -> int:
        return self.clock.utc(self.clock.refresh())

    def broker(self) -> dict[str, Any]:
        return {"connected": self.condition.linked_since is not None, "url_public": self.settings.broker.public}

    def status(self) -> dict[str, Any]:
        return {
            "now": self.now_ms(),
            "base": self.settings.base,
            "broker": self.broker(),
            **self.arena.view(),
            "alerts": self.alerts.view(),
            "class": self.classroom.view(),
            "lesson": self.lesson.view(),
        }

    def stats(self) -> dict[str, Any]:
        """`messages` = kept + duplicates + ignored + the sum of `bad`, where what was too many is `host-flood`; `rows`
        are committed samples and events."""
        ingest, store = self.ingest, self.store
        return {
            "messages": ingest.received,
            "kept": ingest.kept,
            "duplicates": ingest.duplicates,
            "ignored": ingest.ignored,
            "bad": ingest.culprits.rules,
            "rate": self.condition.rate,
            "rows": store.rows,
            "repeated": store.repeated,
            "pending": store.pending,
            "stalls": self.intake.client.stalls,
            "db_bytes": self.condition.db_bytes,
            "broker_dropped": self.broker_drops.dropped,
            "reconnects": self.intake.client.reconnects,
            "viewers": self.live.viewers,
            "conflated": self.live.conflated,
        }

    def health(self) -> dict[str, Any]:
        connected = self.condition.linked_since is not None
        return {"ok": connected, "broker": connected, "nodes": len(self.registry.nodes), "now": self.now_ms()}

    def viewers(self) -> int:
        return self.live.viewers

    def snapshot(self) -> dict[str, Any]:
        self.clock.refresh()
        return self.live.snapshot(self.clock.step)

    def watch(self) -> AsyncIterator[bytes]:
        return self.live.watch(lambda: self.clock.step)

    async def node(self, name: str) -> dict[str, Any] | None:
        node = self.registry.nodes.get(name)
        if node is None:
            return None
        recent = await self.store.recent(name)
        delivery = (await self.store.delivery(name, most=BOOTS_SHOWN)).get(name, [])
        commands = self.commands.rows_of(name)
        return {**node.view(self.clock.step), **recent, "delivery": delivery, "commands": commands}

    async def delivery(self, since: int) -> dict[str, Any]:
        found = await self.store.delivery(since_ms=since)
        nodes = self.registry.nodes
        rows = [
            {"id": name, "name": nodes[name].name if name in nodes else name, "boots": boots}
            for name, boots in sorted(found.items())
        ]
        return {"now": self.now_ms(), "nodes": rows}

    async def series(self, node: str, sensor: str, start: int, end: int, points: int) -> dict[str, Any] | None:
        known = self.registry.nodes.get(node)
        if known is None:
            return None
        found = await self.store.series(node, sensor, start, end, points)
        declared = ((known.meta or {}).get("sensors") or {}).get(sensor, {})
        units = {name: declared.get(name, ["", ""]) for name in found.pop("fields")}
        return {"sensor": sensor, "units": units, **found}

    def command(self, target: Any, name: Any, args: Any) -> dict[str, Any]:
        request_id, expected = self.commands.start(target, name, args)
        return {"id": request_id, "expected": expected}

    def rollcall(self, name: str) -> dict[str, Any] | None:
        return self.commands.get(name)
