"""`fleet deploy` onto virtual boards: a real transport, a flash each, and a real broker that must see the nodes."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from fleet_tools import deploy, program
from fleet_tools.board import Board, BoardError
from fleet_tools.fetch import NODE
from support import seed, tiers
from support.board import VirtualBoard, isolation
from support.broker import Broker


@pytest.fixture(autouse=True)
def _can_isolate() -> None:
    tiers.require(isolation.missing() is None, str(isolation.missing()), "integration")


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker() as broker:
        yield broker


@pytest.fixture
def board() -> Iterator[VirtualBoard]:
    with VirtualBoard() as board:
        yield board


def fleet(folder: Path, *words: str, code: int = 0, **environment: str) -> tuple[dict[str, Any], str]:
    """(what --json printed, what it said beside)."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), **environment}
    command = [sys.executable, "-m", "fleet_tools", *words, "--json"]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return json.loads(done.stdout or "{}"), done.stderr


def config(folder: Path, broker: Broker, **more: Any) -> Path:
    place = {"host": "127.0.0.1", "port": broker.port}
    path = folder / "classroom.json"
    path.write_text(json.dumps({"base": "fleet", "broker": place, "sensors": ["sht4x"], "period": 500, **more}))
    return path


def test_a_board_gets_the_program_and_is_seen_on_the_broker_and_a_second_deploy_copies_nothing(
    board: VirtualBoard, broker: Broker, tmp_path: Path
) -> None:
    words = [
        "deploy",
        "--port",
        board.port,
        "--config",
        str(config(tmp_path, broker, node="ada")),
        "--broker",
        broker.url,
    ]
    (first,) = fleet(tmp_path, *words)[0]["boards"]
    assert (first["node"], first["state"]) == ("ada", "seen"), first
    assert first["copied"] > 30
    board.expect(b"ada: joining: ")  # its sentences are a file of the program too
    (second,) = fleet(tmp_path, *words)[0]["boards"]
    assert (second["state"], second["copied"], second["size"]) == ("seen", 0, 0), second


def test_ten_boards_are_deployed_to_at_once_and_each_is_seen(broker: Broker, tmp_path: Path) -> None:
    with ExitStack() as stack:
        found = [stack.enter_context(VirtualBoard(heap="1m")) for _ in range(10)]
        ports = " ".join(one.port for one in found)
        for number, one in enumerate(found):
            with Board(one.port) as board:
                board.write("/config.json", json.dumps({"node": f"n{number}"}).encode())
                board.reset()
        words = ["deploy", "--all", "--config", str(config(tmp_path, broker)), "--broker", broker.url]
        rows = fleet(tmp_path, *words, FLEET_PORTS=ports)[0]["boards"]
        assert [(row["node"], row["state"]) for row in rows] == [(f"n{number}", "seen") for number in range(10)], rows


def test_one_board_that_does_not_answer_stops_none_of_the_others_and_is_tried_again_alone(
    board: VirtualBoard, broker: Broker, tmp_path: Path
) -> None:
    ports = f"{board.port} {tmp_path}/no-such-port"
    words = ["deploy", "--all", "--config", str(config(tmp_path, broker, node="ada")), "--broker", broker.url]
    told, said = fleet(tmp_path, *words, code=3, FLEET_PORTS=ports)
    good, bad = told["boards"]
    assert (good["state"], bad["state"]) == ("seen", "failed"), told
    assert "is not there: plug the board in" in bad["says"]
    assert "1 of 2 failed" in said
    again, _ = fleet(tmp_path, *words, "--failed-only", code=1)
    assert [row["port"] for row in again["boards"]] == [bad["port"]]


def test_a_flash_without_room_is_said_before_anything_is_written(broker: Broker, tmp_path: Path) -> None:
    with VirtualBoard(blocks=40) as board:
        starts = board.starts
        words = ["deploy", "--port", board.port, "--config", str(config(tmp_path, broker, node="ada")), "--no-wait"]
        (row,) = fleet(tmp_path, *words, code=1)[0]["boards"]
        assert "KB of flash free and needs" in row["says"]
        board.wait_for_start(starts + 2)  # it was stopped, which is a start, and then runs again
        with Board(board.port) as there:
            assert there.hashes(["/a", "/b"]) == {}


