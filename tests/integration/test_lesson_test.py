"""Lesson 14 as its README says it: the same tests by MicroPython and by pytest, and both see a mistake."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from fleet_tools import workshop_lessons as lessons
from support import tiers
from support.workshop import CHECK_DOES, typed

LESSON = lessons.find("test")


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # a learner's has no plugins
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_pytest_and_micropython_say_the_same_of_a_right_and_of_a_wrong_program(tmp_path: Path) -> None:
    (line,) = [line for line in typed(LESSON) if line not in CHECK_DOES]
    by_pytest = [sys.executable, "-m", *shlex.split(line)]
    by_micropython = [str(tiers.micropython()), "main.py"]
    LESSON.lay("solution.py", tmp_path)
    done = run(by_pytest, tmp_path)
    assert "4 passed" in done.stdout, done.stdout + done.stderr
    assert run(by_micropython, tmp_path).stdout.endswith("4 tests, 0 failed\n")

    main = tmp_path / "main.py"
    main.write_text(main.read_text().replace("ticks_diff(now, self.last)", "now - self.last"))
    done = run(by_pytest, tmp_path)
    assert "1 failed, 3 passed" in done.stdout, done.stdout + done.stderr
    assert "test_a_press_counts_after_the_clock_has_wrapped" in done.stdout
    said = run(by_micropython, tmp_path).stdout
    assert "FAIL test_a_press_counts_after_the_clock_has_wrapped: AssertionError in line 40" in said


def test_a_test_that_raises_something_else_has_failed_too_and_the_others_go_on(tmp_path: Path) -> None:
    LESSON.lay("solution.py", tmp_path)
    main = tmp_path / "main.py"
    main.write_text(main.read_text().replace("assert Button()", "assert Buton()"))
    said = run([str(tiers.micropython()), "main.py"], tmp_path).stdout
    assert "FAIL test_a_press_counts: NameError: name 'Buton' isn't defined in line 21" in said
    assert said.endswith("4 tests, 1 failed\n")
