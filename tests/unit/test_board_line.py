"""The line to a board has an end to every wait: for one that says nothing, and for one that never stops talking."""

import itertools
from collections.abc import Callable

import pytest

from fleet_tools.board_line import LONGEST_S, Line, Silent


class Port:
    """What pyserial has: `more` is asked for what came since the last time."""

    def __init__(self, more: Callable[[], bytes]) -> None:
        self.timeout = self.write_timeout = 0.0
        self.in_waiting = 0
        self.written = b""
        self._more = more

    def read(self, size: int) -> bytes:
        return self._more()

    def write(self, data: bytes) -> int:
        self.written += data
        return len(data)


def line(more: Callable[[], bytes]) -> Line:
    seconds = itertools.count()
    return Line(Port(more), clock=lambda: float(next(seconds)))  # type: ignore[arg-type]


def test_bytes_come_as_they_are_asked_for_and_the_last_are_remembered() -> None:
    pieces = iter([b"raw ", b"", b"REPL"])
    port = line(lambda: next(pieces))
    assert [port.read(1), port.read(5), port.inWaiting()] == [b"r", b"aw RE", 2]
    assert port.heard == b"raw REPL"


def test_a_board_that_says_nothing_is_given_up() -> None:
    port = line(lambda: b"")
    port.silent_s = 10
    with pytest.raises(Silent, match="said nothing for 10 s"):
        port.read(1)


@pytest.mark.parametrize(
    "look", [lambda port: port.read(1), lambda port: port.inWaiting(), lambda port: port.write(b"x")]
)
def test_a_board_that_never_stops_talking_is_given_up(look: Callable[[Line], object]) -> None:
    port = line(lambda: b"x")
    for _ in range(int(LONGEST_S) // 4):
        look(port)
    port.begin(0)
    with pytest.raises(Silent, match="not through after 0 s"):
        look(port)
    port.begin()
    look(port)