def test_a_board_that_was_copied_to_by_hand_is_taken_over(board: VirtualBoard, broker: Broker, tmp_path: Path) -> None:
    with Board(board.port) as there:
        files = {f"/{path}": data for path, data in program.load(NODE, platform="linux", with_umqtt=True).items()}
        there.make_folders(program.folders_of(files))
        for path, data in files.items():
            there.write(path, data)
        there.write("/main.py", (NODE / "main.py").read_bytes())
        there.write("/config.json", json.dumps({"node": "old-ada", "groups": ["red"]}).encode())
        there.reset()
    words = ["deploy", "--port", board.port, "--config", str(config(tmp_path, broker)), "--broker", broker.url]
    (row,) = fleet(tmp_path, *words)[0]["boards"]
    assert (row["node"], row["state"]) == ("old-ada", "seen")
    with Board(board.port) as there:
        assert there.hashes(["/fleet_node", "/fleet_schema"]) == {}, "two programs lie on its flash"
        assert json.loads(there.read("/config.json") or b"")["groups"] == ["red"]


@pytest.mark.timeout(600)  # alone a second for each cut; never so long that a hang is taken for a slow machine
def test_the_power_goes_off_at_every_write_of_a_deploy_and_the_board_has_the_old_program_or_the_new(
    board: VirtualBoard, broker: Broker, tmp_path: Path
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder, period in ((old, 1000), (new, 3000)):
        folder.mkdir()
        for name in ("fleet_node", "fleet_schema", "lib"):
            shutil.copytree(NODE / name, folder / name)
        for name in program.ROOT:
            shutil.copy(NODE / name, folder / name)
        (folder / "fleet_node" / "which.py").write_text(f"WHICH = {folder.name!r}  # {'x' * period}\n")
    (new / "main.py").write_text((NODE / "main.py").read_text() + "# the new one\n")
    settings = json.loads(config(tmp_path, broker, node="ada").read_text())
    changed = {**settings, "period": 700}
    for folder in (old, new, old):
        deploy.one_board(deploy.Work(board.port, settings), lambda _: None, dry_run=False, node_folder=folder)
    # The other slot nearly has the new program already, so that few writes, of every kind, are left to cut.
    with Board(board.port) as there:
        there.remove(["/b/fleet_node/which.py", "/b/fleet_node/app.py"])
    board.power_off()
    flash = (board.folder / "flash.img").read_bytes()

    def deploy_until(cut: int) -> str:
        """Which program the board has after it."""
        (board.folder / "flash.img").write_bytes(flash)
        board.power_on(cut_after=cut)
        try:
            work = deploy.Work(board.port, changed)
            deploy.one_board(work, lambda _: None, dry_run=False, node_folder=new)
        except BoardError:
            assert board.is_off, f"at a cut at write {cut} the deploy failed with the power on: {work.says}"
        board.power_off()
        board.output.clear()
        board.power_on()
        board.expect(b"ada: ", within_s=60)  # it runs
        with Board(board.port) as there:
            number, slot = program.chosen({name: there.read(f"/{name}") for name in program.CHOICE})
            assert there.read("/config.json") in [
                json.dumps(one, indent=1).encode() for one in _configs(settings, changed)
            ]
            have = {path[3:]: known for path, known in there.hashes([f"/{slot}"]).items()}
            main = there.hashes((), ["/main.py", "/slot.py"])
        board.power_off()
        which = [
            folder.name
            for folder in (old, new)
            if have == {path: program.digest(data) for path, data in _program(folder).items()}
        ]
        assert len(which) == 1, f"after a cut at write {cut} slot {slot} (choice {number}) holds neither program"
        assert len(main) == 2, main
        return which[0]

    (board.folder / "flash.img").write_bytes(flash)
    board.power_on(cut_after=10**9)
    deploy.one_board(deploy.Work(board.port, changed), lambda _: None, dry_run=False, node_folder=new)
    board.power_off()
    writes = board.writes
    cuts = list(range(writes + 1))  # in the last of them the power stays on until all is written
    if os.environ.get("FLEET_CUTS") != "all":
        dice = seed.chance("cuts of a deploy")
        cuts = [0, *(dice.randrange(writes * part // 6, writes * (part + 1) // 6) for part in range(6)), writes]
    after = [deploy_until(cut) for cut in cuts]
    assert after[0] == "old"
    assert after[-1] == "new"
    print(f"{writes} writes, {len(after)} cuts: {after.count('old')} old, {after.count('new')} new")


def _configs(*every: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**one, "board": ""} for one in every]


def _program(folder: Path) -> dict[str, bytes]:
    return program.load(folder, platform="linux", with_umqtt=True, with_page=False)
