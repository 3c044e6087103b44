"""`fleet ota` onto a virtual board: a flash of littlefs that is torn at a write, or that is full."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_client import Client
from fleet_tools import deploy, program
from fleet_tools.board import Board
from fleet_tools.fetch import NODE
from fleet_tools.ota_image import Image
from fleet_tools.ota_job import Job, JobFolder, Row
from fleet_tools.ota_run import Rollout
from support import tiers
from support.board import VirtualBoard, isolation
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.slots import SECRET, new_program


@pytest.fixture(autouse=True)
def _can_isolate() -> None:
    tiers.require(isolation.missing() is None, str(isolation.missing()), "integration")


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker() as broker, DashboardProcess(broker.url):
        yield broker


def put_on(board: VirtualBoard, broker: Broker) -> None:
    """What `fleet deploy` does, and the node runs."""
    login = {"host": "127.0.0.1", "port": broker.port, "user": "ada", "password": SECRET}
    config = {"node": "ada", "base": "fleet", "broker": login, "sensors": ["sht4x"], "period": 500, "trial": 30}
    work = deploy.Work(board.port, config)
    deploy.one_board(work, lambda _: None, dry_run=False)
    board.expect(b"joining: works", 60)


async def _carry_out(url: str, folder: Path, image: Image, job: Job, board: VirtualBoard, cuts: list[int]) -> Job:
    """The job, while the board is cut after so many writes and gets its power again, cut by cut."""
    files = JobFolder(folder)

    async def power() -> None:
        for cut in cuts:
            board.power_off()
            await asyncio.to_thread(board.power_on, cut_after=cut)
            while not board.is_off and not job.done:  # noqa: ASYNC110 (a torn write is no event)
                await asyncio.sleep(0.02)
            if job.done:
                return
        board.power_off()
        await asyncio.to_thread(board.power_on)

    with files.locked():
        files.begin(job, image)
        async with Client(url) as client:
            rollout = Rollout(client, files, job, image, {"ada": SECRET}, lambda _: None)
            async with asyncio.TaskGroup() as group:
                if cuts:
                    group.create_task(power())
                await rollout.run(time.time() + 400)
    return job


def update(broker: Broker, folder: Path, source: Path, board: VirtualBoard, cuts: list[int]) -> Row:
    job = Job(time.time_ns() // 1_000_000, "?", 1, 390.0, rows=[Row("ada", 0)])
    done = asyncio.run(_carry_out(broker.url, folder, Image.of_program(source), job, board, cuts))
    return done.rows[0]


def runs(board: VirtualBoard) -> tuple[str, str]:
    """(the slot that counts, the version in it)."""
    with Board(board.port) as there:
        _, slot = program.chosen({name: there.read(f"/{name}") for name in program.CHOICE})
        text = (there.read(f"/{slot}/fleet_node/__init__.py") or b"").decode()
    return slot, text.split('VERSION = "')[1].split('"')[0]


def test_a_board_gets_a_new_program_over_the_air(broker: Broker, tmp_path: Path) -> None:
    with VirtualBoard() as board:
        put_on(board, broker)
        row = update(broker, tmp_path / "job", new_program(tmp_path / "new", "0.2.0"), board, [])
        assert row.st == "SUCCEEDED", (row, bytes(board.output[-2000:]))
        assert runs(board) == ("b", "0.2.0")


@pytest.mark.timeout(420)
def test_the_power_goes_off_at_writes_all_through_an_update_and_the_board_ends_with_the_new_program(
    broker: Broker, tmp_path: Path
) -> None:
    with VirtualBoard() as board:
        put_on(board, broker)
        cuts = [*range(1, 20), *range(20, 400, 37)]
        row = update(broker, tmp_path / "job", new_program(tmp_path / "new", "0.2.0"), board, cuts)
        assert row.st == "SUCCEEDED", (row, bytes(board.output[-3000:]))
        if board.is_off:
            board.power_on()
        assert runs(board) == ("b", "0.2.0")


def test_a_flash_without_room_for_a_second_program_says_so_and_the_old_one_goes_on(
    broker: Broker, tmp_path: Path
) -> None:
    size = sum(map(len, program.load(NODE, platform="linux", with_umqtt=True).values()))
    with VirtualBoard(blocks=size // 4096 + 70) as board:
        put_on(board, broker)
        row = update(broker, tmp_path / "job", new_program(tmp_path / "new", "0.2.0"), board, [])
        assert (row.st, row.err) == ("FAILED", "the flash is full"), bytes(board.output[-2000:])
        assert runs(board) == ("a", "0.1.0")
        with Board(board.port) as there:
            left = there.hashes(["/b"])
            assert left == {}, "what is half there takes the room of the journal"
            assert json.loads(there.read("/config.json") or b"")["node"] == "ada"
