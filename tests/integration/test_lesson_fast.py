"""Lesson 15 as its README says it: the C module is really built, and runs on the PC and on a board as it shows."""

import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fleet_tools import fetch_source
from fleet_tools import workshop_lessons as lessons
from fleet_tools.fetch import FetchError
from support import tiers
from support.board import VirtualBoard, isolation
from support.workshop import NUMBER, blocks, typed

LESSON = lessons.find("fast")
MICROPYTHON, MAKE, AGAIN, MPREMOTE = (
    "micropython race.py",
    "make",
    "micropython race.py",
    "mpremote mount . run race.py",
)


def run(line: str, folder: Path, *options: str) -> list[str]:
    programs = {"micropython": [str(tiers.micropython())], "mpremote": [sys.executable, "-m", "mpremote", *options]}
    first, *rest = shlex.split(line)
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [*programs.get(first, [first]), *rest],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.replace("\r", "").splitlines()


def test_a_native_module_in_c_is_built_and_runs_on_the_pc_and_on_a_board(tmp_path: Path) -> None:
    assert typed(LESSON) == [MICROPYTHON, MAKE, AGAIN, MPREMOTE]
    tiers.require(platform.machine() == "x86_64", "lesson 15 builds for x86-64 only", "integration")
    tiers.require(shutil.which("gcc"), "no gcc on PATH (apt install gcc libc6-dev)", "integration")
    tiers.require(isolation.missing() is None, str(isolation.missing()), "integration")
    try:
        fetch_source.fetch()
    except FetchError as error:
        pytest.skip(str(error))
    LESSON.lay("solution.py", tmp_path)
    run(MAKE, tmp_path)
    assert (tmp_path / "addup.mpy").read_bytes()[:3] == b"M\x06\x0b", "version 6.3, x64"
    shown = [NUMBER.sub("#", line) for line in blocks(LESSON.readme, "output")[1]]
    assert [NUMBER.sub("#", line) for line in run(AGAIN, tmp_path)][-3:] == shown
    with VirtualBoard() as board:
        came = run(MPREMOTE, tmp_path, "connect", board.port)
        assert [NUMBER.sub("#", line) for line in came][-3:] == shown
    (tmp_path / "addup.mpy").write_bytes(b"M\x06\x13")  # 6.3 for armv6m
    assert "C: addup.mpy is for another processor or MicroPython: incompatible .mpy file" in run(AGAIN, tmp_path)


def test_where_there_is_no_emitter_it_says_so_and_all_the_rest_goes_on(tmp_path: Path) -> None:
    """No MicroPython here has none; an assembler of another processor is refused in the same words."""
    LESSON.lay("solution.py", tmp_path)
    main = tmp_path / "main.py"
    main.write_text(
        main.read_text().replace("import micropython\n", "@micropython.asm_thumb\ndef other():\n    pass\n")
    )
    said = run(MICROPYTHON, tmp_path)
    assert said[0] == "no machine code here: this MicroPython has no emitter for this processor"
    assert [NUMBER.sub("#", line) for line in said[2:5]] == [
        "native is # times as fast as plain",
        "viper is # times as fast as plain",
        "smooth takes # bytes of memory",
    ]


def test_a_wrong_sum_is_told_and_not_measured(tmp_path: Path) -> None:
    LESSON.lay("solution.py", tmp_path)
    main = tmp_path / "main.py"
    begin = "-> int:\n    total = "
    main.write_text(main.read_text().replace(begin + "0", begin + "1"))
    assert "viper says 124507, and plain says 124506" in "\n".join(run(MICROPYTHON, tmp_path))
