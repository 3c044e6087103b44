"""Lesson 10 as its README says it: Enter presses the button. And the pin file, which every board reads its own way."""

import subprocess
import time
from pathlib import Path

import pytest

from fleet_tools import workshop_lessons as lessons
from support import tiers
from support.workshop import CHECK_DOES, Terminal, typed

LESSON = lessons.find("gpio")


def test_what_it_says_to_type_is_what_the_check_does() -> None:
    assert [line for line in typed(LESSON) if line not in CHECK_DOES] == []


def test_enter_presses_the_button_of_a_pc(tmp_path: Path) -> None:
    LESSON.lay("solution.py", tmp_path)
    with Terminal(tmp_path) as terminal:
        for press in (1, 2):
            terminal.expect("board unix" if press == 1 else "sim: button released (1)")
            time.sleep(0.2)  # a finger comes back later than a bounce
            terminal.type("")
            terminal.expect(f"press {press} edges")
            terminal.expect("sim: LED on" if press == 1 else "sim: LED off")


def pin_file(folder: Path, program: str, chip: str = "linux") -> str:
    """What `program` prints with board.py before it, on a chip that calls itself so and has a `machine` of its own."""
    LESSON.lay("solution.py", folder)
    text = (folder / "board.py").read_text()
    assert "sys.platform" in text
    (folder / "board.py").write_text(text.replace("sys.platform", repr(chip)))
    own = f"import sys; sys.path.append({str(tiers.NODE / 'sim')!r})\n" if chip != "linux" else "import sys\n"
    command = [str(tiers.micropython()), "-c", own + "import board\n" + program]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize(("chip", "pins"), [("esp32", "esp32 2 0"), ("rp2", "pico_w LED 15")])
def test_a_board_is_known_by_its_chip_and_leaves_the_simulation_alone(tmp_path: Path, chip: str, pins: str) -> None:
    program = "print(board.NAME, board.LED, board.BUTTON, 'sim' in sys.path, 'room' in sys.modules)"
    assert pin_file(tmp_path, program, chip).split() == [*pins.split(), "False", "False"]
    assert not [path.name for path in tmp_path.glob("machine*")], "it would hide the board's own machine"


def test_board_txt_names_another_board_and_its_power_is_held(tmp_path: Path) -> None:
    (tmp_path / "board.txt").write_text("m5stickc_plus2\n")
    program = "import machine; print(board.NAME, board.LED, board.PULL, machine.Pin(4).value())"
    assert pin_file(tmp_path, program, "esp32").split() == ["m5stickc_plus2", "19", "None", "1"]


def test_a_board_without_a_pin_file_is_told_what_to_do(tmp_path: Path) -> None:
    assert "there is no boards/nrf52.json: write one" in pin_file(tmp_path, "", "nrf52")
