"""Lesson 11 as its README says it: a sensor that is pulled out by a word in the terminal, a driver that mip puts onto a
board, and the reading that leaves the loop free."""

from pathlib import Path

from fleet_tools import workshop_lessons as lessons
from support import tiers
from support.board import VirtualBoard, isolation
from support.workshop import CHECK_DOES, Terminal, blocks, typed, typing

LESSON = lessons.find("i2c")
BESIDE = """
import asyncio
async def count(turns):
    while True:
        turns[0] += 1
        await asyncio.sleep_ms(5)
async def compare():
    turns = [0]
    asyncio.create_task(count(turns))
    await asyncio.sleep_ms(0)
    before = turns[0]
    driver = sensor.temperature
    held = turns[0] - before
    ours = await read()
    print("driver let %d turns, ours %s" % (held, "several" if turns[0] - before > 3 else "none"))
    print("the same" if abs(ours - driver) < 0.1 else "not the same: %s %s" % (ours, driver))
sensor = AHT20(i2c)
asyncio.run(compare())
"""


def test_a_loose_wire_is_typed_and_the_program_goes_on(tmp_path: Path) -> None:
    LESSON.lay("solution.py", tmp_path)
    assert "Type `unplug aht20` while it runs" in LESSON.readme
    with Terminal(tmp_path) as terminal:
        terminal.expect("temp ")
        terminal.type("unplug aht20")
        terminal.expect("no answer: is a wire loose?")
        terminal.type("plug aht20")
        terminal.expect("temp ")


def test_the_reading_with_an_await_gives_the_same_and_lets_other_tasks_run(tmp_path: Path) -> None:
    LESSON.lay("solution.py", tmp_path)
    main = tmp_path / "main.py"
    head, _, _ = main.read_text().partition("async def measure")
    (shown,) = blocks(LESSON.readme, "python")
    main.write_text(head + "\n".join(shown) + BESIDE)
    with Terminal(tmp_path) as terminal:
        terminal.expect("driver let 0 turns, ours several")
        terminal.expect("the same")


def test_mip_puts_the_driver_onto_a_board(tmp_path: Path) -> None:
    tiers.require(isolation.missing() is None, str(isolation.missing()), "integration")
    lines = [line for line in typed(LESSON) if line not in CHECK_DOES]
    assert lines == ["mpremote mip install package.json"]
    LESSON.lay("solution.py", tmp_path)
    with VirtualBoard() as board:
        assert "Installing: /lib/ahtx0.py" in typing(lines[0], tmp_path, board.port)
        look = 'mpremote exec "import ahtx0; print(ahtx0.__file__, ahtx0.AHT20)"'
        assert "/lib/ahtx0.py" in typing(look, tmp_path, board.port)
