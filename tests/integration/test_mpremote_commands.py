"""Every command of mpremote that is for a board does to a virtual board what it does to a board, exit code included."""

import functools
import hashlib
import http.server
import json
import os
import pty
import select
import subprocess
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest

from support.board import VirtualBoard
from support.mpremote import command, environment, mpremote

CTRL_CLOSE_BRACKET = b"\x1d"  # ends a repl


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files, one of them in a folder below."""
    (tmp_path / "app" / "parts").mkdir(parents=True)
    (tmp_path / "app" / "start.py").write_text("print('started')\n")
    (tmp_path / "app" / "parts" / "one.txt").write_text("1" * 2000)
    return tmp_path


def words(text: str) -> list[str]:
    return text.split()


def test_cp_copies_there_back_and_only_what_changed(board: VirtualBoard, folder: Path) -> None:
    mpremote(board, "cp", "-r", str(folder / "app"), ":")
    assert "Up to date: ./app/start.py" in mpremote(board, "cp", "-r", str(folder / "app"), ":")
    mpremote(board, "cp", ":app/start.py", ":app/copy.py", "+", "cp", "-r", ":app", str(folder / "back"))
    assert (folder / "back" / "copy.py").read_text() == "print('started')\n"
    assert (folder / "back" / "parts" / "one.txt").read_text() == "1" * 2000
    assert "No such file" in mpremote(board, "cp", str(folder / "app" / "start.py"), ":none/start.py", code=1)


def test_ls_tree_cat_and_sha256sum_show_what_is_there(board: VirtualBoard, folder: Path) -> None:
    mpremote(board, "cp", "-r", str(folder / "app"), ":")
    assert "2000 one.txt" in mpremote(board, "ls", ":app/parts")
    assert "└── one.txt" in mpremote(board, "tree", ":app")
    assert "[     2000]  one.txt" in mpremote(board, "tree", "-s", ":app")
    assert mpremote(board, "cat", ":app/start.py") == "print('started')\n"
    assert hashlib.sha256(b"1" * 2000).hexdigest() in mpremote(board, "sha256sum", ":app/parts/one.txt")
    assert "No such file or directory" in mpremote(board, "cat", ":app/none", code=1)
    assert "not a directory" in mpremote(board, "tree", ":app/start.py", code=1)


def test_mkdir_touch_rmdir_and_rm_change_it(board: VirtualBoard) -> None:
    mpremote(board, "mkdir", ":made", "+", "touch", ":made/empty", "+", "mkdir", ":made/deep")
    assert words(mpremote(board, "ls", ":made"))[-4:] == ["0", "deep/", "0", "empty"]
    mpremote(board, "rmdir", ":made", code=1)
    mpremote(board, "rmdir", ":made/deep", "+", "rm", ":made/empty")
    assert words(mpremote(board, "ls", ":made"))[2:] == []
    mpremote(board, "touch", ":made/again", "+", "rm", "-r", ":made")
    assert "made" not in mpremote(board, "eval", "__import__('os').listdir()")
    assert "No such file" in mpremote(board, "rm", ":made", code=1)


def test_rm_r_of_the_root_leaves_nothing_of_the_board_and_nothing_else_is_touched(tmp_path: Path) -> None:
    (tmp_path / "canary").write_text("alive")
    with VirtualBoard() as board:
        mpremote(board, "mkdir", ":folder", "+", "touch", ":folder/a", "+", "touch", ":b")
        assert "cannot remove :/" in mpremote(board, "rm", "-r", ":/", code=1)
        assert mpremote(board, "eval", "__import__('os').listdir('/')").strip() == "[]"
        board.power_off()
        board.power_on()
        assert mpremote(board, "eval", "1+1").strip() == "2"
    assert (tmp_path / "canary").read_text() == "alive"


def test_edit_brings_the_file_to_an_editor_and_back(board: VirtualBoard) -> None:
    mpremote(board, "exec", "with open('note', 'w') as file: file.write('old words')")
    mpremote(board, "edit", ":note", editor="sed -i s/old/new/")
    assert mpremote(board, "cat", ":note") == "new words"


def test_df_counts_the_flash(board: VirtualBoard) -> None:
    lines = mpremote(board, "df").splitlines()
    root = next(line.split() for line in lines if line.split()[-1] == "/")
    assert str(256 * 4096) in root, lines


def test_what_a_program_set_is_there_with_resume_and_gone_after_a_soft_reset(board: VirtualBoard, folder: Path) -> None:
    script = folder / "set.py"
    script.write_text("word = 'kept'\nprint('ran')\n")
    assert mpremote(board, "run", str(script)).strip() == "ran"
    assert mpremote(board, "resume", "eval", "word").strip() == "kept"
    assert "NameError" in mpremote(board, "soft-reset", "eval", "word", code=1)
    assert "NameError" in mpremote(board, "exec", "none", code=1)
    assert "unrecognized" in mpremote(board, "exec", "--none", "1", code=2)


def test_a_mounted_folder_serves_until_umount(board: VirtualBoard, folder: Path) -> None:
    served = mpremote(board, "mount", str(folder), "exec", "import os; print(os.listdir('/remote'))")
    assert "'app'" in served
    gone = mpremote(board, "mount", str(folder), "umount", "exec", "import os; print(os.listdir('/'))")
    assert "remote" not in gone.splitlines()[-1]


def test_mip_installs_from_a_folder_and_from_a_web_server(board: VirtualBoard, tmp_path: Path) -> None:
    (tmp_path / "greeting.py").write_text("def greet():\n    return 'hello'\n")
    (tmp_path / "package.json").write_text(json.dumps({"urls": [["greeting.py", "greeting.py"]], "version": "1"}))
    mpremote(board, "mip", "install", str(tmp_path / "package.json"))
    assert mpremote(board, "exec", "import greeting; print(greeting.greet(), greeting.__file__)").split() == [
        "hello",
        "/lib/greeting.py",
    ]
    handler = functools.partial(Silent, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            address = f"http://127.0.0.1:{server.server_port}"
            mpremote(board, "mip", "install", "--target", "/other", f"{address}/package.json")
            assert "greeting.py" in mpremote(board, "ls", ":/other")
            assert "not found" in mpremote(board, "mip", "install", f"{address}/none.json", code=1)
        finally:
            server.shutdown()


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # its name there
        pass


def test_a_romfs_is_deployed_and_imported_from_after_the_next_reset(tmp_path: Path) -> None:
    (tmp_path / "image" / "lib").mkdir(parents=True)
    (tmp_path / "image" / "lib" / "burnt.py").write_text("WORD = 'from ROM'\n")
    with VirtualBoard() as board:
        assert "8 blocks of 4096 bytes" in mpremote(board, "romfs", "query")
        assert "ROMFS image deployed" in mpremote(board, "romfs", "--no-mpy", "deploy", str(tmp_path / "image"))
        board.power_off()
        board.power_on()
        assert mpremote(board, "exec", "import burnt; print(burnt.WORD)") == "from ROM\n"
        assert "VfsLfs2" in mpremote(board, "exec", "import vfs; print(vfs.VfsLfs2)"), "of vfs nothing else is missing"
        (tmp_path / "image" / "big").write_bytes(bytes(33_000))
        assert "too big" in mpremote(board, "romfs", "--no-mpy", "deploy", str(tmp_path / "image"), code=1)


def test_rtc_is_set_to_the_time_of_this_machine(board: VirtualBoard) -> None:
    shown = mpremote(board, "rtc", "--set", "+", "rtc").split("(")[-1].strip(")\n ")
    year, month, day, _, hour, minute, second, _ = (int(number) for number in shown.split(","))
    apart = datetime.now() - datetime(year, month, day, hour, minute, second)  # local time
    assert abs(apart.total_seconds()) < 60


def test_a_reset_is_a_start(board: VirtualBoard) -> None:
    starts = board.starts
    mpremote(board, "reset")
    board.wait_for_start(starts + 1)
    assert mpremote(board, "resume", "eval", "1+1").strip() == "2"


def test_in_a_repl_a_person_types_and_the_output_is_captured(board: VirtualBoard, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    captured = tmp_path / "captured"
    repl = subprocess.Popen(
        command(board, "repl", "--capture", str(captured)),
        env=environment(board),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        said = until(ours, b"", b"to exit")
        os.write(ours, b"\r")
        said = until(ours, said, b">>> ")
        os.write(ours, b"print(6 * 7)\r")
        until(ours, said, b"\n42")
        os.write(ours, CTRL_CLOSE_BRACKET)
        assert repl.wait(30) == 0
    finally:
        repl.kill()
        repl.wait()
        os.close(ours)
    assert b"42" in captured.read_bytes()


def until(fd: int, said: bytes, wanted: bytes) -> bytes:
    deadline = time.monotonic() + 30
    while wanted not in said:
        assert time.monotonic() < deadline, f"{wanted!r} did not come, but {said!r}"
        if select.select([fd], [], [], 0.5)[0]:
            said += os.read(fd, 4096)
    return said
