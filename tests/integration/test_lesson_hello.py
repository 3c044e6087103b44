"""Lesson 1 as its README says it: MicroPython's prompt, the program in two sizes of memory, and on a board."""

import shlex
import subprocess
import sys
from pathlib import Path

from fleet_tools import workshop_lessons as lessons
from support import tiers
from support.board import VirtualBoard, isolation
from support.workshop import typed

LESSON = lessons.find("hello")


def test_what_it_says_to_type_is_known_here() -> None:
    assert typed(LESSON) == [
        "micropython",
        "micropython main.py",
        "micropython -X heapsize=64k main.py",
        "mpremote run main.py",
    ]


def test_the_prompt_answers_and_the_program_runs(tmp_path: Path) -> None:
    LESSON.lay("solution.py", tmp_path)
    for line in typed(LESSON, "micropython"):
        words = [str(tiers.micropython()), *shlex.split(line)[1:]]
        done = subprocess.run(
            words, cwd=tmp_path, input="print(6 * 7)\n", capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stderr
        assert ("hello from" if "main.py" in line else "42") in done.stdout


def test_it_runs_on_a_board(tmp_path: Path) -> None:
    tiers.require(isolation.missing() is None, str(isolation.missing()), "integration")
    LESSON.lay("solution.py", tmp_path)
    with VirtualBoard() as board:
        (line,) = typed(LESSON, "mpremote")
        words = [sys.executable, "-m", "mpremote", "connect", board.port, *shlex.split(line)[1:]]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "free memory: " in done.stdout
