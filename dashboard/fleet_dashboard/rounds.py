"""A challenge while it is scored: standing for ever, or as a round with a beginning and an end. Pure; times are
monotonic ms and passed in.

countdown -> (ready, until the signal) -> running -> settling, for what is still on its way -> done
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fleet_dashboard.challenge import Challenge, Question
from fleet_dashboard.leaderboard import Board, Score, measured, ranked, shown, source, team_ranks, team_shown
from fleet_dashboard.nodes import Node
from fleet_dashboard.tally import Answer, Event, Reaction, Tally, tally

SETTLE_MS = 3000  # so long after the end, what was sampled before it is still taken
ROUND_LOOK_MS = 5000
MAX_FOULS = 20  # shown; the result has all
DELIVERY_EVERY_MS = 5000  # the account of all boots of all nodes is not added up more often


class Run:
    """A standing challenge. `tallies` by node; one is made when a node first brings something, so who comes later
    takes part as well."""

    def __init__(self, challenge: Challenge, look_ms: int | None = None) -> None:
        self.challenge = challenge
        self.board = Board(challenge) if look_ms is None else Board(challenge, look_ms)
        self.tallies: dict[str, Tally] = {}
        self.sources: dict[str, tuple[str, tuple[str, ...]]] = {}  # node -> where it measures the quantity
        self.changed = True
        self._delivered: dict[str, float] = {}
        self._delivered_next = 0

    def takes(self, at: int) -> bool:
        """Does what was sampled at `at` belong to it?"""
        return True

    @property
    def counts_events(self) -> bool:
        return self.challenge.event is not None and not self.challenge.is_presses

    @property
    def reads_values(self) -> bool:
        """Must it see every reading? The last value of a node is known anyway."""
        return self.challenge.quantity is not None and self.challenge.take != "last"

    def watch(self, node: Node) -> Tap | None:
        """Find where `node` measures what counts; what is to be told of its readings, if anything."""
        quantity = self.challenge.quantity
        found = source(node.sensors, quantity, self.challenge.sensor) if quantity is not None else None
        if found is None:
            self.sources.pop(node.id, None)
            return None
        self.sources[node.id] = found
        return Tap(self, node.id, *found) if self.reads_values else None

    def tally(self, node: str) -> Tally:
        found = self.tallies.get(node)
        if found is None:
            found = self.tallies[node] = self._fresh()
        return found

    def _fresh(self) -> Tally:
        return tally(self.challenge)

    def event(self, node: str, event: Event) -> None:
        challenge = self.challenge
        if challenge.input not in (None, event.input) or not self.takes(event.at):
            return
        # How long a press was takes all events of its button; what is counted, only those that were asked for.
        if challenge.take == "longest" or event.kind == challenge.event:
            self.tally(node).event(event)
            self.changed = True

    def forget(self, node: str) -> None:
        self.tallies.pop(node, None)
        self.sources.pop(node, None)

    def scores(self, nodes: Mapping[str, Node], now: int) -> list[Score]:
        """Of all nodes that have one, in the digits that are shown, so that equal on the wall is equal in rank."""
        if self.challenge.take == "delivery" and now >= self._delivered_next:
            self._delivered_next = now + DELIVERY_EVERY_MS if nodes else now
            self._delivered = dict(_delivered(nodes.values()))
        found = []
        for node in nodes.values():
            score = self._score(node)
            if score is not None:
                found.append(Score(node.id, node.name, shown(score, self.challenge), node.groups))
        return found

    def _score(self, node: Node) -> float | None:
        challenge = self.challenge
        if challenge.is_presses:
            return node.presses or None
        if challenge.take == "delivery":
            return self._delivered.get(node.id)
        if challenge.take == "last":
            place = self.sources.get(node.id)
            if place is None or node.presence.word != "online":
                return None
            assert challenge.quantity is not None
            values = measured(node.values.get(place[0], {}), place[1], challenge.quantity)
            return values[0] if values and challenge.counts(values) else None
        own = self.tallies.get(node.id)
        return None if own is None else own.score()


def _delivered(nodes: Iterable[Node]) -> Iterable[tuple[str, float]]:
    """Percent, of the boots that are in memory; rounded down, so that 100 says all."""
    for node in nodes:
        taken = short = 0
        for boot in node.boots.values():
            account = boot.account
            if account.counted is not False:
                taken += account.next - account.gone_low
                short += account.missing.count + account.gone_high
        if taken > 0:
            yield node.id, (taken - short) * 10_000 // taken / 100


class Tap:
    """Hears every reading of one sensor of one node for one run."""

    __slots__ = ("_fields", "_node", "_quantity", "_run", "sensor")

    def __init__(self, run: Run, node: str, sensor: str, fields: tuple[str, ...]) -> None:
        assert run.challenge.quantity is not None
        self._run = run
        self._node = node
        self.sensor = sensor
        self._fields = fields
        self._quantity = run.challenge.quantity

    def reading(self, values: Mapping[str, float | None], at: int) -> None:
        run = self._run
        if run.takes(at):
            numbers = measured(values, self._fields, self._quantity)
            if numbers is not None and run.challenge.counts(numbers):
                run.tally(self._node).reading(numbers, at)
                run.changed = True


@dataclass(frozen=True)
class Plan:
    """How the teacher wants this round: the challenge's own times, unless said otherwise."""

    seconds: int
    countdown: int
    wait_ms: int = 0  # from the end of the countdown to the signal
    question: Question | None = None


