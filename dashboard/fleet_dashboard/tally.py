"""What one node has scored in one challenge. Each is fed in any order, because late messages come late, and answers
the same. Who feeds it has seen to it that nothing comes twice and that it belongs to the round. Pure; times in ms.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from fleet_dashboard.challenge import Challenge, Question

MOST_EVENTS = 256  # of one node in one challenge that must be remembered one by one
RIGHT_POINTS = 1000  # for a right answer at once; at the last moment it is half of that


class Event(NamedTuple):
    """`boot` is the database's number, `up` the node's own clock, `at` the host's (monotonic)."""

    boot: int
    input: str
    kind: str
    n: int
    up: int
    at: int


class Tally:
    """The least there is: nothing scored."""

    def reading(self, values: tuple[float, ...], at: int) -> None: ...
    def event(self, event: Event) -> None: ...

    def score(self) -> float | None:
        return None

    def foul(self) -> str | None:
        """Why the node is out, or None."""
        return None


class Count(Tally):
    def __init__(self) -> None:
        self._events = 0

    def event(self, event: Event) -> None:
        self._events += 1

    def score(self) -> float | None:
        return self._events or None


class Longest(Tally):
    """The longest press, by the node's clock. A press and its release are neighbours by `n`, or have the `long`
    between them; where one of them got lost there is no pair."""

    def __init__(self) -> None:
        self._events: dict[tuple[int, str, int], tuple[str, int]] = {}
        self._best: int | None = None

    def event(self, event: Event) -> None:
        events, key = self._events, (event.boot, event.input)
        if len(events) >= MOST_EVENTS:
            del events[next(iter(events))]
        events[(*key, event.n)] = event.kind, event.up
        for first in range(event.n - 2, event.n + 1):
            began = events.get((*key, first))
            if began is None or began[0] != "press":
                continue
            after = events.get((*key, first + 1))
            if after is not None and after[0] == "long":
                after = events.get((*key, first + 2))
            if after is not None and after[0] == "release" and after[1] >= began[1]:
                self._best = max(self._best or 0, after[1] - began[1])

    def score(self) -> float | None:
        return self._best


class Reaction(Tally):
    """From the signal to the first press after it, both by the node's own clock: the network takes no part."""

    def __init__(self, foul_ms: int) -> None:
        self._foul_ms = foul_ms
        self._go: tuple[int, int] | None = None
        self._refused: str | None = None
        self._presses: list[tuple[int, int]] = []

    def go(self, boot: int, up: int) -> None:
        """The node's signal sounded at `up`."""
        if self._go is None:
            self._go = boot, up

    def refuse(self, state: str) -> None:
        """The node acked the signal with another word than ok: nobody heard it."""
        self._refused = state

    def event(self, event: Event) -> None:
        if event.kind == "press" and len(self._presses) < MOST_EVENTS:
            self._presses.append((event.boot, event.up))

    def score(self) -> float | None:
        if self._go is None or self.foul():
            return None
        boot, go = self._go
        return min((up - go for number, up in self._presses if number == boot), default=None)

    def foul(self) -> str | None:
        if self._go is None:
            return f"no signal there: {self._refused}" if self._refused else None
        boot, go = self._go
        first = min((up - go for number, up in self._presses if number == boot), default=None)
        if first is None or first >= self._foul_ms:
            return None
        return "false start" if first < 0 else f"false start: {first} ms is faster than anyone reacts"


class Answer(Tally):
    """A quiz by button. By inputs: the first press is the answer. By number: so many presses as the option's number,
    and the last one says when."""

    def __init__(self, question: Question, by: tuple[str, ...], start: int, length_ms: int) -> None:
        self._question = question
        self._by = by
        self._start = start
        self._length_ms = length_ms
        self._presses = 0
        self._at: int | None = None
        self._input = ""

    def event(self, event: Event) -> None:
        if event.kind != "press":
            return
        if not self._by:
            self._presses += 1
            self._at = event.at if self._at is None else max(self._at, event.at)
        elif event.input in self._by and (self._at is None or event.at < self._at):
            self._at, self._input = event.at, event.input

    @property
    def choice(self) -> int | None:
        """The index of the option; one that does not exist is the node's wrong answer. None: no answer."""
        if self._at is None:
            return None
        return self._by.index(self._input) if self._by else self._presses - 1

    def score(self) -> float | None:
        if self._at is None:
            return None
        if self.choice != self._question.answer:
            return 0
        used = min(1.0, max(0, self._at - self._start) / self._length_ms)
        return round(RIGHT_POINTS * (1 - used / 2))


class Extreme(Tally):
    """The highest value, or the lowest."""

    def __init__(self, high: bool, samples: int) -> None:
        self._choose = max if high else min
        self._samples = samples
        self._count = 0
        self._best: float | None = None

    def reading(self, values: tuple[float, ...], at: int) -> None:
        self._count += 1
        self._best = values[0] if self._best is None else self._choose(self._best, values[0])

    def score(self) -> float | None:
        return self._best if self._count >= self._samples else None


class Last(Tally):
    def __init__(self) -> None:
        self._at = -math.inf
        self._value: float | None = None

    def reading(self, values: tuple[float, ...], at: int) -> None:
        if at >= self._at:
            self._at, self._value = at, values[0]

    def score(self) -> float | None:
        return self._value


class Spread(Tally):
    """Mean, or standard deviation over all components together (Welford 1962): a vector that only turns spreads too."""

    def __init__(self, samples: int, mean: bool = False) -> None:
        self._samples = samples
        self._wants_mean = mean
        self._count = 0
        self._means: list[float] = []
        self._squares = 0.0

    def reading(self, values: tuple[float, ...], at: int) -> None:
        self._count += 1
        if not self._means:
            self._means = [0.0] * len(values)
        for index, value in enumerate(values):
            step = value - self._means[index]
            self._means[index] += step / self._count
            self._squares += step * (value - self._means[index])

    def score(self) -> float | None:
        if self._count < max(self._samples, 1):
            return None
        return self._means[0] if self._wants_mean else math.sqrt(max(0.0, self._squares) / self._count)


def tally(challenge: Challenge, question: Question | None = None, start: int = 0, length_ms: int = 1) -> Tally:
    """A fresh one of the challenge's own sort."""
    take = challenge.take
    if take == "count":
        return Count()
    if take == "longest":
        return Longest()
    if take == "reaction":
        assert challenge.signal is not None
        return Reaction(challenge.signal.foul_ms)
    if take == "answer":
        assert challenge.quiz is not None
        assert question is not None
        return Answer(question, challenge.quiz.by, start, length_ms)
    if take in ("highest", "lowest"):
        return Extreme(take == "highest", challenge.samples)
    if take in ("spread", "mean"):
        return Spread(challenge.samples, take == "mean")
    return Last()
