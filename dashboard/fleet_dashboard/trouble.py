"""Who has trouble, and why: of all that is known of a node, the one sentence a teacher needs, and what to do. Pure.

RULES is read from the top, and the first that holds speaks. Above are those that explain others: two boards with one
id also look like lost connections, a node that floods also has missing readings, and one whose every message breaks a
rule is silent as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fleet_dashboard.clock_watch import length

HELP, AWAY, FINE, OUT = "help", "away", "fine", "out"
LEVELS = (HELP, AWAY, FINE, OUT)  # in the order of the page; OUT is not counted
NEVER = "never"  # the sixth word for a node: on the roster, and nothing has ever come of it
HERE = ("online", "silent", "sleeping")
MISSING_MS = 30_000  # readings may be missing for so long without anybody being told


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Of one node. Times are ms of one clock."""

    id: str
    now: int = 0
    state: str = NEVER
    since: int = 0
    last: int = 0  # when anything live was heard; 0: never
    word: str = ""  # the reason of its state, as presence has it
    greeted: bool = True  # it sent a status since the dashboard started
    lacks: str = ""  # of what says who it is, though it speaks
    paused: int = 0  # until then
    wake: int = 0  # asleep until then
    on_roster: bool | None = None  # None: there is no roster
    revoked: bool = False
    boards: str = ""  # two of them, in words
    speed: int = 0  # messages a second of a flood
    allowed: int = 0  # and how many of them are taken
    clock: str = ""  # what is wrong with it
    rule: str = ""  # the one that it breaks most
    times: int = 0
    broken: str = ""  # what the rule says
    retained: bool = False  # a command with retain was sent to it
    missing: int = 0
    missing_for: int = 0

    @property
    def here(self) -> bool:
        return self.state in HERE

    @property
    def ago(self) -> str:
        return length(self.now - self.since)

    @property
    def quiet(self) -> str:
        return length(self.now - (self.last or self.since))


@dataclass(frozen=True)
class Rule:
    """`holds` decides, `why` says it; `do` is one short clause, for people who stand 3 m away."""

    kind: str
    level: str
    holds: Callable[[Facts], Any]
    why: Callable[[Facts], str]
    do: str


