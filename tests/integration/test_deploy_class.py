"""`fleet deploy --class`: boards that know nothing become nodes of a class that runs, with its accounts and TLS."""

import json
import stat
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from fleet_tools.board import Board
from support import class_run, tiers
from support.board import VirtualBoard, isolation
from support.class_run import ClassRun


@pytest.fixture(scope="module")
def class_3b(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClassRun]:
    tiers.require(isolation.missing() is None, str(isolation.missing()), "integration")
    root = tmp_path_factory.mktemp("classes")
    class_run.fleet(root, "class", "new", "3b", "--nodes", "4", "--at", "127.0.0.1")
    with ClassRun(root) as running:
        yield running


@pytest.fixture(scope="module")
def boards(class_3b: ClassRun) -> Iterator[list[VirtualBoard]]:
    with ExitStack() as stack:
        yield [stack.enter_context(VirtualBoard(heap="1m")) for _ in range(2)]


def deploy(room: ClassRun, *words: str, code: int = 0, typed: str = "") -> tuple[list[dict[str, Any]], str]:
    """(what --json printed of each board, what was said beside)."""
    command = [*class_run.FLEET, "deploy", *words, "--json"]
    done = subprocess.run(
        command,
        env=class_run.environment(room.root),
        cwd=room.root,
        input=typed,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return json.loads(done.stdout or '{"boards": []}')["boards"], done.stderr


def config(board: VirtualBoard) -> dict[str, Any]:
    with Board(board.port) as there:
        found: dict[str, Any] = json.loads(there.read("/config.json") or b"")
        there.reset()
    return found


def ports(boards: list[VirtualBoard]) -> list[str]:
    return [word for board in boards for word in ("--port", board.port)]


def test_boards_that_know_nothing_become_nodes_with_tls_and_wifi_and_again_nothing_changes(
    class_3b: ClassRun, boards: list[VirtualBoard]
) -> None:
    words = [*ports(boards), "--class", "3b", "--wifi", "Room12", "--node", f"{boards[0].port}=3b-03"]
    rows, said = deploy(class_3b, *words, typed="not in argv\n")
    assert [(row["node"], row["state"]) for row in rows] == [("3b-03", "seen"), ("3b-01", "seen")], said
    found = config(boards[1])
    assert found["wifi"] == {"ssid": "Room12", "password": "not in argv"}
    assert (found["broker"]["tls"], found["broker"]["user"], found["broker"]["port"]) == (True, "3b-01", class_3b.mqtts)
    assert found["sensors"], "a board without settings gets those of the example"
    given = class_3b.folder / "boards.json"
    assert json.loads(given.read_text()) == {"3b-01": boards[1].id, "3b-03": boards[0].id}
    assert stat.S_IMODE(given.stat().st_mode) == 0o600
    secret = found["broker"]["password"]
    assert secret not in said + json.dumps(rows)

    again, _ = deploy(class_3b, *ports(boards), "--class", "3b")
    assert [(row["node"], row["state"], row["copied"]) for row in again] == [("3b-03", "seen", 0), ("3b-01", "seen", 0)]


def test_a_board_whose_flash_was_erased_gets_its_node_back_and_forgets_nobody_elses_readings(
    class_3b: ClassRun, boards: list[VirtualBoard]
) -> None:
    with Board(boards[1].port) as there:
        there.write("/config.json", json.dumps({"node": "eve", "base": "3a", "state": "state"}).encode())
        there.write("/state.a", b"hers")
        there.reset()
    (row,), said = deploy(class_3b, "--port", boards[1].port, "--class", "3b", "--no-wait")
    assert (row["node"], row["state"]) == ("3b-01", "copied"), said
    with Board(boards[1].port) as there:
        assert there.read("/state.a") != b"hers"
        there.reset()


def test_the_ticket_of_a_sheet_makes_a_board_that_node(
    class_3b: ClassRun, boards: list[VirtualBoard], tmp_path: Path
) -> None:
    from fleet_tools import class_sheets
    from fleet_tools.class_folder import ClassFolder

    folder = ClassFolder.open("3b", {"FLEET_CLASSES": str(class_3b.root)})
    folder.ports["mqtt"] = class_3b.mqtt
    ticket = class_sheets.tickets(folder, plain=True)[3]
    words = ["--port", boards[0].port, "--ticket-file", "-", "--broker", class_3b_broker(class_3b)]
    (row,), said = deploy(class_3b, *words, typed=f"{ticket}\n")
    assert (row["node"], row["state"]) == ("3b-04", "seen"), said
    assert "tls" not in config(boards[0])["broker"]
    assert ticket.secret not in said
    _, said = deploy(class_3b, "--port", boards[0].port, "--ticket-file", "-", code=2, typed="mqtt://x@y\n")
    assert "the class is missing" in said


def class_3b_broker(room: ClassRun) -> str:
    import tomllib

    found = tomllib.loads((room.folder / "credentials" / "tools" / "sensor-fleet" / "config.toml").read_text())
    return str(found["broker"])
