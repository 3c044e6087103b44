"""`fleet roll`: what it prints of a roll, how it ends, and what it says when there is no dashboard."""

import copy
import json
from typing import Any

import pytest

from fleet_tools import cli, dashboard, roll
from fleet_tools.errors import FleetError
from support.broker import free_port

NOW = 1_700_000_000_000
Capture = pytest.CaptureFixture[str]


def row(name: str, level: str = "fine", **more: Any) -> dict[str, Any]:
    plain = {"id": name, "name": name.title(), "groups": ["red"], "state": "online", "since": NOW - 9000, "last": NOW}
    return {**plain, "kind": level, "level": level, "why": "speaks", "do": "", **more}


def document(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    plain = {"now": NOW, "connected": True, "roster": True, "problem": "", "notes": [], "headline": "1 of 1 fine"}
    return {**plain, "nodes": list(rows), **more}


HELPLESS = row("bob", "help", state="never", since=None, why="never seen: nothing came", do="Is it on?")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the dashboard says, one after the other; after the last of them somebody presses Ctrl-C."""
    said: list[dict[str, Any]] = []

    def require(url: str | None, path: str) -> dict[str, Any]:
        assert path == "/api/roll"
        if not said:
            raise KeyboardInterrupt
        return copy.deepcopy(said.pop(0))

    monkeypatch.setattr(dashboard, "require", require)
    monkeypatch.setattr(roll, "EVERY_S", 0)
    return said


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (document(row("ada")), 0),
        (document(HELPLESS, row("ada")), 3),
        (document(row("ada", "away")), 0),
        (document(), 4),
        (document(row("ada", "out")), 4),
        (document(row("ada"), connected=False), 3),
    ],
)
def test_its_exit_code_says_whether_somebody_needs_help(answers: list[Any], said: dict[str, Any], code: int) -> None:
    answers += [said, said]
    assert cli.run(["roll", "--dashboard", "http://x"]) == code
    assert cli.run(["roll", "--json", "--dashboard", "http://x"]) == code


def test_it_prints_the_headline_who_why_and_what_to_do(answers: list[Any], capsys: Capture) -> None:
    answers.append(document(HELPLESS, row("ada"), headline="1 of 2 fine, 1 needs you", problem="the roster: bad"))
    cli.run(["roll", "--dashboard", "http://x"])
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0] == "1 of 2 fine, 1 needs you"
    assert lines[2].split() == ["!", "bob", "Bob", "red", "never", "never", "seen:", "nothing", "came"]
    assert lines[3].split() == ["Is", "it", "on?"]
    assert lines[4].split() == ["✓", "ada", "Ada", "red", "online", "9", "s", "speaks"]
    assert "the roster: bad" in said.err


def test_the_text_of_a_node_is_text(answers: list[Any], capsys: Capture) -> None:
    answers.append(document({**row("ada"), "name": "[red]A[/]\x1b[2J", "why": "\x1b]0;gone\x07"}))
    cli.run(["roll", "--dashboard", "http://x"])
    said = capsys.readouterr().out
    assert "\x1b[2J" not in said
    assert "\x1b]0" not in said
    assert "[red]A[/]" in said


def test_a_pipe_that_watches_gets_what_changed_and_ctrl_c_ends_it(answers: list[Any], capsys: Capture) -> None:
    one, two = document(row("ada")), document(HELPLESS, row("ada"))
    answers += [one, one, two, two]
    assert cli.run(["roll", "--watch", "--json", "--dashboard", "http://x"]) == 130
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [len(roll["nodes"]) for roll in said] == [1, 2]


def test_without_a_dashboard_it_says_so(capsys: Capture) -> None:
    assert cli.run(["roll", "--dashboard", f"http://127.0.0.1:{free_port()}"]) == 1
    assert "no dashboard answers" in capsys.readouterr().err


def test_an_answer_that_is_no_roll_is_one_sentence(answers: list[Any]) -> None:
    answers.append({"nodes": 7})
    with pytest.raises(FleetError, match="gives no roll"):
        roll.look("http://x")
