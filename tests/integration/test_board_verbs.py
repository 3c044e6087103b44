"""`fleet logs`, `fleet mount`, `fleet boards save` and `load`, as a person types them, at virtual boards."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet_tools.board import Board
from support.board import VirtualBoard

SPEAKS = b"""
import time
print('ada: starts')
while True:
    time.sleep(0.1)
    print('ada: still here')
"""


def put(board: VirtualBoard, **files: bytes) -> None:
    with Board(board.port) as there:
        for name, data in files.items():
            there.write("/" + name.replace("__", "."), data)
        there.reset()


def get(board: VirtualBoard, path: str) -> bytes | None:
    with Board(board.port) as there:
        found = there.read(path)
        there.reset()
    return found


class Running:
    """A verb in the foreground; `said` is both of its streams."""

    def __init__(self, folder: Path, process: "subprocess.Popen[bytes]") -> None:
        self._file, self._process = folder / "said", process

    @property
    def said(self) -> str:
        return self._file.read_text()

    def wait_for(self, condition: Callable[[str], bool], what: str) -> None:
        deadline = time.monotonic() + 60
        while not condition(self.said):
            assert time.monotonic() < deadline, f"{what} did not happen; it said:\n{self.said}"
            assert self._process.poll() is None, f"it ended before {what}:\n{self.said}"
            time.sleep(0.05)


@contextmanager
def running(folder: Path, *words: str) -> Iterator[Running]:
    """Ended by Ctrl-C, with exit code 0."""
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "fleet_tools", *words],
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        found = Running(folder, process)
        try:
            yield found
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0, found.said
        finally:
            process.kill()
            process.wait()


def fleet(folder: Path, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "fleet_tools", *words],
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}"
    return done.stdout


def test_logs_listen_and_stop_nothing_and_come_back_after_a_reset_and_an_unplugged_cable(
    board: VirtualBoard, tmp_path: Path
) -> None:
    put(board, main__py=SPEAKS)
    board.expect(b"still here")
    plug = tmp_path / "ttyACM7"
    plug.symlink_to(board.port)
    with running(tmp_path, "logs", "--port", str(plug), "--port", str(tmp_path / "ttyACM8")) as logs:
        logs.wait_for(lambda said: "ada          | still here" in said, "a line with the board's name in front")
        assert "ttyACM8 is not there: plug the board in" in logs.said
        assert "starts" not in logs.said, "listening has reset the board"
        starts = board.starts
        board.press_reset()
        logs.wait_for(lambda said: "ada          | starts" in said, "its first line after a reset")
        assert board.starts == starts + 1
        board.power_off()
        logs.wait_for(lambda said: f"{plug} is gone: waiting until it is back" in said, "that it is gone")
        board.power_on()
        plug.unlink()
        plug.symlink_to(board.port)
        back = f"{plug} is back\n"
        logs.wait_for(lambda said: "ada          | " in said.partition(back)[2], "a line after the cable is back")
        starts, board.output[:] = board.starts, b""
    board.expect(b"still here")
    assert board.starts == starts, "the end of listening has reset the board"


def test_a_mounted_folder_runs_without_a_copy_and_again_at_a_change_and_then_the_boards_own_program(
    board: VirtualBoard, tmp_path: Path
) -> None:
    put(board, main__py=SPEAKS)
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "word.py").write_text("WORD = 'first'\n")
    (folder / "main.py").write_text(
        "import time, word\nwhile True:\n    print('mine', word.WORD)\n    time.sleep(0.2)\n"
    )
    with running(tmp_path, "mount", "--port", board.port, str(folder)) as mount:
        mount.wait_for(lambda said: "mine first" in said, "the program of the folder")
        assert f"{board.port} runs {folder}/main.py, and nothing is copied" in mount.said
        assert "Ctrl-C ends this; then the board runs its own program again." in mount.said
        (folder / "word.py").write_text("WORD = 'second'\n")
        mount.wait_for(lambda said: "mine second" in said, "the changed program")
        (folder / "word.py").write_text("WORD = \n")
        mount.wait_for(lambda said: "SyntaxError" in said and "main.py has ended" in said, "what is wrong with it")
        (folder / "word.py").write_text("WORD = 'third'\n")
        mount.wait_for(lambda said: "mine third" in said, "the corrected program")
        board.output.clear()
    board.expect(b"ada: starts")
    assert get(board, "/main.py") == SPEAKS
    assert get(board, "/word.py") is None


def test_the_node_runs_mounted_with_the_settings_of_the_board(board: VirtualBoard, tmp_path: Path) -> None:
    put(board, config__json=json.dumps({"node": "bo", "sensors": ["sht4x"]}).encode(), main__py=b"")
    with running(tmp_path, "mount", "--port", board.port) as mount:
        mount.wait_for(lambda said: "bo: joining: " in said or "\nbo: " in said, "a sentence of the node")


def test_what_a_board_is_goes_into_a_private_file_and_comes_back_onto_it_or_another(
    board: VirtualBoard, tmp_path: Path
) -> None:
    config = {"node": "ada", "base": "3b", "state": "state", "broker": {"password": "s3cret", "ca": "ca.der"}}
    mine = json.dumps(config).encode()
    put(board, main__py=b"", config__json=mine, ca__der=b"\x30ca", state__a=b"\x00named")
    file = tmp_path / "boards.json"
    said = fleet(tmp_path, "boards", "save", str(file), "--port", board.port)
    assert "ada          saved 3 files" in said
    assert "s3cret" not in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "is there already" in fleet(tmp_path, "boards", "save", str(file), "--port", board.port, code=2)
    assert "nothing to change" in fleet(tmp_path, "boards", "load", str(file), "--port", board.port)

    put(board, config__json=json.dumps({"node": "eve", "state": "hers"}).encode(), hers__a=b"eve", state__a=b"?")
    assert "brought back 2 of 3 files" in fleet(tmp_path, "boards", "load", str(file), "--port", board.port)
    assert get(board, "/config.json") == mine
    assert get(board, "/state.a") == b"\x00named"
    assert get(board, "/hers.a") is None, "eve's name and groups would come out as ada's"

    with VirtualBoard() as other:
        assert "has no config.json yet" in fleet(
            tmp_path, "boards", "save", str(tmp_path / "no"), "--port", other.port, code=1
        )
        assert not (tmp_path / "no").exists()
        load = ["boards", "load", str(file), "--port", other.port]
        assert "is none of those in" in fleet(tmp_path, *load, code=1)
        assert "has no bo; it has ada" in fleet(tmp_path, *load, "--node", "bo", code=2)
        assert "it was on another board, which must not be ada any more" in fleet(tmp_path, *load, "--node", "ada")
        assert get(other, "/config.json") == mine
        assert get(other, "/ca.der") == b"\x30ca"
    file.write_text("{}")
    assert "was not made by fleet boards save" in fleet(tmp_path, *load, code=2)
