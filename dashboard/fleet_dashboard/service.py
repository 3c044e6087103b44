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
from collections.abc import Coroutine, Iterator
from typing import Any

import uvicorn
from starlette.routing import BaseRoute

from fleet_client import Client
from fleet_dashboard import announce, confirm, web, web_authority, web_class, web_report, web_roll, web_rounds, web_time
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
from fleet_dashboard.lesson import Lesson
from fleet_dashboard.listening import listen
from fleet_dashboard.live import FRAME_S, Live
from fleet_dashboard.mip import Index
from fleet_dashboard.namer import Namer
from fleet_dashboard.nodes import PRESENCE, Node, Registry
from fleet_dashboard.queries import Condition, Queries
from fleet_dashboard.report import Reports
from fleet_dashboard.results import Results
from fleet_dashboard.retained import RetainedCommands
from fleet_dashboard.rights import Rights
from fleet_dashboard.roll import Roll
from fleet_dashboard.roster import Roster
from fleet_dashboard.settings import Settings
from fleet_dashboard.store import Store
from fleet_dashboard.tally import Event
from fleet_dashboard.upkeep import Upkeep
from fleet_dashboard.web_mip import MipPages
from fleet_schema import topics

STORE_ALERT_MS = 10_000
PAUSED_MS = 5000  # who slept for so long did not listen, and cannot say who was silent


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
        self._rights = Rights(settings.data, settings.teacher_code)
        self._registry = Registry()
        self._alerts = Alerts()
        self._ledger = Ledger(self._store, self._clock)
        self._ingest = Ingest(
            settings.base, self._store, self._registry, self._ledger, self._clock, self, settings.node_rate
        )
        self._live = Live(self._registry, lambda: self._queries.status(), lambda: self._queries.stats())
        results = Results(settings.data / "rounds")
        self._happenings = Happenings(self._store, self._clock)
        self._arena = Arena(self._registry, self._clock, Catalogue(settings.challenges), results)
        self._condition = Condition()
        self._roster = Roster(settings.roster)
        self._roll = Roll(self._roster, self._registry, self._ingest, self._alerts, self._clock, self._condition)

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
        self._rights.open()
        await self._arena.ready()
        self._make_clients()
        server = HttpServer(
            uvicorn.Config(
                web.application(self._queries, self._settings.http_names, self._further_routes()),
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
                        ("upkeep", Upkeep(self._store, self._settings.keep, self._now_ms, self._behind).run),
                        ("retained", self._retained.watch),
                        ("broker", self._broker_drops.watch),
                        ("lesson", self._lesson.watch),
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
            will=announce.will(base, self._now_ms()),
            persist=True,
            on_connect=lambda: self._announcer.link_is_new(),
        )
        self._retained = RetainedCommands(self._control, self._retained_command)
        self._announcer = announce.Announcer(self._control, self._registry)
        self._arena.link(self._control, self._spawn)
        self._confirmer = confirm.Confirmer(
            self._control, self._registry, self._ledger, self._behind, self._is_flooding
        )
        self._broker_drops = BrokerDrops(self._control, self._broker_dropped)
        self._lesson = Lesson(self._control, self._live.set)
        self._commands = Commands(self._control, self._registry, self._spawn, self._called)
        self._namer = Namer(self._control, self._roster, self._spawn)
        self._classroom = Classroom(self._control, self._registry, self._clock, self._live.set)
        self._queries = Queries(
            settings=self._settings,
            condition=self._condition,
            clock=self._clock,
            store=self._store,
            registry=self._registry,
            ingest=self._ingest,
            intake=self._intake,
            alerts=self._alerts,
            arena=self._arena,
            live=self._live,
            classroom=self._classroom,
            lesson=self._lesson,
            commands=self._commands,
            broker_drops=self._broker_drops,
            exports=Exports(self._store),
            rights=self._rights,
        )

    def _further_routes(self) -> list[BaseRoute]:
        """Of the parts that have pages of their own."""
        reports = Reports(self._settings.base, self._store, self._registry, self._arena, self._commands)
        parts = (
            web_authority.AuthorityPages(self._settings.ca),
            web_report.ReportPages(reports, self._now_ms),
            web_rounds.RoundPages(self._arena),
            web_class.ClassPages(self._classroom),
            MipPages(Index()),
            web_roll.RollPages(self._roll),
            web_time.TimePages(self._store, self._registry.nodes, self._now_ms),
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
        await self._announcer.say_goodbye(self._now_ms())
        self._ledger.settle(self._registry.nodes.values())
        self._happenings.end()
        self._intake.finish()
        await commits

    def _now_ms(self) -> int:
        return self._clock.utc(self._clock.refresh())

    def _behind(self) -> bool:
        return self._intake.is_behind

    def _is_flooding(self, node: Node, now: int) -> bool:
        allowance = self._ingest.allowances.senders.get(node.id)
        return allowance is not None and allowance.is_flooding(now)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """For work that ends by itself within seconds."""
        self._tasks.create_task(work, name=name)

    # -- what the way in tells -----------------------------------------------------------------------------------

    def _link(self, why: str | None) -> None:
        self._condition.linked_since = self._clock.refresh() if why is None else None
        self._happenings.link(why)
        self._live.set("broker", self._queries.broker())
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

    def _broker_dropped(self, more: int) -> None:
        now = self._clock.refresh()
        text = f"the broker dropped {more:,} messages, because somebody does not read what it has for them"
        self._alerts.tell("broker-drops", "", text, self._clock.utc(now), now + FADE_MS)

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
        self._namer.meta_changed(node)
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
        self._namer.forget(node.id)
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
            if now - last > PAUSED_MS and self._condition.linked_since is not None:
                self._condition.linked_since = now
            last = now
            self._condition.rate, before = self._ingest.received - before, self._ingest.received
            self._ingest.allowances.refill(now)
            self._judge(now)
            self._roll.second(now)
            await asyncio.to_thread(self._roster.refresh)
            self._namer.second(self._registry.nodes.values())
            self._ledger.settle(self._registry.nodes.values())
            self._intake.commit_soon()
            await self._arena.second(now)
            self._happenings.round(self._arena.view()["round"], now)
            self._happenings.second(self._registry.nodes.values(), now)
            self._announcer.set_boards(self._arena.documents())
            self._condition.db_bytes = await asyncio.to_thread(self._store.size)

    def _judge(self, now: int) -> None:
        ts, linked = self._clock.utc(now), self._condition.linked_since
        for node in self._registry.nodes.values():
            if linked is not None and node.presence.tick(now, node.period, linked):
                node.changed |= PRESENCE
                self._registry.touched.add(node)
            self._alerts.judge_node(node, now, ts)
        for who, culprit in self._ingest.culprits.nodes.items():
            self._alerts.judge_culprit(who, culprit, now, ts)
        for who, allowance in self._ingest.allowances.senders.items():
            self._alerts.judge_flood(who, allowance, self._settings.node_rate, now, ts)
        self._alerts.fade(now)

    async def _announce(self) -> None:
        while True:
            await self._announcer.publish_due(self._clock.refresh(), self._clock.step)
            await asyncio.sleep(FRAME_S)

    async def _confirm(self) -> None:
        while True:
            await asyncio.sleep(confirm.EVERY_S)
            await self._confirmer.publish_due(self._clock.refresh())
