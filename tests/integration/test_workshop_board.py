"""Every lesson of the workshop on a board, with the same files: by mpremote, as `fleet workshop check --port`."""

from pathlib import Path

import pytest

from fleet_tools import workshop_lessons as lessons
from support.board import VirtualBoard
from support.workshop import LESSONS, check, fleet, waits_for_its_owner

SENT = [lesson for lesson in LESSONS if not waits_for_its_owner(lesson)]  # the others have tests of their own


@pytest.mark.parametrize("lesson", SENT, ids=lambda lesson: lesson.name)
def test_the_solution_passes_on_a_board(lesson: lessons.Lesson, board: VirtualBoard, tmp_path: Path) -> None:
    assert check(lesson, "solution.py", tmp_path, port=board.port)[1] is None


def test_a_check_on_a_board_says_so_and_names_a_board_that_is_not_there(board: VirtualBoard, tmp_path: Path) -> None:
    fleet(tmp_path, "goto", "2")
    assert f"01-hello, on the board at {board.port}:\n  ok " in fleet(tmp_path, "check", "1", "--port", board.port)
    told = fleet(tmp_path, "check", "1", "--port", "/dev/no-such-board", code=1)
    assert "/dev/no-such-board" in told
    assert "plugged in" in told
