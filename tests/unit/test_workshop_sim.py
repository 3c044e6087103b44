"""What the check does around a lesson with pins, where nothing is simulated: it asks the person at the board."""

import time
from pathlib import Path
from typing import Any

import pytest

from fleet_tools.workshop_run import Program, Trouble
from fleet_tools.workshop_sim import Beside

RUN = {"sim": {"script": [[0, "over"]], "prints": [["sim: pressed", "press 1"]], "ask": "Press the button once."}}


class OnBoard(Program):
    """A program of a board that nobody has plugged in."""

    def __init__(self, folder: Path, said: list[str]) -> None:
        super().__init__(folder, folder / "log", heap="", port="/dev/none")
        (folder / "log").write_text("\n".join(said))

    @property
    def running(self) -> bool:
        return True

    @property
    def started(self) -> float:
        return time.monotonic()


def around(folder: Path, said: list[str]) -> list[str]:
    beside: Any = Beside("/dev/none", 1.0)
    beside.prepare(folder, {})
    beside.before(RUN)
    return list(beside.during(RUN, OnBoard(folder, said)))


def test_a_person_is_asked_at_a_real_board(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert around(tmp_path, ["board esp32: LED 2, button 0"]) == []
    assert capsys.readouterr().err == "Press the button once.\n"


def test_nobody_is_asked_where_it_is_simulated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = ["sim: this is a simulated board", "sim: pressed", "press 1"]
    assert around(tmp_path, said) == ["in the simulated room: pressed, press 1"]
    assert capsys.readouterr().err == ""


def test_what_came_before_its_turn_is_told(tmp_path: Path) -> None:
    said = ["sim: this is a simulated board", "press 1", "sim: pressed", "sim: over"]
    with pytest.raises(Trouble) as caught:
        around(tmp_path, said)
    assert caught.value.came == "`press 1`, but before `sim: pressed`"
