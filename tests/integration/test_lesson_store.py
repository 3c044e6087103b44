"""Lesson 5 as its README says it: the file of readings lies on a board's flash and can be looked at."""

import shlex
import subprocess
import sys
from pathlib import Path

from fleet_tools import workshop_lessons as lessons
from support import tiers
from support.board import VirtualBoard, isolation
from support.workshop import CHECK_DOES, typed

LESSON = lessons.find("store")


def test_the_readings_are_on_the_flash_of_a_board(tmp_path: Path) -> None:
    tiers.require(isolation.missing() is None, str(isolation.missing()), "integration")
    lines = [line for line in typed(LESSON) if line not in CHECK_DOES]
    assert lines == ["mpremote fs cp fake_sensor.py : + run main.py", "mpremote fs cat :readings.csv"]
    LESSON.lay("solution.py", tmp_path)
    with VirtualBoard() as board:
        for line in lines:
            words = [sys.executable, "-m", "mpremote", "connect", board.port, *shlex.split(line)[1:]]
            done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
        assert "30," in done.stdout
