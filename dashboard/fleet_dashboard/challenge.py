"""What a challenge is, and how its TOML file is read. Pure: text in, a Challenge or one sentence out.

docs/challenges.md explains every key to the person who writes one.
"""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fleet_schema import SchemaError, topics
from fleet_schema.documents import check_board
from fleet_schema.values import is_text

MAX_FILE = 16_384  # bytes
MAX_SENTENCE = 240
MAX_OPTIONS = 6
MAX_QUESTIONS = 50
MAX_QUESTION = 160
MAX_OPTION = 60
FARTHEST = 1_000_000_000  # from 0, where a quantity may have a bound
EVENT_TAKES = ("count", "longest", "reaction", "answer")
VALUE_TAKES = ("last", "highest", "lowest", "mean", "spread")
TEAM_WAYS = ("mean", "sum", "best")
UNITS = {"temperature": "Cel", "humidity": "%RH", "pressure": "hPa", "acceleration": "m/s2", "shake": "m/s2"}
DIGITS = {"Cel": 1, "%RH": 1, "hPa": 1, "m/s2": 2, "%": 1}


class ChallengeError(ValueError):
    """One sentence for the person who wrote the file or started the round: it fits a line, whatever it quotes."""

    def __init__(self, sentence: str) -> None:
        clean = "".join(char if char.isprintable() else "?" for char in sentence)
        super().__init__(clean if len(clean) <= MAX_SENTENCE else clean[: MAX_SENTENCE - 2] + " …")


@dataclass(frozen=True)
class Signal:
    """The start shot: every node buzzes after a random wait, and its own ack says when it did."""

    least_ms: int
    most_ms: int
    ms: int
    hz: int
    foul_ms: int  # who presses sooner after the signal than any human can, was guessing


@dataclass(frozen=True)
class Question:
    text: str
    options: tuple[str, ...]
    answer: int  # index of the right option


@dataclass(frozen=True)
class Quiz:
    by: tuple[str, ...]  # inputs in the order of the options; empty: the number of presses is the number of the option
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Challenge:
    """`seconds` and `countdown` are for rounds; `unit` is an ASCII code or a word; scores have `digits` decimals."""

    name: str
    title: str
    rule: str
    is_round: bool
    take: str
    unit: str
    digits: int
    high: bool  # is the highest score the best
    teams: str
    order: int = 50
    seconds: int = 30
    countdown: int = 3
    event: str | None = None
    input: str | None = None
    quantity: str | None = None
    sensor: str | None = None
    samples: int = 1
    least: float = -math.inf  # what is below it, or above `most`, does not count
    most: float = math.inf
    signal: Signal | None = None
    quiz: Quiz | None = None

    @property
    def is_presses(self) -> bool:
        """All presses that were ever stored, which the database counts and a restart does not forget."""
        return not self.is_round and (self.event, self.take, self.input) == ("press", "count", None)

    def counts(self, numbers: Iterable[float]) -> bool:
        """Can that have been measured?"""
        return all(self.least <= number <= self.most for number in numbers)

    def view(self) -> dict[str, Any]:
        """For the pages; which answer is right is nothing for them."""
        view: dict[str, Any] = {"name": self.name, "title": self.title, "rule": self.rule, "round": self.is_round}
        if self.is_round:
            view |= {"seconds": self.seconds, "countdown": self.countdown}
        if self.quiz is not None:
            questions = [{"text": one.text, "options": list(one.options)} for one in self.quiz.questions]
            view |= {"quiz": {"by": list(self.quiz.by), "questions": questions}}
        return view


