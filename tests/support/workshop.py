"""The workshop as a learner meets it: lessons laid, checked and typed from their READMEs."""

import contextlib
import fcntl
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fleet_tools import workshop_lessons as lessons
from fleet_tools.workshop_check import Check
from fleet_tools.workshop_run import Trouble

LESSONS = lessons.every()
PATIENCE = 4.0  # of a machine that is busy with other tests
NUMBER = re.compile(r"-?\d+(\.\d+)?")
CHECK_DOES = ("micropython main.py", "mpremote mount . run main.py")  # with a port or without
PORT_8000 = Path(tempfile.gettempdir()) / "fleet-tests-port-8000.lock"


def check(lesson: lessons.Lesson, program: str, folder: Path, **how: str | None) -> tuple[Check, Trouble | None]:
    """The check of start.py or solution.py in `folder`, and what it found."""
    lesson.lay(program, folder)
    return recheck(lesson, folder, **how)


def recheck(lesson: lessons.Lesson, folder: Path, **how: str | None) -> tuple[Check, Trouble | None]:
    """The same of what lies in `folder` already."""
    one = Check(lesson, folder, patience=PATIENCE, port=how.get("port"), heap=how.get("heap"))
    if how.get("port") and (folder / "wifi.py").exists():
        (folder / "wifi.json").write_text(json.dumps({"ssid": "lab", "password": "secret123"}))  # the simulated one
    serves = "port=8000" in (lesson.folder / "solution.py").read_text()
    with port_8000() if serves else contextlib.nullcontext():
        return one, one.run()


@contextlib.contextmanager
def port_8000() -> Iterator[None]:
    """A lesson that serves does so at this port: one test at a time, of all workers."""
    with PORT_8000.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def mistakes(lesson: lessons.Lesson) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads((lesson.folder / "mistakes.toml").read_text())["mistake"]
    return found


def blocks(text: str, kind: str) -> list[list[str]]:
    """The lines of each ```kind block."""
    found = re.findall(rf"^```{kind}\n(.*?)^```", text, flags=re.M | re.S)
    return [block.splitlines() for block in found]


def typed(lesson: lessons.Lesson, begin: str = "") -> list[str]:
    """What its README says to type."""
    return [line for block in blocks(lesson.readme, "sh") for line in block if line.startswith(begin)]


def fleet(folder: Path, *words: str, code: int = 0) -> str:
    """What `fleet workshop` printed to a learner in this folder."""
    command = [sys.executable, "-m", "fleet_tools", "workshop", *words]
    env = {**os.environ, "FLEET_WORKSHOP": str(folder)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr
