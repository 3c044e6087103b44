"""Which board becomes which node: its own, the one it was given before, the next that is free; never one twice."""

import json
from pathlib import Path
from typing import Any

import pytest

from fleet_tools import cli
from fleet_tools.board_accounts import ClassBoards, Known, OneTicket
from fleet_tools.errors import FleetError


@pytest.fixture
def class_3b(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLEET_CLASSES", str(tmp_path))
    assert cli.run(["class", "new", "3b", "--nodes", "3", "--at", "192.168.1.20"]) == 0
    return tmp_path / "3b"


def give(boards: list[Known], *, taken: tuple[str, ...] = (), **wished: str) -> dict[str, str]:
    """{port: node or its trouble}."""
    found = ClassBoards("3b", wished).give(boards, taken)
    return {port: one.trouble or one.config["node"] for port, one in found.items()}


def config_of(board: Known) -> dict[str, Any]:
    return ClassBoards("3b", {}).give([board])[board.port].config


A, B, C, D = (Known(port, f"chip-{port}", None) for port in "abcd")


@pytest.mark.usefixtures("class_3b")
def test_boards_get_the_next_free_nodes_and_keep_them_whatever_happens_to_their_flash() -> None:
    assert give([A]) == {"a": "3b-01"}
    assert give([B]) == {"b": "3b-02"}
    assert give([C, B, A]) == {"c": "3b-03", "b": "3b-02", "a": "3b-01"}
    assert "no node left for d: fleet class add 3b NAME" in give([D])["d"]


@pytest.mark.usefixtures("class_3b")
def test_a_node_that_somebody_already_is_goes_to_nobody_else_but_by_name() -> None:
    assert give([A, B], taken=("3b-01",)) == {"a": "3b-02", "b": "3b-03"}
    assert give([A], taken=("3b-01",), a="3b-01") == {"a": "3b-01"}


@pytest.mark.usefixtures("class_3b")
def test_what_a_board_is_counts_if_its_secret_is_right_and_for_one_board_only() -> None:
    own = config_of(Known("x", "", None))
    assert own["node"] == "3b-01"
    mine = Known("a", "chip-a", own)
    copy = Known("b", "chip-b", own)
    assert give([D, mine, copy]) == {"a": "3b-01", "b": "3b-03", "d": "3b-02"}
    liar = Known("l", "", {**own, "node": "3b-03"})
    assert "no node left" in give([liar])["l"], "it got the secret of another node for knowing its name"


@pytest.mark.usefixtures("class_3b")
def test_a_person_may_say_which_but_not_one_node_twice() -> None:
    assert give([A, B], a="3b-03") == {"a": "3b-03", "b": "3b-01"}
    with pytest.raises(FleetError, match="two boards cannot be the same node"):
        ClassBoards("3b", {"a": "3b-01", "b": "3b-01"})
    with pytest.raises(FleetError, match="there is no '3b-1' in class 3b; did you mean"):
        ClassBoards("3b", {"a": "3b-1"})


def test_a_dry_run_gives_nothing_away(class_3b: Path) -> None:
    for _ in range(2):
        assert ClassBoards("3b", {}).give([A], keep=False)["a"].config["node"] == "3b-01"
    assert not (class_3b / "boards.json").exists()


def test_a_board_gets_what_its_ticket_says_and_the_ca_beside_it(class_3b: Path) -> None:
    made = ClassBoards("3b", {}).give([A])["a"]
    assert made.config["broker"]["host"] == "192.168.1.20"
    assert made.config["broker"]["tls_name"] == "fleet-3b"
    assert made.files["ca.der"][:1] == b"\x30"
    assert made.example["sensors"], "it has no settings yet"
    assert "chip-a" in (class_3b / "boards.json").read_text()
    assert made.config["broker"]["password"] not in (class_3b / "boards.json").read_text()
    (class_3b / "boards.json").write_text("{")
    with pytest.raises(FleetError, match=r"boards\.json cannot be read: delete it"):
        give([A])


@pytest.mark.usefixtures("class_3b")
def test_without_tls_it_is_the_plain_port_and_no_ca() -> None:
    made = ClassBoards("3b", {}, plain=True).give([A])["a"]
    assert ("tls" in made.config["broker"], made.config["broker"]["port"], made.files) == (False, 1883, {})


def test_a_ticket_is_for_the_board_that_has_it() -> None:
    made = OneTicket("mqtt://ada:abcd-efgh-jkmn-pqrs@192.168.1.10/3b\n").give([Known("a", "", {"sensors": []})])["a"]
    assert json.dumps(made.config["broker"]["host"]) == '"192.168.1.10"'
    assert made.example == {}
    with pytest.raises(FleetError, match="a ticket"):
        OneTicket("hello")