class Table:
    """A TOML table that is read key by key; every key that nobody asked for is a mistake."""

    def __init__(self, fields: Any, where: str) -> None:
        if not isinstance(fields, dict):
            raise ChallengeError(f"[{where}] is a table")
        self._fields: dict[str, Any] = fields
        self._where = f"[{where}] " if where else ""
        self._known: list[str] = []

    def has(self, key: str) -> bool:
        self._known.append(key)
        return key in self._fields

    def raw(self, key: str) -> Any:
        return self._fields[key] if self.has(key) else None

    def text(self, key: str, longest: int, default: str | None = None) -> str:
        value = self._fields[key] if self.has(key) else default
        if value is None:
            raise ChallengeError(f"{self._where}{key} is missing: text of 1 to {longest} characters")
        if not is_text(value, longest) or (not value and default is None):
            raise ChallengeError(f"{self._where}{key} is text of 1 to {longest} characters without line breaks")
        return str(value)

    def word(self, key: str, words: Iterable[str], default: str | None = None) -> str:
        listed = list(words)
        value = self._fields[key] if self.has(key) else default
        if value not in listed:
            said = "missing" if value is None else f"{value!r}"
            raise ChallengeError(f"{self._where}{key} is {said}; it is one of {', '.join(listed)}")
        return str(value)

    def name(self, key: str) -> str | None:
        value = self._fields[key] if self.has(key) else None
        if value is not None and not (isinstance(value, str) and topics.is_name(value)):
            raise ChallengeError(f"{self._where}{key} is {value!r}; it is a name of 1 to 16 of a-z, 0-9 and -")
        return value

    def whole(self, key: str, low: int, high: int, default: int) -> int:
        value = self._fields[key] if self.has(key) else default
        if type(value) is not int or not low <= value <= high:
            raise ChallengeError(f"{self._where}{key} is {value!r}; it is a whole number from {low} to {high}")
        return value

    def number(self, key: str, default: float) -> float:
        if not self.has(key):
            return default
        value = self._fields[key]
        if type(value) not in (int, float) or not abs(value) <= FARTHEST:
            raise ChallengeError(f"{self._where}{key} is {value!r}; it is a number of at most {FARTHEST:,}")
        return float(value)

    def end(self) -> None:
        for key in self._fields:
            if key not in self._known:
                near = difflib.get_close_matches(key, self._known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(set(self._known)))}"
                raise ChallengeError(f"{self._where}{key} is not a key of a challenge; {hint}")


def parse(name: str, text: str) -> Challenge:
    """The challenge in a file called `name`.toml; ChallengeError says what is wrong with it."""
    if not topics.is_name(name):
        raise ChallengeError("the file's name is the challenge's: 1 to 16 of a-z, 0-9 and -, then .toml")
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also for a number of 5,000 digits and for 10,000 brackets
        raise ChallengeError(f"this is not TOML: {error}") from None
    top = Table(document, "")
    title, rule = top.text("title", 32), top.text("rule", 120)
    is_round = top.word("kind", ("round", "standing")) == "round"
    score = Table(top.raw("score") if top.has("score") else None, "score")
    fields = _score(score, is_round)
    take = fields["take"]
    challenge = Challenge(
        name=name,
        title=title,
        rule=rule,
        is_round=is_round,
        teams=top.word("teams", TEAM_WAYS, "mean"),
        order=top.whole("order", 0, 1000, 50),
        seconds=top.whole("seconds", 3, 3600, 30) if is_round else 30,
        countdown=top.whole("countdown", 0, 30, 3) if is_round else 3,
        signal=_signal(Table(top.raw("signal") or {}, "signal")) if take == "reaction" else None,
        quiz=_quiz(Table(top.raw("quiz") or {}, "quiz")) if take == "answer" else None,
        **fields,
    )
    score.end()
    top.end()
    _fits(challenge)
    return challenge


