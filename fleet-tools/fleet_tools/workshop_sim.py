"""What happens around a lesson's program that has pins: a finger on the button, a sensor that is pulled out.

[run.sim]
script = [[100, ""], [300, "unplug aht20"], [900, "over"]]    # ms, and a line for workshop/lessons/parts/room.py
prints = [["sim: button pressed", "press 1"], ["sim: LED on"]]    # each list in its order, before it is over
ask = "Press the button three times."   # of the person at a real board, where nothing is simulated
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import click

from fleet_tools import workshop_expect as expect
from fleet_tools.workshop_check import BOARD_S, RUN_S
from fleet_tools.workshop_run import POLL_S, Program, Trouble

SCRIPT = "world.json"
OURS = "sim: "  # how each line of room.py begins
OVER = OURS + "over"


class Beside:
    """A board without any line of room.py is a real one: there a person does what has to be done."""

    def __init__(self, port: str | None, patience: float) -> None:
        self._patience_s = (BOARD_S if port else RUN_S) * patience
        self._place = Path()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Nothing was started."""

    def prepare(self, place: Path, declared: dict[str, Any]) -> None:
        self._place = place

    def before(self, run: dict[str, Any]) -> None:
        (self._place / SCRIPT).write_text(json.dumps(run["sim"]["script"]))

    def during(self, run: dict[str, Any], program: Program) -> Iterator[str]:
        sim = run["sim"]
        wrong: tuple[str, str] | None = ("a line", "nothing at all")
        while wrong:
            ended = not program.running or time.monotonic() > program.started + self._patience_s or program.floods
            lines = program.lines
            if lines and not lines[0].startswith(OURS) and program.running and not program.error:
                click.echo(sim["ask"], err=True)
                return
            wrong = next(filter(None, (expect.lines(one, lines) for one in sim["prints"])), None)
            if wrong and (ended or OVER in lines):
                raise Trouble(wrong[0], f"`{program.error}`" if program.error else wrong[1])
            time.sleep(POLL_S)
        for one in sim["prints"]:
            yield "in the simulated room: " + ", ".join(expect.Text(line.removeprefix(OURS)).shown for line in one)
