"""`fleet ota` onto a virtual board: a flash of littlefs that is torn at a write, or that is full."""

import asyncio
import json
import os
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
from support import seed, tiers
from support.board import VirtualBoard, isolation
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.probe import Probe
from support.slots import SECRET, new_program

ALL = os.environ.get("FLEET_CUTS") == "all"  # a quarter of an hour and more
MANY = 8192  # writes; more than an update has


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
    board.expect(b"joining: it works", 60)


class Updates:
    """Jobs for one board, which is cut after so many writes and then gets its power again."""

    def __init__(self, broker: Broker, folder: Path, board: VirtualBoard, source: Path) -> None:
        self._broker = broker
        self._folder = folder
        self._board = board
        self._image = Image.of_program(source)
        self._flash = board.folder / "flash.img"
        self.job = self.new_job()

    def new_job(self) -> Job:
        return Job(time.time_ns() // 1_000_000, "?", 1, 390.0, rows=[Row("ada", 0)])

    def keep(self) -> bytes:
        """Its flash, without power."""
        self._board.power_off()
        return self._flash.read_bytes()

    def put_back(self, flash: bytes) -> None:
        self._board.power_off()
        self._flash.write_bytes(flash)

    def run(self, *cuts: int, again: bool = True) -> Row:
        """The job, cut by cut, until it is done. Without `again` the power stays away after the last cut."""
        self.job.rows = [Row("ada", 0)]
        asyncio.run(self._run(cuts, again))
        return self.job.rows[0]

    async def _run(self, cuts: tuple[int, ...], again: bool) -> None:
        files = JobFolder(self._folder)
        with files.locked():
            files.begin(self.job, self._image)
            async with Client(self._broker.url) as client:
                rollout = Rollout(client, files, self.job, self._image, {"ada": SECRET}, lambda _: None)
                async with asyncio.TaskGroup() as group:
                    work = group.create_task(rollout.run(time.time() + 100))
                    group.create_task(self._power(cuts, again, work))

    async def _power(self, cuts: tuple[int, ...], again: bool, work: "asyncio.Task[None]") -> None:
        board = self._board
        for cut in cuts:
            if not board.is_off:
                board.power_off()
            await asyncio.to_thread(board.power_on, cut_after=cut)
            while not board.is_off and not work.done():  # noqa: ASYNC110 (a torn write is no event)
                await asyncio.sleep(0.02)
            if work.done():
                return
        if cuts and again:
            await asyncio.to_thread(board.power_on)
        elif cuts:
            work.cancel()


def runs(board: VirtualBoard) -> tuple[str, str]:
    """(the slot that counts, the version in it)."""
    with Board(board.port) as there:
        _, slot = program.chosen({name: there.read(f"/{name}") for name in program.CHOICE})
        text = (there.read(f"/{slot}/fleet_node/__init__.py") or b"").decode()
    return slot, text.split('VERSION = "')[1].split('"')[0]


def test_a_board_gets_a_new_program_over_the_air(broker: Broker, tmp_path: Path) -> None:
    with VirtualBoard() as board:
        put_on(board, broker)
        row = Updates(broker, tmp_path / "job", board, new_program(tmp_path / "new", "0.2.0")).run()
        assert row.st == "SUCCEEDED", (row, bytes(board.output[-2000:]))
        assert runs(board) == ("b", "0.2.0")


@pytest.mark.timeout(3000 if ALL else 400)
def test_the_power_goes_off_at_every_write_of_an_update_and_the_board_ends_with_the_new_program(
    broker: Broker, tmp_path: Path
) -> None:
    every, every_of_trial = (1, 1) if ALL else (23, 4)
    with VirtualBoard() as board, Probe(broker.url, "fleet/1/ada/meta") as probe:
        put_on(board, broker)
        Updates(broker, tmp_path / "first", board, new_program(tmp_path / "one", "0.2.0")).run()
        assert runs(board) == ("b", "0.2.0")
        # The slot that comes next nearly has the new program, so that few writes, of every kind, are left to cut.
        with Board(board.port) as there:
            there.remove(["/a/fleet_node/pause.py"])  # to be copied from the slot that runs
            there.write("/a/fleet_node/not_named.py", b"x = 1")  # to be removed
        updates = Updates(broker, tmp_path / "job", board, new_program(tmp_path / "two", "0.3.0"))

        def after_the_cut() -> str:
            """The version that started after it; the job went on to its end."""
            mark = probe.mark()
            row = updates.run(MANY)
            assert row.st == "SUCCEEDED", (cut, row, bytes(board.output[-3000:]))
            assert runs(board) == ("a", "0.3.0"), cut
            version: str = probe.expect("fleet/1/ada/meta", since=mark, within=60).json()["app"]
            return version

        before = updates.keep()
        ran: list[str] = []
        low = high = 0
        for cut in range(seed.SEED % every, MANY, every):
            updates.put_back(before)
            updates.run(cut, again=False)
            if not board.is_off:
                high = cut  # so many writes are more than the old program makes until it has chosen the new one
                break
            low = cut
            ran.append(after_the_cut())
        assert set(ran) <= {"0.2.0", "0.3.0"}
        assert ran[0] == "0.2.0"
        assert len(ran) > 2, f"an update has hardly {low} writes"
        while high - low > 1:
            cut = (low + high) // 2
            updates.put_back(before)
            updates.run(cut, again=False)
            low, high = (cut, high) if board.is_off else (low, cut)
        updates.put_back(before)
        updates.run(low, again=False)
        chosen = updates.keep()  # cut in the last write of the old program, which has chosen the new one
        tried = []
        for cut in range(0, 60, every_of_trial):
            updates.put_back(chosen)
            updates.run(cut, again=False)
            if not board.is_off:
                break
            tried.append(after_the_cut())
        assert set(tried) == {"0.3.0"}, tried
        print(
            f"{high} writes of the old program, cut {len(ran)} times: {ran.count('0.2.0')} started the old one again, "
        )
        print(f"{ran.count('0.3.0')} the new one; {len(tried)} cuts of the trial")


def test_a_flash_without_room_for_a_second_program_says_so_and_the_old_one_goes_on(
    broker: Broker, tmp_path: Path
) -> None:
    size = sum(map(len, program.load(NODE, platform="linux", with_umqtt=True).values()))
    with VirtualBoard(blocks=size // 4096 + 70) as board:
        put_on(board, broker)
        row = Updates(broker, tmp_path / "job", board, new_program(tmp_path / "new", "0.2.0")).run()
        assert (row.st, row.err) == ("FAILED", "the flash is full"), bytes(board.output[-2000:])
        assert runs(board) == ("a", "0.1.0")
        with Board(board.port) as there:
            left = there.hashes(["/b"])
            assert left == {}, "what is half there takes the room of the journal"
            assert json.loads(there.read("/config.json") or b"")["node"] == "ada"