class Round(Run):
    """One round. `tick` moves it on; `stop` ends it early."""

    def __init__(self, name: str, challenge: Challenge, plan: Plan, now: int, step: int) -> None:
        """`step` turns monotonic ms into UTC, for those who look."""
        super().__init__(challenge, ROUND_LOOK_MS)
        self.id = name
        self.plan = plan
        self.step = step
        self.state = "countdown"
        self.starts = now + plan.countdown * 1000
        self.ends: int | None = None if challenge.signal else self.starts + plan.seconds * 1000
        self.closed = False  # the result is made
        self.saved = False  # and on the disk
        self.why = ""  # a sentence, if something went wrong

    @property
    def reads_values(self) -> bool:
        return self.challenge.quantity is not None

    @property
    def counts_events(self) -> bool:
        return self.challenge.event is not None

    def takes(self, at: int) -> bool:
        return not self.closed and self.starts <= at and (self.ends is None or at < self.ends)

    def _fresh(self) -> Tally:
        return tally(self.challenge, self.plan.question, self.starts, self.plan.seconds * 1000)

    def _score(self, node: Node) -> float | None:
        own = self.tallies.get(node.id)
        return None if own is None else own.score()

    @property
    def signal_due(self) -> int | None:
        """When the signal is to be given; None if there is none, or not any more."""
        return self.starts + self.plan.wait_ms if self.challenge.signal and self.ends is None else None

    def signalled(self, now: int) -> None:
        self.ends = now + self.plan.seconds * 1000
        self.changed = True

    def acked(self, node: str, boot: int, up: int, state: str) -> None:
        """The node's answer to the signal."""
        own = self.tally(node)
        if isinstance(own, Reaction) and not self.closed:
            if state in ("ok", "done"):
                own.go(boot, up)
            elif state != "dup":
                own.refuse(state)
            self.changed = True

    def tick(self, now: int) -> None:
        before = self.state
        if self.closed:
            self.state = "done"
        elif now < self.starts:
            self.state = "countdown"
        elif self.ends is None:
            self.state = "ready"
        else:
            self.state = "running" if now < self.ends else "settling"
        self.changed |= self.state != before

    def stop(self, now: int) -> None:
        """End it now; what was sampled before counts."""
        if self.ends is None or now < self.ends:
            self.ends = now
        self.tick(now)

    def settled(self, now: int) -> bool:
        return self.ends is not None and now >= self.ends + SETTLE_MS and not self.closed

    # -- shown ---------------------------------------------------------------------------------------------------

    @property
    def is_secret(self) -> bool:
        """While a question is open, the ranking would tell the answer."""
        return self.plan.question is not None and not self.closed

    def fouls(self, nodes: Mapping[str, Node]) -> list[dict[str, str]]:
        """Who is out, and why, by name."""
        out = []
        for name, own in self.tallies.items():
            why = own.foul()
            if why is not None and name in nodes:
                out.append({"node": name, "name": nodes[name].name, "why": why})
        return sorted(out, key=lambda one: (one["name"], one["node"]))

    def view(self, nodes: Mapping[str, Node], now: int) -> dict[str, Any]:
        """The round for the pages: its board, its times (UTC ms), and who is out."""
        self.changed = False
        board = self.board.view([] if self.is_secret else self.scores(nodes, now), now)
        return {
            **board,
            "id": self.id,
            "state": self.state if self.state != "done" or self.saved or self.why else "settling",
            "starts": self.starts + self.step,
            "ends": None if self.ends is None else self.ends + self.step,
            "seconds": self.plan.seconds,
            "fouls": [[one["node"], one["name"], one["why"]] for one in self.fouls(nodes)[:MAX_FOULS]],
            "why": self.why,
            **self._quiz_view(),
        }

    def _quiz_view(self) -> dict[str, Any]:
        question = self.plan.question
        if question is None:
            return {}
        choices = [own.choice for own in self.tallies.values() if isinstance(own, Answer)]
        view: dict[str, Any] = {
            "question": question.text,
            "options": list(question.options),
            "by": list(self.challenge.quiz.by) if self.challenge.quiz else [],
            "answered": sum(choice is not None for choice in choices),
            "answer": None,
            "votes": None,
        }
        if self.closed:
            view |= {"answer": question.answer, "votes": [choices.count(i) for i in range(len(question.options))]}
        return view

    def head(self) -> dict[str, Any]:
        """What is noted when it starts."""
        challenge = self.challenge
        return {
            "id": self.id,
            "state": "running",
            "challenge": challenge.name,
            "title": challenge.title,
            "rule": challenge.rule,
            "unit": challenge.unit,
            "digits": challenge.digits,
            "high": challenge.high,
            "started": self.starts + self.step,
            "seconds": self.plan.seconds,
            **({"question": self.plan.question.text} if self.plan.question else {}),
        }

    def result(self, nodes: Mapping[str, Node], now: int) -> dict[str, Any]:
        """What is kept: all rows, not only those that are shown."""
        scores = self.scores(nodes, now)
        teams = {one.node: list(one.teams) for one in scores}
        challenge = self.challenge
        question = self.plan.question
        return {
            **self.head(),
            "state": "done",
            **({"why": self.why} if self.why else {}),
            **({"answer": question.options[question.answer]} if question else {}),
            "ended": None if self.ends is None else self.ends + self.step,
            "rows": [
                {"place": one.place, "node": one.key, "name": one.name, "score": one.score, "teams": teams[one.key]}
                for one in ranked(scores, challenge.high)
            ],
            "teams": [
                {"place": one.place, "team": one.key, "score": team_shown(one.score, challenge), "members": one.members}
                for one in team_ranks(scores, challenge.high, challenge.teams)
            ],
            "fouls": self.fouls(nodes),
        }
