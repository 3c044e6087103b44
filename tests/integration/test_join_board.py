"""`import join` of a board, on the Unix port: what it asks, what it writes, and that the node then is in its class."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support import tiers
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess

TICKET = "mqtt://ada:abcd-efgh-jkmn-pqrs@192.168.1.10/3b"
BROKER = {"host": "192.168.1.10", "port": 1883, "user": "ada", "password": "abcd-efgh-jkmn-pqrs"}


class Board:
    """A folder that looks like a board's flash: what is imported there is the real thing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("join.py", "main.py", "fleet_node", "fleet_schema", "sim", "lib"):
            (folder / name).symlink_to(tiers.NODE / name)

    def prompt(self, *typed: str, line: str = "import join") -> str:
        """What it shows when `line` is entered, and then, at its questions, what is `typed`."""
        done = subprocess.run(
            [str(tiers.micropython()), "-c", line], input="".join(one + "\n" for one in typed), text=True,
            capture_output=True, timeout=60, cwd=self.folder, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
        return done.stdout

    @property
    def config(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "config.json").read_text())
        return found


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def test_the_ticket_goes_into_the_config_and_wifi_and_sensors_stay(board: Board) -> None:
    before = {"wifi": {"ssid": "class", "password": "x"}, "sensors": ["sht4x"], "board": "pico_w", "period": 500}
    (board.folder / "config.json").write_text(json.dumps(before))
    said = board.prompt(TICKET)
    assert board.config == {**before, "node": "ada", "base": "3b", "broker": BROKER}
    assert "This is ada of class 3b, broker 192.168.1.10." in said
    assert "Now " in said


def test_a_mistake_is_explained_and_asked_for_again_and_an_empty_line_changes_nothing(board: Board) -> None:
    said = board.prompt("mqtt://ada:abcd@192.168.1.10", TICKET)
    assert "the class is missing" in said
    assert board.config["broker"] == BROKER
    before = board.config
    assert "no @" in board.prompt("mqtt://192.168.1.11/3b", "")
    assert board.config == before


def test_where_nobody_can_type_the_ticket_comes_from_a_file_that_is_removed(board: Board) -> None:
    (board.folder / "ticket.txt").write_text(TICKET + "\n")
    board.prompt()
    assert board.config["broker"] == BROKER
    assert not (board.folder / "ticket.txt").exists()
    assert "Nothing was changed" in board.prompt(), "there is nobody to ask"


def test_with_tls_it_says_where_the_certificate_is_and_what_it_must_be(board: Board) -> None:
    tls = TICKET.replace("mqtt://", "mqtts://") + "#" + "0f" * 16
    for text, http in ((tls, 8080), ("http://192.168.1.10:8099/join#" + tls, 8099)):
        assert "compares it with the ticket" in board.prompt(text)
        asked = {"tls": True, "ca": "ca.der", "tls_name": "fleet-3b", "fingerprint": "0f" * 16, "http": http}
        assert board.config["broker"] == {**BROKER, "port": 8883, **asked}


def test_asked_twice_it_asks_twice(board: Board) -> None:
    board.prompt(TICKET, TICKET.replace("ada", "bea"), line="import join\nimport join")
    assert board.config["node"] == "bea"


def test_of_another_node_no_name_and_no_reading_is_taken_over(board: Board) -> None:
    kept = {"node": "bea", "base": "3b", "name": "Bea", "state": "state", "journal": "journal", "sensors": ["sht4x"]}
    (board.folder / "config.json").write_text(json.dumps(kept))
    (board.folder / "journal").mkdir()
    old = [board.folder / name for name in ("state.a", "state.b", "journal/1.j")]
    for path in old:
        path.write_text("bea's")
    (board.folder / "journal" / "boot.a").write_text("the number of the boot goes on")
    said = board.prompt(TICKET)
    assert "This was bea of 3b" in said
    assert not [path for path in old if path.exists()]
    assert (board.folder / "journal" / "boot.a").exists()
    assert "name" not in board.config
    assert board.config["sensors"] == ["sht4x"]


def test_the_same_node_again_keeps_its_name_and_its_readings(board: Board) -> None:
    board.prompt(TICKET)
    (board.folder / "config.json").write_text(json.dumps({**board.config, "name": "Ada L.", "state": "state"}))
    (board.folder / "state.a").write_text("mine")
    board.prompt(TICKET.replace("jkmn", "mnpq"))
    assert board.config["name"] == "Ada L."
    assert (board.folder / "state.a").exists()
    assert board.config["broker"]["password"] == "abcd-efgh-mnpq-pqrs"


def test_a_config_that_is_broken_is_kept_aside(board: Board) -> None:
    (board.folder / "config.json").write_text('{"wifi": ')
    assert "config.bad" in board.prompt(TICKET)
    assert (board.folder / "config.bad").read_text() == '{"wifi": '
    assert board.config["broker"] == BROKER


def test_after_one_line_the_node_is_in_its_class(board: Board) -> None:
    with Broker() as broker, DashboardProcess(broker.url, base="3b"):
        board.prompt(f"mqtt://ada@127.0.0.1:{broker.port}/3b")
        config = {"FLEET_CONFIG": str(board.folder / "config.json"), "FLEET_BROKER": ""}
        with NodeProcess("", "ada", environment=config) as node:
            node.expect("joining: it works. The dashboard has heard ada.", within=30)
            assert node.quit() >= 0