def _score(score: Table, is_round: bool) -> dict[str, Any]:
    sources = [key for key in ("event", "quantity", "delivery") if score.has(key)]
    if len(sources) != 1:
        raise ChallengeError('[score] has exactly one of event, quantity and delivery, such as event = "press"')
    fields: dict[str, Any] = {}
    if sources == ["event"]:
        take = score.word("take", EVENT_TAKES)
        if not is_round and take in ("reaction", "answer"):
            raise ChallengeError(f'[score] take = "{take}" needs kind = "round"')
        fields = {"event": score.name("event"), "input": score.name("input")}
        if take != "count" and fields["event"] != "press":
            raise ChallengeError(f'[score] take = "{take}" is measured from event = "press"')
        unit = {"count": "presses", "answer": "points"}.get(take, "ms")
    elif sources == ["quantity"]:
        take = score.word("take", VALUE_TAKES)
        quantity = score.text("quantity", 32)
        fields = {"quantity": quantity, "sensor": score.name("sensor")}
        fields["samples"] = score.whole("samples", 1, 1000, 5 if take == "spread" else 1)
        fields |= {"least": score.number("least", -math.inf), "most": score.number("most", math.inf)}
        unit = UNITS.get(quantity, "")
    else:
        if score.raw("delivery") is not True or is_round:
            raise ChallengeError('[score] delivery = true needs kind = "standing"')
        take, unit = "delivery", "%"
    unit = score.text("unit", 16, unit)
    digits = score.whole("digits", 0, 4, DIGITS.get(unit, 0 if "event" in fields else 2))
    lowest = take in ("reaction", "spread", "lowest")
    high = score.word("best", ("highest", "lowest"), "lowest" if lowest else "highest") == "highest"
    return {**fields, "take": take, "unit": unit, "digits": digits, "high": high}


def _signal(table: Table) -> Signal:
    least = table.whole("wait_least_ms", 0, 60_000, 2000)
    signal = Signal(
        least_ms=least,
        most_ms=table.whole("wait_most_ms", least, 60_000, max(least, 6000)),
        ms=table.whole("ms", 10, 10_000, 400),
        hz=table.whole("hz", 50, 10_000, 2000),
        foul_ms=table.whole("foul_ms", 0, 1000, 100),
    )
    table.end()
    return signal


def _quiz(table: Table) -> Quiz:
    by = table.raw("by") or []
    if not isinstance(by, list) or not all(isinstance(one, str) and topics.is_name(one) for one in by):
        raise ChallengeError('[quiz] by is a list of inputs, one for each option, such as ["button-a", "button-b"]')
    if by and (len(by) not in range(2, MAX_OPTIONS + 1) or len(set(by)) != len(by)):
        raise ChallengeError(f"[quiz] by has 2 to {MAX_OPTIONS} different inputs")
    listed = table.raw("questions") or []
    if not isinstance(listed, list) or len(listed) > MAX_QUESTIONS:
        raise ChallengeError(f"[[quiz.questions]] comes at most {MAX_QUESTIONS} times")
    table.end()
    return Quiz(tuple(by), tuple(question(one, tuple(by)) for one in listed))


def question(fields: Any, by: tuple[str, ...]) -> Question:
    """{"text","options","answer"}, where `answer` is the number of the right option, from 1."""
    table = Table(fields, "quiz.questions")
    text, options = table.text("text", MAX_QUESTION), table.raw("options")
    most = len(by) or MAX_OPTIONS
    if not isinstance(options, list) or not 2 <= len(options) <= most:
        raise ChallengeError(f"options is a list of 2 to {most} texts, in {text!r}")
    if not all(is_text(one, MAX_OPTION) and one for one in options):
        raise ChallengeError(f"an option is text of 1 to {MAX_OPTION} characters, in {text!r}")
    answer = table.whole("answer", 1, len(options), 0)
    table.end()
    return Question(text, tuple(options), answer - 1)


def _fits(challenge: Challenge) -> None:
    """On `_host/board`, where nodes read it."""
    if not challenge.unit.isascii():
        raise ChallengeError("[score] unit is ASCII, as on the wire: Cel, %RH, m/s2, points")
    try:
        check_board({"title": challenge.title, "unit": challenge.unit, "top": []})
    except SchemaError as error:
        raise ChallengeError(f"it does not fit _host/board: {error}") from None
