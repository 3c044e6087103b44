"""What keeps a board from being ours, each with a sentence of its own: by the real transport, at real terminals."""

import os
import pty
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import serial

from fleet_tools import boards, deploy
from fleet_tools.board import Board
from support import tiers
from support.board import VirtualBoard, isolation


@pytest.fixture(autouse=True)
def _can_isolate() -> None:
    tiers.require(isolation.missing() is None, str(isolation.missing()), "integration")


@contextmanager
def port(says: bytes = b"") -> Iterator[str]:
    """A serial port at which no MicroPython is."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    ended = threading.Event()

    def talk() -> None:
        while not ended.wait(0.05):
            os.write(ours, says)

    thread = threading.Thread(target=talk)
    if says:
        thread.start()
    try:
        yield os.ttyname(theirs)
    finally:
        ended.set()
        if says:
            thread.join()
        os.close(ours)
        os.close(theirs)


def trouble(name: str, patience_s: tuple[float, ...] = (0.5, 0.5)) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fleet_tools.board.PATIENCE_S", patience_s)
        return str(boards.look(name)["trouble"])


def test_a_port_that_is_not_there() -> None:
    assert trouble("/dev/no-such-port").startswith("/dev/no-such-port is not there: plug the board in")


def test_a_port_that_another_program_has_open(board: VirtualBoard) -> None:
    with serial.Serial(board.port, exclusive=True):
        assert "is in use by another program: close it (Thonny, mpremote" in trouble(board.port)
    assert trouble(board.port, (30.0,)) == "None"


def test_a_board_that_is_held_in_reset_or_has_no_firmware_says_nothing() -> None:
    with port() as name:
        assert "says nothing at all: let go of its reset and BOOT buttons" in trouble(name)


def test_a_board_with_another_firmware_talks_and_is_no_micropython() -> None:
    with port(b"temperature 21.5\r\n") as name:
        assert "talks, but Ctrl-C does not stop it: press its reset button" in trouble(name)


STUBBORN = b"""
import time
print('MicroPython is here')
time.sleep(0.2)
while True:
    try:
        time.sleep(0.05)
        print('and goes on')
    except:
        pass
"""


def test_a_program_that_is_busy_is_stopped_and_one_that_cannot_be_is_after_a_reset(
    board: VirtualBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Board(board.port) as there:
        there.write("/main.py", b"while True: pass")
        there.reset()
    with Board(board.port) as there:
        there.write("/main.py", STUBBORN)
        there.reset()
    board.expect(b"and goes on")
    assert "talks, but Ctrl-C does not stop it: press its reset button" in trouble(board.port)

    def press_reset(text: str) -> None:
        assert text == "does not answer: press its reset button now"
        board.press_reset()

    monkeypatch.setattr("fleet_tools.board.PATIENCE_S", (0.5, 30.0))
    with Board(board.port, say=press_reset) as there:
        there.remove(["/main.py"])


def test_a_board_that_goes_silent_in_the_middle_is_told_of_and_waited_for_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fleet_tools.board.SILENT_S", 2.0)
    monkeypatch.setattr("fleet_tools.board.PATIENCE_S", (30.0, 30.0))
    with VirtualBoard() as board:

        def freeze(work: deploy.Work) -> None:
            if work.says.startswith("copying 9 of"):
                board.freeze()

        works = [deploy.Work(board.port, {"node": "ada"})]
        deploy.deploy(works, freeze, dry_run=False)
    assert works[0].state == "failed"
    assert "does not answer any more: it said nothing for 2 s; press its reset button" in works[0].says
