"""The workshop as a learner meets it: lessons laid, checked and typed from their READMEs."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shlex
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fleet_tools import workshop_lessons as lessons
from fleet_tools.processes import micropython
from fleet_tools.workshop_check import Check
from fleet_tools.workshop_run import Trouble

LESSONS = lessons.every()
PATIENCE = 4.0  # of a machine that is busy with other tests
BUSY = f"--patience {PATIENCE:g}"
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
    with port_8000() if serves(lesson) else contextlib.nullcontext():
        return one, one.run()


def waits_for_its_owner(lesson: lessons.Lesson) -> bool:
    """Its check on a board looks at what the learner has copied there."""
    return any(run.get("alone") for run in lesson.check["run"])


def serves(lesson: lessons.Lesson) -> bool:
    return "port=8000" in (lesson.folder / "solution.py").read_text()


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


class Learner:
    """Types `fleet workshop ...` in one folder; `transcript` is all that was typed and told, as Markdown."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lesson = LESSONS[0]
        self.transcript = f"# A learner goes through the workshop\n\nEach check with `{BUSY}`, for a busy machine.\n"

    def types(self, line: str, code: int = 0, note: str = "") -> str:
        told = fleet(self._folder, *shlex.split(line), code=code).replace(f"{self._folder}", "my-workshop")
        self.transcript += f"\n{note}```\n$ fleet workshop {line.removesuffix(BUSY).rstrip()}\n{told}```\n"
        return told

    def begins(self, lesson: lessons.Lesson) -> str:
        self._lesson, self._note = lesson, ""
        self.transcript += f"\n## {lesson.number}. {lesson.title}\n"
        return self.types(f"start {lesson.number}")

    def checks(self, how: str = "", code: int = 1) -> str:
        with port_8000() if serves(self._lesson) else contextlib.nullcontext():
            return self.types(f"check {how} {BUSY}", code, self._note)

    def writes_the_solution_but(self, was: str, now: str) -> None:
        solution = (self._lesson.folder / "solution.py").read_text()
        assert was in solution
        (self._folder / self._lesson.name / "main.py").write_text(solution.replace(was, now) if was else solution)
        wrong = f"`{was.strip()}` is `{now.strip()}`" if now.strip() else f"`{was.strip()}` is forgotten"
        self._note = f"The solution, but {wrong}:\n\n" if was else "The solution:\n\n"


@dataclass(frozen=True)
class Told:
    """What a failed check says in three sentences."""

    expected: str
    came: str
    hint: str

    @classmethod
    def of(cls, text: str) -> "Told":
        found = {key: re.search(rf"^  {key} +(.*)$", text, re.M) for key in ("expected", "came", "hint")}
        return cls(**{key: one[1] if one else "" for key, one in found.items()})


def fleet(folder: Path, *words: str, code: int = 0) -> str:
    """What `fleet workshop` printed to a learner in this folder."""
    command = [sys.executable, "-m", "fleet_tools", "workshop", *words]
    env = {**os.environ, "FLEET_WORKSHOP": str(folder)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def typing(line: str, folder: Path, port: str) -> str:
    """What an mpremote line of a README says when it is typed in the learner's folder, with this board plugged in."""
    program, words = line.split(maxsplit=1)
    assert program == "mpremote"
    command = f"{shlex.quote(sys.executable)} -m mpremote connect {shlex.quote(port)} {words}"
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


class Terminal:
    """main.py of a folder as a person runs it in a terminal of the PC: `with Terminal(folder) as terminal:`."""

    def __init__(self, folder: Path) -> None:
        self._keyboard, self._tty = pty.openpty()
        self._said = ""
        command = [micropython(), "main.py"]
        self._process = subprocess.Popen(
            command, cwd=folder, stdin=self._tty, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()
        os.close(self._keyboard)
        os.close(self._tty)

    def type(self, line: str) -> None:
        """And Enter."""
        os.write(self._keyboard, line.encode() + b"\n")

    def expect(self, text: str) -> None:
        """Until it has said `text`, after what was expected before."""
        assert self._process.stdout is not None
        end = time.monotonic() + 60
        while text not in self._said:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, end - time.monotonic()))
            more = os.read(self._process.stdout.fileno(), 4096) if ready else b""
            assert more, f"{text!r} did not come; it said {self._said!r}"
            self._said += more.decode()
        self._said = self._said.partition(text)[2]
