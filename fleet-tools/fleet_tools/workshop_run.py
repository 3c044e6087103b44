"""A learner's program while it is checked: on this computer by MicroPython's Unix port, on a board by mpremote."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from fleet_tools.errors import FleetError
from fleet_tools.processes import Child, micropython, stop

POLL_S = 0.02
MOST = 100_000  # characters that are read: nobody reads more
ADDRESS = re.compile(r"http://[\w.-]+(?::\d+)?")
NOISE = re.compile(r"Local directory .* is mounted at /remote")  # mpremote's, not the program's
NOT_THERE = b"\x18\xff"  # mpremote's answer to a mount: it comes now, and is an error
AT = re.compile(r'File "(?:(?:[^"]*/)?main\.py|<stdin>)", line (\d+)')


@dataclass
class Trouble(Exception):
    """Why a check is not passed: three sentences for the learner."""

    expected: str
    came: str
    hint: str = ""


class Beside(Protocol):
    """What runs beside a lesson's program while it is checked, such as a broker; made with `(port, patience)`: of the
    board or None, and what multiplies every time."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Nothing of it goes on."""

    def prepare(self, place: Path, declared: dict[str, Any]) -> None:
        """Once: `place` is the copy of the learner's folder that runs, `declared` the check.toml."""

    def before(self, run: dict[str, Any]) -> None:
        """Before the program starts, for each [[run]]."""

    def during(self, run: dict[str, Any], program: Program) -> Iterator[str]:
        """While it runs: what was seen and is as it should be, or Trouble."""


def copy(folder: Path, target: Path, without: Iterable[str]) -> None:
    """The learner's folder for one check, so that it leaves nothing behind: without what an earlier run has stored."""
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns(*without, "main.old*.py", "__pycache__"))


class Program:
    """`main.py` of `folder`, or what runs it. It runs from `start` to `stop`; what it said so far is in `lines`."""

    def __init__(self, folder: Path, log: Path, *, heap: str, port: str | None = None, name: str = "main.py") -> None:
        self._port = port
        self._log = log
        if port is None:
            command = [micropython(), "-X", f"heapsize={heap}", name]
        else:
            command = [sys.executable, "-m", "mpremote", "connect", port, "mount", ".", "run", name]
        self._child = Child(name, command, log, folder=folder)

    def start(self) -> None:
        self._child.start()

    @property
    def lines(self) -> list[str]:
        every = self._child.output()[:MOST].replace("\r", "").splitlines()
        return [line for line in every if line.strip() and not NOISE.match(line)]

    @property
    def floods(self) -> bool:
        """It prints without ever resting."""
        return self._log.exists() and self._log.stat().st_size > MOST

    @property
    def running(self) -> bool:
        return self._child.running

    @property
    def started(self) -> float:
        """Monotonic."""
        return self._child.started

    @property
    def address(self) -> str | None:
        """Where it says that it serves."""
        found = next(filter(None, (ADDRESS.search(line) for line in self.lines)), None)
        return found[0] if found else None

    @property
    def error(self) -> str | None:
        """What ended it: `NameError: name 'x' isn't defined, in line 5`."""
        lines = self.lines
        if not any(line.startswith("Traceback") for line in lines):
            return None
        if self._port is not None and "mpremote" in "".join(lines[-8:]):
            return lines[-1]
        places = [found[1] for found in map(AT.search, lines) if found]
        last = next(line for line in reversed(lines) if not line.startswith(" "))
        return f"{last}, in line {places[-1]}" if places else last

    def stop(self) -> None:
        stop([self._child], signal.SIGKILL, 5.0, lambda: False)
        if self._port is not None:
            if any(line.startswith("mpremote: failed to access") for line in self.lines):
                raise FleetError(
                    f"{self._port} cannot be opened: is the board plugged in, and no other program using it?"
                )
            _quiet(self._port)


def _quiet(port: str) -> None:
    """A board goes on when mpremote is gone: this interrupts it, and it waits for the next who comes."""
    command = [sys.executable, "-m", "mpremote", "connect", port, "exec", "pass"]
    for attempt in range(3):
        time.sleep(attempt)
        _hang_up(port)
        try:
            if subprocess.run(command, capture_output=True, timeout=15, check=False).returncode == 0:
                return
        except subprocess.TimeoutExpired:
            continue
    raise FleetError(f"the board at {port} cannot be interrupted: press its reset button")


def _hang_up(port: str) -> None:
    """A program that imports or opens a file waits for an answer from our folder, and takes Ctrl-C for a part of it: it
    is told that nothing of what it asks for is there."""
    with contextlib.suppress(OSError), Path(port).open("wb", buffering=0) as line:
        line.write(NOT_THERE * 64)
