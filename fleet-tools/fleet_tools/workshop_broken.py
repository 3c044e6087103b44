"""Beside a lesson's tests: the program that they test is broken on purpose, and one of them has to fail.

[[run]]                             # in check.toml: the learner's main.py, once for each of these
[[run.broken]]
what = "a button that takes every bounce for a press"
code = "Button.pressed = lambda self, now: True"    # run among the names of main.py, before its tests

The lesson has a runner.py with run(names).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fleet_tools.workshop_run import POLL_S, Program, Trouble

RUN_S = 15.0  # for all of them, on this computer
BOARD_S = 60.0
OURS = """import sys

from runner import run

for number, code in enumerate({codes!r}):
    sys.modules.pop("learner", None)
    import learner

    exec(code, learner.__dict__)
    print("broken", number)
    run(learner.__dict__)
print("broken all")
"""


class Beside:
    """In a run with `broken`, our main.py stands in the place of the learner's, which becomes the module learner."""

    def __init__(self, port: str | None, patience: float) -> None:
        self._within = (BOARD_S if port else RUN_S) * patience

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """There is nothing that goes on."""

    def prepare(self, place: Path, declared: dict[str, Any]) -> None:
        self._main = place / "main.py"
        self._learners = self._main.read_text()
        self._main.with_name("learner.py").write_text(self._learners)

    def before(self, run: dict[str, Any]) -> None:
        broken = run.get("broken", [])
        self._main.write_text(OURS.format(codes=[one["code"] for one in broken]) if broken else self._learners)

    def during(self, run: dict[str, Any], program: Program) -> Iterator[str]:
        broken = run.get("broken", [])
        while broken and program.running and time.monotonic() < program.started + self._within:
            time.sleep(POLL_S)
        said = "\n".join(program.lines)
        for number, one in enumerate(broken):
            part = said.partition(f"broken {number}\n")[2].partition("\nbroken ")[0]
            result = re.search(r"^(\d+) tests, (\d+) failed$", part, re.M)
            if result is None:
                raise Trouble(f"that the tests run with {one['what']}", f"`{program.error or part[-80:]}`")
            if result[2] == "0":
                raise Trouble(
                    "a test that fails when the program is broken", f"all {result[1]} pass with {one['what']}"
                )
            yield f"finds {one['what']}"
