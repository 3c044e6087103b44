"""The one sentence that a teacher gets: which of several troubles speaks, and how the class adds up."""

import dataclasses
from typing import Any

import pytest

from fleet_dashboard.trouble import FINE, HELP, LEVELS, MISSING_MS, RULES, Facts, headline, judge

NOW = 1_000_000
WELL = Facts(id="ada", now=NOW, state="online", since=NOW - 90_000, last=NOW - 500, word="connected", on_roster=True)
WILL = "the connection broke without a goodbye (its will said so)"
BOARDS = "unix app 1.0 (boot 1a2b) and esp32 app 1.0 (boot 3c4d)"
RULE = {"rule": "F-TELE-3", "times": 12, "broken": "hist is 1 or absent"}

TABLE: list[tuple[dict[str, Any], str, str, str]] = [
    ({}, "fine", "fine", "speaks"),
    ({"on_roster": None}, "fine", "fine", "speaks"),
    ({"paused": NOW + 61_000}, "paused", "fine", "paused, 61 s left"),
    ({"state": "never", "since": 0, "last": 0}, "never", "help", "never seen: nothing has come from this id yet"),
    ({"state": "silent", "last": NOW - 40_000}, "silent", "help", "connected, but silent for 40 s"),
    ({"state": "silent", "last": 0, "since": NOW - 50_000}, "silent", "help", "connected, but silent for 50 s"),
    ({"state": "lost", "since": NOW - 180_000, "word": WILL}, "lost", "help", "lost 3 min ago: no goodbye"),
    (
        {"state": "lost", "since": NOW - 9000, "word": "it did not come back from sleep when it said it would"},
        "lost",
        "help",
        "lost 9 s ago: it did not come back from sleep when it said it would",
    ),
    (
        {"state": "lost", "greeted": False, "last": NOW - 7_200_000},
        "lost",
        "help",
        "not heard since the dashboard started, 2 h ago before that",
    ),
    (
        {"state": "lost", "greeted": False, "lacks": "`status` and no `meta`"},
        "no-hello",
        "help",
        "speaks, but never said who it is: no `status` and no `meta` came",
    ),
    ({"boards": BOARDS}, "duplicate-id", "help", f"two boards with this id: {BOARDS}"),
    (RULE, "schema", "help", "breaks F-TELE-3 12 times: hist is 1 or absent"),
    (
        {"rule": "host-fields-full", "times": 3, "broken": "a node has at most 32 fields"},
        "schema",
        "help",
        "is beyond a limit 3 times: a node has at most 32 fields",
    ),
    ({**RULE, "times": 1}, "schema", "help", "breaks F-TELE-3 1 time: hist is 1 or absent"),
    ({"clock": "its `up` went back by 5 s"}, "clock", "help", "clock: its `up` went back by 5 s"),
    (
        {"speed": 1000, "allowed": 200},
        "flood",
        "help",
        "floods: some 1,000 messages a second, 200 are taken",
    ),
    ({"retained": True}, "retained-command", "help", "somebody sent it a command with retain; it was cleared"),
    ({"missing": 41, "missing_for": MISSING_MS}, "missing", "help", "41 readings are missing for 30 s"),
    ({"missing": 41, "missing_for": MISSING_MS - 1}, "fine", "fine", "speaks"),
    ({"on_roster": False}, "stranger", "help", "not on the roster: nobody of this class has this id"),
    (
        {"on_roster": False, "state": "lost", "since": NOW - 9000},
        "stranger",
        "out",
        "not on the roster, and lost for 9 s",
    ),
    ({"revoked": True}, "revoked", "help", "its account is revoked, but it still speaks"),
    ({"revoked": True, "state": "never"}, "revoked", "out", "its account is revoked"),
    ({"state": "offline", "since": NOW - 300_000}, "offline", "away", "said goodbye 5 min ago"),
    ({"state": "sleeping", "wake": NOW + 60_000}, "sleeping", "away", "asleep by its own word, back in 60 s"),
    # Of several the one that explains the others speaks.
    (
        {"boards": BOARDS, "state": "lost", "word": WILL, **RULE},
        "duplicate-id",
        "help",
        f"two boards with this id: {BOARDS}",
    ),
    (
        {"speed": 1000, "allowed": 200, "missing": 900, "missing_for": 60_000},
        "flood",
        "help",
        "floods: some 1,000 messages a second, 200 are taken",
    ),
    ({"state": "never", **RULE}, "schema", "help", "breaks F-TELE-3 12 times: hist is 1 or absent"),
    ({"state": "never", "on_roster": False, **RULE}, "schema", "help", "breaks F-TELE-3 12 times: hist is 1 or absent"),
    ({"state": "silent", **RULE}, "schema", "help", "breaks F-TELE-3 12 times: hist is 1 or absent"),
    (
        {"state": "lost", "since": NOW - 9000, "word": WILL, "missing": 4, "missing_for": 60_000},
        "lost",
        "help",
        "lost 9 s ago: no goodbye",
    ),
    ({"on_roster": False, "clock": "x"}, "clock", "help", "clock: x"),
    (
        {"state": "sleeping", "wake": NOW, "missing": 9, "missing_for": 60_000},
        "missing",
        "help",
        "9 readings are missing for 60 s",
    ),
]


@pytest.mark.parametrize(("facts", "kind", "level", "why"), TABLE)
def test_the_first_rule_that_holds_speaks(facts: dict[str, Any], kind: str, level: str, why: str) -> None:
    verdict = judge(dataclasses.replace(WELL, **facts))
    assert (verdict.kind, verdict.level, verdict.why) == (kind, level, why)


def test_every_rule_is_in_the_table_and_who_needs_help_is_told_what_to_do() -> None:
    assert {rule.kind for rule in RULES} == {kind for _, kind, _, _ in TABLE}
    assert {rule.level for rule in RULES} == set(LEVELS)
    for rule in RULES:
        assert bool(rule.do) or rule.level != HELP, f"{rule.kind} says nothing to do"
        assert len(rule.do) < 120, f"{rule.kind} has no short advice: nobody reads that from 3 m"


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([], "nobody is here yet"),
        (["out"], "nobody is here yet"),
        ([FINE] * 3, "3 of 3 fine"),
        ([HELP] * 3 + [FINE] * 27, "27 of 30 fine, 3 need you"),
        ([HELP, "away", "away", FINE, "out"], "1 of 4 fine, 1 needs you, 2 away"),
    ],
)
def test_the_class_adds_up_on_top(levels: list[str], expected: str) -> None:
    assert headline(levels) == expected
