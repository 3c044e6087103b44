"""The service: builds and owns everything, and is the only place where tasks are started.

Order at the end: no new pages, streams end, goodbye on the broker, last commit, acknowledge it, let go of broker and
database. What was not committed was not acknowledged either, and comes again.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any

import uvicorn
from starlette.routing import BaseRoute

from fleet_client import Client
from fleet_dashboard import announce, confirm, web, web_authority, web_class, web_report, web_rounds, web_time
from fleet_dashboard.alerts import FADE_MS, Alerts
from fleet_dashboard.arena import Arena
from fleet_dashboard.boot import Boot
from fleet_dashboard.broker_drops import BrokerDrops
from fleet_dashboard.catalogue import Catalogue
from fleet_dashboard.classroom import Classroom
from fleet_dashboard.clock import WallClock
from fleet_dashboard.commands import Commands
from fleet_dashboard.export import Exports
from fleet_dashboard.happenings import Happenings
from fleet_dashboard.ingest import Ingest
from fleet_dashboard.intake import Intake
from fleet_dashboard.ledger import Ledger
from fleet_dashboard.listening import listen
from fleet_dashboard.live import FRAME_S, Live
from fleet_dashboard.nodes import PRESENCE, Node, Registry
from fleet_dashboard.report import Reports
from fleet_dashboard.results import Results
from fleet_dashboard.retained import RetainedCommands
from fleet_dashboard.rights import Rights
from fleet_dashboard.settings import Settings
from fleet_dashboard.store import Store
from fleet_dashboard.tally import Event
from fleet_dashboard.upkeep import Upkeep
from fleet_schema import topics

STORE_ALERT_MS = 10_000
PAUSED_MS = 5000  # who slept for so long did not listen, and cannot say who was silent
BOOTS_SHOWN = 20


class HttpServer(uvicorn.Server):
    """uvicorn, but signals belong to the service: it has more than HTTP to end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Service:
    """`await Service(settings).run()` until SIGINT or SIGTERM."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = asyncio.Event()
        self._clock = WallClock()
        self._store = Store(settings.database)
        self.exports = Exports(self._store)
        self.rights = Rights(settings.data, settings.teacher_code)
        self._registry = Registry()
        self._alerts = Alerts()
        self._ledger = Ledger(self._store, self._clock)
        self._ingest = Ingest(settings.base, self._store, self._registry, self._ledger, self._clock, self)
        self._live = Live(self._registry, self._status, self.stats)
        results = Results(settings.data / "rounds")
        self._happenings = Happenings(self._store, self._clock)
        self._arena = Arena(self._registry, self._clock, Catalogue(settings.challenges), results)
        self._linked_since: int | None = None
        self._rate = 0.0
        self._db_bytes = 0

    # -- from start to end -----------------------------------------------------------------------------------

    async def run(self) -> None:
        """ServiceError or StoreError if it cannot start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        listener = listen(self._settings)
        for known in await self._store.open():
            self._ledger.restore(self._registry, known)
        await self._happenings.begin()
        self.rights.open()
        await self._arena.ready()
        self._make_clients()
        server = HttpServer(
            uvicorn.Config(
                web.application(self, self._settings.http_names, self._further_routes()),
                log_level="warning",
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=1,
                timeout_keep_alive=30,
                server_header=False,
                proxy_headers=False,  # an address that can be chosen is no address to count wrong codes by
            )
        )
        try:
            async with self._intake.client, self._control, asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._serve(server, listener), name="http")
                commits = self._tasks.create_task(self._intake.commit(), name="commit")
                loops = [
                    self._tasks.create_task(loop_of(), name=name)
                    for name, loop_of in (
                        ("ingest", self._intake.take),
                        ("frames", self._tick),
                        ("seconds", self._seconds),
                        ("announce", self._announce),
                        ("confirm", self._confirm),
                        ("upkeep", Upkeep(self._store, self._settings.keep, self.now_ms, self._behind).run),
                        ("retained", self._retained.watch),
                        ("broker", self._broker_drops.watch),
                        ("ready", lambda: self._get_ready(listener)),
                    )
                ]
                await self._stop.wait()
                await self._end(server, loops, commits)
        finally:
            listener.close()
            await self._store.close()

    def _make_clients(self) -> None:
        """Two connections: taking everything in at MQTT 3.1.1, which costs half; everything else at 5."""
        broker, base = self._settings.broker, self._settings.base
        self._intake = Intake(
            broker, base, self._store, self._ingest, self._ledger, on_link=self._link, store_failed=self._store_failed
        )
        self._control = Client(
            broker,
            base=base,
            client_id=f"fleet-dashboard-{self._store.instance}",
            will=announce.will(base, self.now_ms()),
            persist=True,
            on_connect=lambda: self._announcer.link_is_new(),
        )
        self._retained = RetainedCommands(self._control, self._retained_command)
        self._announcer = announce.Announcer(self._control, self._registry)
        self._arena.link(self._control, self._spawn)
        self._confirmer = confirm.Confirmer(self._control, self._registry, self._ledger, self._behind)
        self._broker_drops = BrokerDrops(self._control)
        self._commands = Commands(self._control, self._registry, self._spawn, self._called)
        self._classroom = Classroom(self._control, self._registry, self._clock, self._live.set)

    def _further_routes(self) -> list[BaseRoute]:
        """Of the parts that have pages of their own."""
        reports = Reports(self._settings.base, self._store, self._registry, self._arena, self._commands)
        parts = (
            web_authority.AuthorityPages(self._settings.ca),
            web_report.ReportPages(reports, self.now_ms),
            web_rounds.RoundPages(self._arena),
            web_class.ClassPages(self._classroom),
            web_time.TimePages(self._store, self._registry.nodes, self.now_ms),
        )
        return [route for part in parts for route in part.routes()]

    async def _serve(self, server: HttpServer, listener: socket.socket) -> None:
        await server.serve(sockets=[listener])
        self._stop.set()

    async def _get_ready(self, listener: socket.socket) -> None:
        await self._intake.subscribe()
        host, port = listener.getsockname()[:2]
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
        print(f"dashboard http://{shown}:{port}", flush=True)

    async def _end(self, server: HttpServer, loops: list[asyncio.Task[None]], commits: asyncio.Task[None]) -> None:
        server.should_exit = True
        self._live.close()
        for task in loops:
            task.cancel()
        await asyncio.wait(loops)
        await self._announcer.say_goodbye(self.now_ms())
        self._ledger.settle(self._registry.nodes.values())
        self._happenings.end()
        self._intake.finish()
        await commits

    def _behind(self) -> bool:
        return self._intake.is_behind

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """For work that ends by itself within seconds."""
        self._tasks.create_task(work, name=name)

    # -- what the way in tells -----------------------------------------------------------------------------------

    def _link(self, why: str | None) -> None:
        self._linked_since = self._clock.refresh() if why is None else None
        self._happenings.link(why)
        self._live.set("broker", self._broker())
        if why is not None:
            print(f"connection to the broker lost ({why}), trying again", file=sys.stderr, flush=True)

    def _store_failed(self, why: str) -> None:
        print(why, file=sys.stderr, flush=True)
        now = self._clock.refresh()
        self._alerts.tell("store", "", why, self._clock.utc(now), now + STORE_ALERT_MS)

    def _retained_command(self, target: str, name: str) -> None:
        now = self._clock.refresh()
        topic = topics.command_topic(self._settings.base, target, name)
        text = f"somebody published to {topic} with retain; it was cleared: leave -r out"
        self._alerts.tell("retained-command", target, text, self._clock.utc(now), now + FADE_MS)

    def _called(self, call: dict[str, Any]) -> None:
        self._live.add_rollcall(call)
        self._happenings.command(call)

    # -- what ingest tells at once (Listener) ------------------------------------------------------------------

    def event(self, node: Node, event: dict[str, Any]) -> None:
        self._live.add_event(event)

    def scored(self, node: Node, boot: Boot, event: Event) -> None:
        self._arena.event(node, boot, event)

    def acked(self, node: Node, boot: Boot, up: int, name: str | None, state: str) -> None:
        self._arena.ack(node, boot, up, name, state)

    def meta_changed(self, node: Node) -> None:
        self._arena.watch(node)

    def command_seen(self, target: str, name: str, payload: bytes) -> None:
        self._retained.command_seen()
        self._classroom.command(target, name, payload)

    def speaks_though_gone(self, node: Node) -> None:
        self._commands.ask_rebirth(node, self._clock.refresh())

    def host_document(self, kind: str, name: str | None, payload: bytes) -> None:
        if payload:
            self._announcer.stale_document(kind, name, dict(self._alerts.active))

    def forgotten(self, node: Node) -> None:
        self._announcer.forget(node.id)
        self._arena.forget(node.id)
        self._alerts.forget(node.id)
        self._happenings.forgotten(node.id)

    # -- what happens by the clock -----------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(FRAME_S)
            now = self._clock.refresh()
            if jump := self._clock.take_jump():
                self._happenings.clock_was_set(jump)
                self._ledger.clock_was_set(self._registry.nodes.values())
                self._arena.clock_was_set()
                self._live.start_again()
            changes = self._alerts.take_changes()
            if changes:
                self._announcer.add_alerts(changes)
                self._happenings.alerts(changes, now)
                self._live.set("alerts", self._alerts.view())
            for key, news in self._arena.changes(now).items():
                self._live.set(key, news)
            self._happenings.nodes(self._registry.touched, now)
            if happened := self._happenings.take_news():
                self._live.set("happenings", happened)
            self._live.frame(now, self._clock.step)

    async def _seconds(self) -> None:
        """Once a second: judge silence and alerts, count the boards, keep the clocks."""
        before, last = self._ingest.received, self._clock.refresh()
        while True:
            await asyncio.sleep(1)
            now = self._clock.refresh()
            if now - last > PAUSED_MS and self._linked_since is not None:
                self._linked_since = now
            last = now
            self._rate, before = self._ingest.received - before, self._ingest.received
            self._judge(now)
            self._ledger.settle(self._registry.nodes.values())
            self._intake.commit_soon()
            await self._arena.second(now)
            self._happenings.round(self._arena.view()["round"], now)
            self._happenings.second(self._registry.nodes.values(), now)
            self._announcer.set_boards(self._arena.documents())
            self._db_bytes = await asyncio.to_thread(self._store.size)

    def _judge(self, now: int) -> None:
        ts = self._clock.utc(now)
        for node in self._registry.nodes.values():
            if self._linked_since is not None and node.presence.tick(now, node.period, self._linked_since):
                node.changed |= PRESENCE
                self._registry.touched.add(node)
            self._alerts.judge_node(node, now, ts)
        for who, culprit in self._ingest.culprits.nodes.items():
            self._alerts.judge_culprit(who, culprit, now, ts)
        self._alerts.fade(now)

    async def _announce(self) -> None:
        while True:
            await self._announcer.publish_due(self._clock.refresh(), self._clock.step)
            await asyncio.sleep(FRAME_S)

    async def _confirm(self) -> None:
        while True:
            await asyncio.sleep(confirm.EVERY_S)
            await self._confirmer.publish_due(self._clock.refresh())

    # -- what the pages ask (web.Fleet) --------------------------------------------------------------------------

    def now_ms(self) -> int:
        return self._clock.utc(self._clock.refresh())

    def _broker(self) -> dict[str, Any]:
        return {"connected": self._linked_since is not None, "url_public": self._settings.broker.public}

    def _status(self) -> dict[str, Any]:
        return {
            "now": self.now_ms(),
            "base": self._settings.base,
            "broker": self._broker(),
            **self._arena.view(),
            "alerts": self._alerts.view(),
            "class": self._classroom.view(),
        }

    def stats(self) -> dict[str, Any]:
        """`messages` = kept + duplicates + ignored + the sum of `bad`; `rows` are committed samples and events."""
        ingest, store = self._ingest, self._store
        return {
            "messages": ingest.received,
            "kept": ingest.kept,
            "duplicates": ingest.duplicates,
            "ignored": ingest.ignored,
            "bad": ingest.culprits.rules,
            "rate": self._rate,
            "rows": store.rows,
            "repeated": store.repeated,
            "pending": store.pending,
            "stalls": self._intake.client.stalls,
            "db_bytes": self._db_bytes,
            "broker_dropped": self._broker_drops.dropped,
            "reconnects": self._intake.client.reconnects,
            "viewers": self._live.viewers,
            "conflated": self._live.conflated,
        }

    def health(self) -> dict[str, Any]:
        connected = self._linked_since is not None
        return {"ok": connected, "broker": connected, "nodes": len(self._registry.nodes), "now": self.now_ms()}

    def viewers(self) -> int:
        return self._live.viewers

    def snapshot(self) -> dict[str, Any]:
        self._clock.refresh()
        return self._live.snapshot(self._clock.step)

    def watch(self) -> AsyncIterator[bytes]:
        return self._live.watch(lambda: self._clock.step)

    async def node(self, name: str) -> dict[str, Any] | None:
        node = self._registry.nodes.get(name)
        if node is None:
            return None
        recent = await self._store.recent(name)
        delivery = (await self._store.delivery(name, most=BOOTS_SHOWN)).get(name, [])
        commands = self._commands.rows_of(name)
        return {**node.view(self._clock.step), **recent, "delivery": delivery, "commands": commands}

    async def delivery(self, since: int) -> dict[str, Any]:
        found = await self._store.delivery(since_ms=since)
        nodes = self._registry.nodes
        rows = [
            {"id": name, "name": nodes[name].name if name in nodes else name, "boots": boots}
            for name, boots in sorted(found.items())
        ]
        return {"now": self.now_ms(), "nodes": rows}

    async def series(self, node: str, sensor: str, start: int, end: int, points: int) -> dict[str, Any] | None:
        known = self._registry.nodes.get(node)
        if known is None:
            return None
        found = await self._store.series(node, sensor, start, end, points)
        declared = ((known.meta or {}).get("sensors") or {}).get(sensor, {})
        units = {name: declared.get(name, ["", ""]) for name in found.pop("fields")}
        return {"sensor": sensor, "units": units, **found}

    def command(self, target: Any, name: Any, args: Any) -> dict[str, Any]:
        request_id, expected = self._commands.start(target, name, args)
        return {"id": request_id, "expected": expected}

    def rollcall(self, name: str) -> dict[str, Any] | None:
        return self._commands.get(name)