RULES = (
    Rule(
        "revoked",
        HELP,
        lambda it: it.revoked and it.here,
        lambda it: "its account is revoked, but it still speaks",
        "Is the broker one that lets strangers in? Close the lesson, or start the class's own broker.",
    ),
    Rule("revoked", OUT, lambda it: it.revoked, lambda it: "its account is revoked", ""),
    Rule(
        "stranger",
        OUT,
        lambda it: it.on_roster is False and not it.here and not it.rule,
        lambda it: f"not on the roster, and {it.state} for {it.ago}",
        "",
    ),
    Rule(
        "duplicate-id",
        HELP,
        lambda it: it.boards,
        lambda it: f"two boards with this id: {it.boards}",
        "Press reset on one of them to see which it is, and give that one another id.",
    ),
    Rule(
        "flood",
        HELP,
        lambda it: it.speed,
        lambda it: f"floods: some {it.speed:,} messages a second, {it.allowed:,} are taken",
        "Its loop needs a pause, or its period is too short. What was too much is asked for later.",
    ),
    Rule(
        "never",
        HELP,
        lambda it: it.state == NEVER and not it.rule,  # who breaks a rule was seen after all
        lambda it: "never seen: nothing has come from this id yet",
        "Is it on, and on this Wi-Fi? Compare id, secret, address and base with its sheet.",
    ),
    Rule(
        "lost",
        HELP,
        lambda it: it.state == "lost" and not it.greeted and not it.lacks,
        lambda it: "not heard since the dashboard started" + (f", {it.quiet} ago before that" if it.last else ""),
        "Look at the board: power, Wi-Fi? If it is not in class today, forget it under Commands.",
    ),
    Rule(
        "lost",
        HELP,
        lambda it: it.state == "lost" and it.greeted,
        lambda it: f"lost {it.ago} ago: {'no goodbye' if 'will' in it.word else it.word}",
        "Look at the board: dark, then give it power; else bring it nearer to the access point.",
    ),
    Rule(
        "schema",
        HELP,
        lambda it: it.rule.startswith("host-"),
        lambda it: f"is beyond a limit {it.times:,} {'time' if it.times == 1 else 'times'}: {it.broken}",
        "What is beyond is not stored. The limits stand in docs/operations.md, Floods and caps.",
    ),
    Rule(
        "schema",
        HELP,
        lambda it: it.rule,
        lambda it: f"breaks {it.rule} {it.times:,} {'time' if it.times == 1 else 'times'}: {it.broken}",
        "Look the rule up in docs/topics.md, and mend what its program sends.",
    ),
    Rule(
        "no-hello",
        HELP,
        lambda it: it.lacks,
        lambda it: f"speaks, but never said who it is: no {it.lacks} came",
        "Its program sends `status` and `meta` with retain after every connect; docs/topics.md has both.",
    ),
    Rule(
        "silent",
        HELP,
        lambda it: it.state == "silent",
        lambda it: f"connected, but silent for {it.quiet}",
        "A sensor hangs: read its log, and if there is nothing, press reset.",
    ),
    Rule(
        "clock",
        HELP,
        lambda it: it.clock,
        lambda it: f"clock: {it.clock}",
        "In its program `up` counts ms since the boot and never goes back; leave `ts` out if its clock is not set.",
    ),
    Rule(
        "retained-command",
        HELP,
        lambda it: it.retained,
        lambda it: "somebody sent it a command with retain; it was cleared",
        "Find who publishes to it, and leave `-r` (retain) out there.",
    ),
    Rule(
        "missing",
        HELP,
        lambda it: it.here and it.missing and it.missing_for >= MISSING_MS,
        lambda it: f"{it.missing:,} readings are missing for {length(it.missing_for)}",
        "They wait in the node and are asked for: leave it on, near the access point.",
    ),
    Rule(
        "stranger",
        HELP,
        lambda it: it.on_roster is False,
        lambda it: "not on the roster: nobody of this class has this id",
        "Whose is it? Put it on the roster, or correct the id in its config.json.",
    ),
    Rule(
        "offline",
        AWAY,
        lambda it: it.state == "offline",
        lambda it: f"said goodbye {it.ago} ago",
        "Nothing, if that was meant.",
    ),
    Rule(
        "sleeping",
        AWAY,
        lambda it: it.state == "sleeping",
        lambda it: f"asleep by its own word, back in {length(max(0, it.wake - it.now))}",
        "Nothing: it comes back by itself.",
    ),
    Rule("paused", FINE, lambda it: it.paused, lambda it: f"paused, {length(it.paused - it.now)} left", ""),
    Rule("fine", FINE, lambda it: True, lambda it: "speaks", ""),
)
ORDER = {id(rule): place for place, rule in enumerate(RULES)}


@dataclass(frozen=True)
class Verdict:
    kind: str
    level: str
    why: str
    do: str
    place: int  # of its rule: the lower, the more it explains


def judge(facts: Facts) -> Verdict:
    rule = next(rule for rule in RULES if rule.holds(facts))
    return Verdict(rule.kind, rule.level, rule.why(facts), rule.do, ORDER[id(rule)])


def headline(levels: list[str]) -> str:
    """What stands on top: "27 of 30 fine, 2 need you, 1 away"."""
    every = [level for level in levels if level != OUT]
    if not every:
        return "nobody is here yet"
    need, away = every.count(HELP), every.count(AWAY)
    parts = [f"{every.count(FINE)} of {len(every)} fine"]
    if need:
        parts.append(f"{need} need{'s' if need == 1 else ''} you")
    if away:
        parts.append(f"{away} away")
    return ", ".join(parts)
