"""Who belongs to the class: read again when it changes, and a bad file is one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from fleet_dashboard.roster import Expected, Roster

GOOD: dict[str, Any] = {
    "schema": 1,
    "base": "3b",
    "where": "10.0.0.5",
    "nodes": [
        {"id": "ada", "name": "Ada", "group": "red"},
        {"id": "bob", "name": "Bob", "revoked": True},
        {"id": "n-3"},
    ],
}


def write(path: Path, document: Any) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(document if isinstance(document, str) else json.dumps(document))
    fresh.replace(path)


def test_the_roster_is_read_leniently_and_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "class.json"
    write(path, GOOD)
    roster = Roster(path)
    roster.refresh()
    expected = {
        "ada": Expected("ada", "Ada", "red"),
        "bob": Expected("bob", "Bob", "", True),
        "n-3": Expected("n-3", "n-3"),
    }
    assert (roster.nodes, roster.problem) == (expected, "")
    write(path, {"nodes": [{"id": "eve", "name": 7, "group": ["x"]}]})
    roster.refresh()
    assert roster.nodes == {"eve": Expected("eve", "eve")}


@pytest.mark.parametrize(
    ("text", "why"), [("{", "not JSON"), ("[]", "no list"), ('{"nodes": 3}', "no list"), ("\udcff", "cannot be read")]
)
def test_a_bad_file_is_one_sentence_and_the_last_good_one_counts(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "class.json"
    write(path, GOOD)
    roster = Roster(path)
    roster.refresh()
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    roster.refresh()
    assert roster.nodes is not None
    assert set(roster.nodes) == {"ada", "bob", "n-3"}
    assert why in roster.problem
    assert str(tmp_path) not in roster.problem
    assert "from before counts" in roster.problem
    write(path, GOOD)
    roster.refresh()
    assert roster.problem == ""


def test_entries_that_are_none_are_counted_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "class.json"
    write(path, {"nodes": [{"id": "ada"}, {"id": "ada"}, {"id": "_host"}, {"id": "A B"}, 7, {}]})
    roster = Roster(path)
    roster.refresh()
    assert roster.nodes is not None
    assert list(roster.nodes) == ["ada"]
    assert "5 entries left out" in roster.problem


def test_without_a_file_there_is_a_sentence_and_without_a_path_there_is_no_roster(tmp_path: Path) -> None:
    roster = Roster(tmp_path / "class.json")
    roster.refresh()
    assert roster.nodes is None
    assert "no such file" in roster.problem
    assert "ever spoke" in roster.problem
    nothing = Roster(None)
    nothing.refresh()
    assert (nothing.nodes, nothing.problem) == (None, "")
