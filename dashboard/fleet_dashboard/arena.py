"""Who plays what: the standing boards, the one round that may be on, and what became of earlier ones.

Owns the runs and the taps on the nodes' readings. Ingest tells it events and acks (once each, no work that grows with
the number of nodes); the service's clock calls `second` and `changes`; the pages start and stop rounds.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

from fleet_client import Client, ClientError
from fleet_dashboard.boot import Boot
from fleet_dashboard.catalogue import Catalogue
from fleet_dashboard.challenge import MAX_QUESTION, Challenge, ChallengeError, Question, question
from fleet_dashboard.clock import WallClock
from fleet_dashboard.nodes import Node, Registry
from fleet_dashboard.results import Results
from fleet_dashboard.rounds import Plan, Round, Run
from fleet_dashboard.tally import Event
from fleet_schema import commands as contract
from fleet_schema import topics

Document = dict[str, Any]
LOOK_AGAIN_MS = 2000  # for new and changed files
SIGNAL_EXPIRY_S = 2
HEADS_SHOWN = 8


class Arena:
    """`ready` after the store is open; `link` when there is a client to give signals with."""

    def __init__(self, registry: Registry, clock: WallClock, catalogue: Catalogue, results: Results) -> None:
        self._registry = registry
        self._clock = clock
        self._catalogue = catalogue
        self._results = results
        self._standing: dict[str, Run] = {}
        self._event_runs: list[Run] = []
        self._round: Round | None = None
        self._signal_id = ""  # of the command whose acks are the start shot
        self._boards: dict[str, Document] = {}
        self._finished: dict[str, Document] = {}  # by challenge, for `_host/board`
        self._sent_boards: dict[str, Document] = {}
        self._round_view: Document | None = None
        self._sent_round: Document | None = None
        self._catalogue_changed = self._results_changed = False
        self._looked = 0
        self._told: set[str] = set()  # problems that are in the log
        self._writing = asyncio.Lock()  # so that the start of a round is never written after its end

    def link(self, client: Client, spawn: Callable[[Coroutine[Any, Any, None], str], None]) -> None:
        self._client = client
        self._spawn = spawn

    async def ready(self) -> None:
        """Read challenges and earlier results."""
        await asyncio.to_thread(self._catalogue.make_folder)
        await asyncio.to_thread(self._results.load)
        for head in self._results.heads:
            if head["challenge"] not in self._finished and head["winners"] and head["state"] == "done":
                result = await asyncio.to_thread(self._results.get, head["id"])
                if result is not None:
                    self._finished[head["challenge"]] = _finished(result)
        now = self._clock.refresh()
        await self._look(now)
        self._rank(now)

    # -- what ingest tells -----------------------------------------------------------------------------------------

    def event(self, node: Node, boot: Boot, event: Event) -> None:
        for run in self._event_runs:
            run.event(node.id, event)

    def ack(self, node: Node, boot: Boot, up: int, name: str | None, state: str) -> None:
        if self._round is not None and name == self._signal_id and name:
            self._round.acked(node.id, boot.id, up, state)

    def watch(self, node: Node) -> None:
        """The node's meta is new: find again where it measures what counts."""
        taps = [tap for run in self._runs() if (tap := run.watch(node)) is not None]
        node.taps = {sensor: tuple(tap for tap in taps if tap.sensor == sensor) for sensor in {t.sensor for t in taps}}

    def forget(self, node: str) -> None:
        for run in self._runs():
            run.forget(node)

    def _runs(self) -> list[Run]:
        runs = list(self._standing.values())
        if self._round is not None and not self._round.closed:
            runs.append(self._round)
        return runs

    def _rewire(self) -> None:
        """The runs are others: O(nodes), when a round begins or ends and when a file changes."""
        self._event_runs = [run for run in self._runs() if run.counts_events]
        for node in self._registry.nodes.values():
            self.watch(node)

    # -- by the clock ------------------------------------------------------------------------------------------------

    async def second(self, now: int) -> None:
        """Once a second: rank what stands, and look for new files now and then."""
        if now - self._looked >= LOOK_AGAIN_MS:
            await self._look(now)
        self._rank(now)

    def _rank(self, now: int) -> None:
        nodes = self._registry.nodes
        self._boards = {name: run.board.view(run.scores(nodes, now), now) for name, run in self._standing.items()}

    async def _look(self, now: int) -> None:
        self._looked = now
        if not await asyncio.to_thread(self._catalogue.refresh):
            return
        told, self._told = self._told, {problem["text"] for problem in self._catalogue.problems}
        for problem in self._catalogue.problems:
            if problem["text"] not in told:
                print(f"challenge {problem['text']}", file=sys.stderr, flush=True)
        before, self._standing = self._standing, {}
        for name, challenge in self._catalogue.challenges.items():
            if not challenge.is_round:
                old = before.get(name)
                self._standing[name] = old if old and old.challenge == challenge else Run(challenge)
        self._catalogue_changed = True
        self._rewire()

    def changes(self, now: int) -> Document:
        """Moves the round on, and gives what is new since the last call, for a frame: "boards" {name: changed keys, or
        null if it is gone}, "round" (changed keys and id, or null), "challenges", "results"."""
        self._tick(now)
        news: Document = {}
        boards: Document = {}
        for name, view in self._boards.items():
            if view != self._sent_boards.get(name):
                boards[name] = _difference(view, self._sent_boards.get(name), "name")
        boards |= {name: None for name in self._sent_boards if name not in self._boards}
        self._sent_boards = self._boards
        if boards:
            news["boards"] = boards
        if self._round_view != self._sent_round:
            news["round"] = self._round_view and _difference(self._round_view, self._sent_round, "id")
            self._sent_round = self._round_view
        if self._catalogue_changed:
            news["challenges"], self._catalogue_changed = self._catalogue.view(), False
        if self._results_changed:
            news["results"], self._results_changed = self._heads(), False
        return news

    def _tick(self, now: int) -> None:
        current = self._round
        if current is None:
            self._round_view = None
            return
        current.tick(now)
        due = current.signal_due
        if due is not None and now >= due:
            current.signalled(now)
            self._spawn(self._signal(current), f"signal {current.id}")
        if current.settled(now):
            self._close(current, now)
        if current.changed or self._round_view is None:
            self._round_view = current.view(self._registry.nodes, now)

    def _close(self, current: Round, now: int) -> None:
        current.closed = True
        current.tick(now)
        result = current.result(self._registry.nodes, now)
        self._finished[current.challenge.name] = _finished(result)
        self._rewire()
        self._spawn(self._keep(current, result), f"result {current.id}")

    async def _keep(self, current: Round, document: Document) -> None:
        """Written first, then shown as done: what a class has seen is on the disk."""
        async with self._writing:
            try:
                await asyncio.to_thread(self._results.save, document)
                current.saved = document["state"] == "done"
            except OSError as error:
                current.why = f"the result cannot be kept ({error.strerror}): is the disk full?"
                print(f"round {current.id}: {current.why}", file=sys.stderr, flush=True)
        current.changed = self._results_changed = True

    async def _signal(self, current: Round) -> None:
        signal = current.challenge.signal
        assert signal is not None
        topic = topics.command_topic(self._client.base, topics.ALL, "buzz")
        payload = contract.encode_command(self._signal_id, {"ms": signal.ms, "hz": signal.hz})
        try:
            await self._client.publish(topic, payload, expiry_s=SIGNAL_EXPIRY_S)
        except ClientError as error:
            current.why = f"the signal could not be given ({error}); play it again"
            current.stop(self._clock.refresh())

    def clock_was_set(self) -> None:
        if self._round is not None:
            self._round.step = self._clock.step
            self._round.changed = True

    # -- what is shown -------------------------------------------------------------------------------------------------

    def view(self) -> Document:
        """The part of a snapshot that is about challenges."""
        return {
            "boards": list(self._boards.values()),
            "round": self._round_view,
            "challenges": self._catalogue.view(),
            "results": self._heads(),
        }

    def documents(self) -> list[Document]:
        """What is retained on `_host/board`: what stands, the last result of each other challenge, and the round."""
        found = {**self._finished, **self._boards}
        view = self._round_view
        if view is not None and view["state"] != "countdown":
            found[view["name"]] = view
        return [board for name, board in found.items() if name in self._catalogue.challenges]

    def _heads(self) -> list[Document]:
        return self._results.heads[:HEADS_SHOWN]

    # -- what the pages ask (web_rounds.Rounds) ------------------------------------------------------------------------

    def challenges(self) -> Document:
        return self._catalogue.view()

    def start(self, fields: Document) -> str:
        """The id of the round that has begun; ChallengeError if it cannot."""
        known = {"challenge", "seconds", "countdown", "question"}
        odd = sorted(set(fields) - known)
        if odd:
            raise ChallengeError(f"{odd[0]!r} is not known; a round has {', '.join(sorted(known))}")
        wanted = fields.get("challenge")
        challenge = self._catalogue.challenges.get(wanted) if isinstance(wanted, str) else None
        if challenge is None or not challenge.is_round:
            rounds = [name for name, one in self._catalogue.challenges.items() if one.is_round]
            raise ChallengeError(f"there is no such round; there are {', '.join(rounds)}")
        if self._round is not None and not self._round.closed:
            raise ChallengeError(f"{self._round.challenge.title!r} is still on; stop it first")
        if challenge.signal is not None and not self._client.connected:
            raise ChallengeError("the dashboard has no connection to the broker, so nobody would hear the signal")
        plan = _plan(challenge, fields)
        now = self._clock.refresh()
        utc = self._clock.utc(now)
        name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(utc // 1000))}-{secrets.token_hex(3)}"
        current = self._round = Round(name, challenge, plan, now, self._clock.step)
        self._signal_id = secrets.token_hex(4) if challenge.signal else ""
        self._round_view = current.view(self._registry.nodes, now)
        self._rewire()
        self._spawn(self._keep(current, current.head()), f"round {name}")
        return name

    def stop(self, name: str) -> str | None:
        """Call off a countdown, end a round, or put a result away; which of them, or None if there is no such round."""
        current = self._round
        if current is None or current.id != name:
            return None
        now = self._clock.refresh()
        current.tick(now)
        if current.state in ("countdown", "ready"):
            self._round, current.closed = None, True
            self._rewire()
            self._spawn(self._discard(name), f"called off {name}")
            return "called off"
        if current.closed:
            self._round = None
            return "put away"
        current.stop(now)
        return "stopped"

    async def _discard(self, name: str) -> None:
        async with self._writing:
            try:
                await asyncio.to_thread(self._results.discard, name)
            except OSError:
                return  # it is closed as broken off when the dashboard starts again
        self._results_changed = True

    def results(self) -> list[Document]:
        return self._results.heads

    async def result(self, name: str) -> Document | None:
        return await asyncio.to_thread(self._results.get, name)


def _plan(challenge: Challenge, fields: Document) -> Plan:
    seconds = _within(fields, "seconds", 3, 3600, challenge.seconds)
    countdown = _within(fields, "countdown", 0, 30, challenge.countdown)
    signal = challenge.signal
    wait_ms = random.SystemRandom().randint(signal.least_ms, signal.most_ms) if signal else 0
    return Plan(seconds, countdown, wait_ms, _asked(challenge, fields.get("question")))


def _within(fields: Document, key: str, low: int, high: int, default: int) -> int:
    value = fields.get(key, default)
    if type(value) is not int or not low <= value <= high:
        raise ChallengeError(f"{key} is a whole number from {low} to {high}")
    return value


def _asked(challenge: Challenge, asked: Any) -> Question | None:
    """The number of a question in the file, from 0, or one that was made up on the spot."""
    quiz = challenge.quiz
    if quiz is None:
        if asked is not None:
            raise ChallengeError("only a quiz has a question")
        return None
    if type(asked) is int and 0 <= asked < len(quiz.questions):
        return quiz.questions[asked]
    if isinstance(asked, dict):
        return question(asked, quiz.by)
    most = f"of at most {MAX_QUESTION} characters"
    raise ChallengeError(f"question is the number of one in the file, or a text {most} with options and answer")


def _finished(result: Document) -> Document:
    """A result as a board."""
    top = [[row["node"], row["name"], row["score"]] for row in result["rows"][:10]]
    return {"name": result["challenge"], "title": result["title"], "unit": result["unit"], "top": top}


def _difference(view: Document, before: Document | None, key: str) -> Document:
    if before is None or before[key] != view[key]:
        return view
    return {key: view[key], **{name: value for name, value in view.items() if before.get(name) != value}}
