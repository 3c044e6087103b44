"""The virtual board: an unmodified mpremote takes it for a board, and nobody can talk to one that is not isolated."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import tiers
from support.board import NotIsolated, VirtualBoard, isolation
from support.mpremote import mpremote


@pytest.fixture(autouse=True)
def _can_isolate() -> None:
    tiers.require(isolation.missing() is None, str(isolation.missing()), "integration")


@pytest.fixture
def board() -> Iterator[VirtualBoard]:
    with VirtualBoard() as board:
        yield board


def write(board: VirtualBoard, name: str, text: str, code: int = 0) -> str:
    return mpremote(board, "exec", f"with open({name!r}, 'w') as file: file.write({text!r})", code=code)


def test_it_runs_what_it_is_told(board: VirtualBoard, tmp_path: Path) -> None:
    assert mpremote(board, "eval", "6*7").split() == ["42"]
    script = tmp_path / "hello.py"
    script.write_text("import sys\nprint('hello from', sys.implementation.name)\n")
    assert "hello from micropython" in mpremote(board, "run", str(script))
    assert "ZeroDivisionError" in mpremote(board, "exec", "1/0", code=1)


def test_a_program_that_runs_is_interrupted(board: VirtualBoard) -> None:
    mpremote(board, "exec", "--no-follow", "while True: pass")
    assert mpremote(board, "eval", "1+1").split() == ["2"]


def test_files_of_every_byte_come_back_as_they_went(board: VirtualBoard, tmp_path: Path) -> None:
    data = bytes(range(256)) * 80
    there, back = tmp_path / "there", tmp_path / "back"
    there.write_bytes(data)
    mpremote(board, "fs", "cp", str(there), ":data")
    mpremote(board, "fs", "cp", ":data", str(back))
    assert back.read_bytes() == data
    assert "Up to date" in mpremote(board, "fs", "cp", str(there), ":data")


def test_what_is_on_its_flash_survives_a_soft_reset_a_reset_and_a_power_cut(board: VirtualBoard) -> None:
    write(board, "kept", "yes")
    assert "yes" in mpremote(board, "soft-reset", "fs", "cat", ":kept")
    starts = board.starts
    mpremote(board, "reset")
    board.wait_for_start(starts + 1)
    assert "yes" in mpremote(board, "fs", "cat", ":kept")
    board.power_off()
    board.power_on()
    assert "yes" in mpremote(board, "fs", "cat", ":kept")


def test_boot_and_main_run_at_power_on_and_only_boot_before_a_raw_repl(board: VirtualBoard) -> None:
    write(board, "boot.py", 'print("boot" + "ed")')
    write(board, "main.py", 'print("main" + " runs")\nwhile True: pass')
    board.power_off()
    board.output.clear()
    board.power_on()
    board.expect(b"main runs")
    assert b"booted" in board.output
    board.output.clear()
    assert mpremote(board, "eval", "5").split() == ["5"], "a busy main.py kept mpremote out"
    assert b"booted" in board.output
    assert b"main runs" not in board.output


def test_a_full_flash_says_so(tmp_path: Path) -> None:
    with VirtualBoard(blocks=16) as board:
        assert "OSError: 28" in write(board, "big", "x" * 100_000, code=1)
        mpremote(board, "fs", "rm", ":big")
        write(board, "small", "y")


CHANGE = """
import os
with open('new', 'w') as file:
    file.write('new')
os.rename('new', 'config')
"""


def test_the_power_goes_off_at_each_write_and_the_file_is_old_or_new(board: VirtualBoard) -> None:
    seen = []
    for cut in range(40):
        write(board, "config", "old")
        board.power_off()
        board.power_on(cut_after=cut)
        mpremote(board, "resume", "exec", CHANGE, code=None)
        if not board.is_off:
            break
        board.power_on()
        seen.append(mpremote(board, "fs", "cat", ":config").strip())
        assert seen[-1] in ("old", "new")
    assert not board.is_off, "the change has more writes than the test cut"
    assert seen[0] == "old"


def test_a_folder_of_this_machine_is_mounted_as_remote(board: VirtualBoard, tmp_path: Path) -> None:
    (tmp_path / "served.py").write_text("WORD = 'from the host'\n")
    assert "from the host" in mpremote(board, "mount", str(tmp_path), "exec", "import served; print(served.WORD)")
    mpremote(board, "mount", str(tmp_path), "exec", "open('written', 'wb').write(bytes(range(256)))")
    assert (tmp_path / "written").read_bytes() == bytes(range(256))


def test_the_program_of_a_board_sees_nothing_of_this_machine(board: VirtualBoard, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("alive")
    assert "Errno 2" in mpremote(board, "exec", f"open({str(canary)!r})", code=1)
    for command in (
        f"rm {canary}",
        "touch /usr/x",
        f"touch {tiers.ROOT}/x",
        "touch /board/../etc/x",
        "mount -o remount,rw /usr",
    ):
        assert mpremote(board, "exec", f"import os; print(os.system({command!r}) != 0)").split()[-1] == "True", command
    assert mpremote(board, "exec", "import os; os.system('id -u')").split() == [str(isolation.NOBODY)]
    assert canary.read_text() == "alive"


SANDBOX = isolation.command


@pytest.mark.parametrize("writable", ["usr", "everything", "prefix"])
def test_a_board_that_could_write_to_this_machine_is_killed_before_its_first_byte(
    monkeypatch: pytest.MonkeyPatch, writable: str, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    canary.write_text("alive")

    def open_sandbox(folder: Path, info: int, inner: list[str]) -> list[str]:
        words = SANDBOX(folder, info, inner)
        place = {"usr": "/usr", "everything": str(tmp_path), "prefix": sys.prefix}[writable]
        at = words.index("--bind")
        return [*words[:at], "--bind", place, place, *words[at:]]

    monkeypatch.setattr(isolation, "command", open_sandbox)
    with pytest.raises(NotIsolated, match="can be written"), VirtualBoard():
        pass
    assert canary.read_text() == "alive"


def test_a_board_without_a_sandbox_is_killed_before_its_first_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_sandbox(folder: Path, info: int, inner: list[str]) -> list[str]:
        program = "import sys; print('\\x06' + sys.argv[1] + '\\x06'); sys.stdin.read()"
        word = (folder / "board.json").read_text().split('"nonce": "')[1][:32]
        return [sys.executable, "-c", program, word]

    monkeypatch.setattr(isolation, "command", no_sandbox)
    with pytest.raises(NotIsolated), VirtualBoard():
        pass


def test_a_board_whose_firmware_does_not_prove_itself_gets_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    def other_firmware(folder: Path, info: int, inner: list[str]) -> list[str]:
        return SANDBOX(folder, info, [*inner[:-2], "-c", "print('>>> ')"])

    monkeypatch.setattr(isolation, "command", other_firmware)
    with pytest.raises(NotIsolated, match="before it had proven"), VirtualBoard():
        pass


def test_six_boards_run_beside_each_other() -> None:
    boards = [VirtualBoard() for _ in range(6)]
    with boards[0], boards[1], boards[2], boards[3], boards[4], boards[5]:
        for number, board in enumerate(boards):
            mpremote(board, "exec", f"with open('me', 'w') as file: file.write('{number}')")
        assert [mpremote(board, "fs", "cat", ":me").strip() for board in boards] == list("012345")
