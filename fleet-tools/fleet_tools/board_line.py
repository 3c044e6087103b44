"""The serial line to a board: nothing on it waits for ever, and what came over it says why a board does not answer.

Together with board.py the only module that imports pyserial; mpremote gets its port in this wrapping.
"""

from __future__ import annotations

import contextlib
import errno
import threading
import time
from collections.abc import Callable, Iterator

import serial
from mpremote.transport import TransportError
from serial import SerialException

BAUD = 115200
SILENT_S = 15.0  # so long a board may say nothing while it has something to do; erasing flash is the longest
LONGEST_S = 180.0  # for one piece of work, however much it says: a board that babbles never ends on its own
POLL_S = 0.5
REMEMBERED = 2000  # bytes


class Silent(TransportError):  # type: ignore[misc]  # mpremote has no types
    """The board said nothing for too long, or too much."""


class Line:
    """What mpremote needs of pyserial's port, with an end to every wait. `port` is the one it stands for."""

    def __init__(self, port: serial.Serial, clock: Callable[[], float] = time.monotonic) -> None:
        self.port = port
        self.silent_s = SILENT_S
        self.heard = bytearray()  # the last that came
        self._clock = clock
        self._came = b""
        self.begin()
        port.timeout = POLL_S
        port.write_timeout = SILENT_S

    def begin(self, within_s: float = LONGEST_S) -> None:
        """A new piece of work."""
        self._longest = within_s
        self._end = self._clock() + within_s

    def read(self, size: int = 1) -> bytes:
        """So many bytes, or Silent."""
        quiet = self._clock() + self.silent_s
        while len(self._came) < size:
            more = self.port.read(self.port.in_waiting or 1)
            now = self._clock()
            if more:
                quiet = now + self.silent_s
                self._came += more
                self.heard += more
                del self.heard[:-REMEMBERED]
            elif now > quiet:
                raise Silent(f"it said nothing for {self.silent_s:.0f} s")
            self._check()
        data, self._came = self._came[:size], self._came[size:]
        return data

    def write(self, data: bytes) -> int:
        self._check()
        return int(self.port.write(data) or 0)

    def inWaiting(self) -> int:  # as mpremote calls it
        self._check()
        return len(self._came) + int(self.port.in_waiting)

    def _check(self) -> None:
        if self._clock() > self._end:
            raise Silent(f"it was not through after {self._longest:.0f} s")


def why_closed(port: str) -> str:
    """One sentence about a port that mpremote cannot open."""
    try:
        serial.serial_for_url(port, baudrate=BAUD, exclusive=True).close()
    except (SerialException, OSError, ValueError) as error:
        return _sentence(port, error)
    return f"{port} could not be opened a moment ago and can now: repeat this"


def lines(port: str, ended: threading.Event, note: Callable[[str], None]) -> Iterator[str]:
    """What the board says, line by line, until `ended`; comes back after a reset or an unplugged cable. `note` is told
    once what keeps it away."""
    told = ""
    while not ended.is_set():
        try:
            opened = _listen(port)
        except (SerialException, OSError, ValueError) as error:
            if (why := _sentence(port, error)) != told:
                told = why
                note(why)
            ended.wait(POLL_S)
            continue
        if told:
            note(f"{port} is back")
        told = f"{port} is gone: waiting until it is back"
        try:
            yield from _said(opened, ended)
        except (SerialException, OSError):
            if not ended.is_set():
                note(told)
        finally:
            with contextlib.suppress(SerialException, OSError):
                opened.close()


def _said(opened: serial.Serial, ended: threading.Event) -> Iterator[str]:
    rest = b""
    while not ended.is_set():
        *whole, rest = (rest + opened.read(opened.in_waiting or 1)).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace").rstrip("\r")


def _listen(port: str) -> serial.Serial:
    """The port, to hear what a board says. Neither this nor its end resets the board."""
    opened = serial.serial_for_url(port, baudrate=BAUD, exclusive=True, timeout=POLL_S)
    with contextlib.suppress(ImportError, AttributeError, OSError):  # Windows has no termios
        import termios

        found = termios.tcgetattr(opened.fd)
        found[2] &= ~termios.HUPCL  # or the lines DTR and RTS fall at the end, which is the reset of many boards
        termios.tcsetattr(opened.fd, termios.TCSANOW, found)
    return opened


def _sentence(port: str, error: Exception) -> str:
    number = getattr(error, "errno", None)
    text = str(error)
    if number == errno.ENOENT or isinstance(error, ValueError) or "FileNotFoundError" in text:
        return f"{port} is not there: plug the board in, with a cable that carries data; fleet boards lists what is"
    if number in (errno.EAGAIN, errno.EBUSY) or "exclusively lock" in text:
        return f"{port} is in use by another program: close it (Thonny, mpremote, fleet logs, a serial monitor)"
    if number in (errno.EACCES, errno.EPERM) or "PermissionError" in text:
        return (
            f"{port} may not be opened by you: on Linux sudo usermod -aG dialout $USER and log in again, "
            "on Windows another program has it open"
        )
    return f"{port} cannot be opened ({text}): unplug the board and plug it in again"
