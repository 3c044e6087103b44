"""One board at a serial port, by mpremote's transport. With board_line.py the only module that imports mpremote.

mpremote says of its own API that it is not stable, so it is pinned, and what we need of it stands here once.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from mpremote import transport_serial
from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport
from serial import SerialException

from fleet_tools.board_line import BAUD, SILENT_S, Line, Silent, why_closed
from fleet_tools.errors import FleetError

PATIENCE_S = (2.0, 8.0, 15.0)  # for an answer, try by try; a board that just starts throws away what came before
INTERRUPT = b"\x03\x02"  # Ctrl-C, and Ctrl-B for the prompt
CHUNK = 1024  # bytes of a file in one go: a board has room for it
ROOM = 8192  # bytes of flash that are left free: the journal and the settings need some at once

LOOK = """
import os, sys, json
try:
    from machine import unique_id
    i = unique_id()
except Exception:
    i = b''
s = os.statvfs('/')
try:
    import umqtt.simple
    u = not umqtt.simple.__file__.startswith(('/', 'lib', 'a/', 'b/'))
except Exception:
    u = False
print(json.dumps({'machine': sys.implementation._machine, 'version': list(sys.implementation.version)[:3],
 'platform': sys.platform, 'id': ''.join('%02x' % b for b in i), 'free': s[0] * s[3], 'size': s[0] * s[2], 'umqtt': u}))
"""
LIST = """
import os, json, hashlib
def f(p):
    h = hashlib.sha256()
    b = bytearray(512)
    m = memoryview(b)
    with open(p, 'rb') as s:
        while True:
            n = s.readinto(b)
            if not n:
                break
            h.update(m[:n])
    return ''.join('%02x' % b for b in h.digest())
def w(d):
    try:
        a = list(os.ilistdir(d))
    except OSError:
        return
    for e in a:
        p = d + '/' + e[0]
        if e[1] & 0x4000:
            w(p)
        else:
            print(json.dumps([p, f(p)]))
def o(p):
    try:
        if not os.stat(p)[0] & 0x4000:
            print(json.dumps([p, f(p)]))
    except OSError:
        pass
"""

# It prints what it did not understand to stdout, where only our data belongs.
vars(transport_serial)["print"] = lambda *what: None


class BoardError(FleetError):
    """One sentence about one board, with what to do."""


@dataclass(frozen=True)
class Facts:
    """What a board says of itself. `free` and `size` in bytes of its flash; `id` in hex, "" if it has none."""

    machine: str
    version: tuple[int, ...]
    platform: str
    id: str
    free: int
    size: int
    umqtt: bool  # frozen into its firmware

    @property
    def firmware(self) -> str:
        return ".".join(map(str, self.version))


class Board:
    """`with Board("/dev/ttyACM0") as board:`; every method raises BoardError. Not for two threads at once."""

    def __init__(
        self,
        port: str,
        *,
        say: Callable[[str], None] = lambda text: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`say` is told what a person at the board could do meanwhile."""
        self.port = port
        self._say = say
        self._sleep = sleep
        self._transport: SerialTransport | None = None
        self._line: Line | None = None

    def __enter__(self) -> Board:
        """Stops the program that runs there: after that the board is ours until `reset`."""
        heard = b""
        for attempt, patience in enumerate(PATIENCE_S):
            if attempt:
                self._say("does not answer: press its reset button now")
            try:
                line = self._open(patience)
            except (TransportError, SerialException, OSError):
                if attempt == len(PATIENCE_S) - 1:
                    raise BoardError(why_closed(self.port)) from None
                self._sleep(1.0)  # after a reset it may be away for a moment
                continue
            try:
                if attempt:
                    self._interrupt(line, patience)
                if self._transport:
                    self._transport.enter_raw_repl(soft_reset=True)
                line.silent_s = SILENT_S
                return self
            except (TransportError, SerialException, OSError):
                heard += bytes(line.heard)
                self._close()
        raise BoardError(_mute(self.port, heard))

    def _interrupt(self, line: Line, patience: float) -> None:
        """Ctrl-C until the prompt comes: whenever the board is reset, one of them comes before its program."""
        end = time.monotonic() + patience
        came = b""
        while b">>> " not in came and time.monotonic() < end:
            line.write(INTERRUPT)
            self._sleep(0.02)
            came = came[-8:] + line.read(line.inWaiting())

    def _open(self, patience: float) -> Line:
        self._transport = SerialTransport(self.port, baudrate=BAUD)
        self._line = self._transport.serial = Line(self._transport.serial)
        self._line.silent_s = patience
        self._line.begin(4 * patience)  # what talks and talks is no MicroPython that waits for us
        return self._line

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """After an error it is reset, if it still answers: it runs what it ran before."""
        if kind is not None and self._transport is not None:
            with contextlib.suppress(BoardError):
                self.reset()
        self._close()

    def _close(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None and self._line is not None:
            transport.serial = self._line.port
            try:
                transport.close()
            except (OSError, SerialException):
                pass  # it is gone already

    def facts(self) -> Facts:
        told = json.loads(self._run(LOOK))
        return Facts(**{**told, "version": tuple(told["version"])})

    def hashes(self, folders: Iterable[str], files: Iterable[str] = ()) -> dict[str, str]:
        """{path: SHA-256 in hex} of all files below `folders`, and of `files` that are there."""
        calls = [f"w({folder!r})" for folder in folders] + [f"o({file!r})" for file in files]
        return dict(json.loads(line) for line in self._run(LIST + "\n".join(calls)).splitlines())

    def make_folders(self, folders: Iterable[str]) -> None:
        lines = [f"try:\n os.mkdir({folder!r})\nexcept OSError:\n pass" for folder in folders]
        self._run("import os\n" + "\n".join(lines))

    def write(self, path: str, data: bytes) -> None:
        """A file, checked by its hash. It is there in full or not at all only if the file system sees to that: what
        must never be half is written under another name and renamed."""
        self._run(f"f = open({path!r}, 'wb')\nw = f.write")
        for begin in range(0, len(data), CHUNK):
            self._run(f"w({data[begin : begin + CHUNK]!r})")
        self._run("f.close()")
        if self.hashes((), (path,)).get(path) != hashlib.sha256(data).hexdigest():
            raise BoardError(f"{self.port}: {path} did not arrive as it was sent; try again")

    def rename(self, old: str, new: str) -> None:
        self._run(f"import os\nos.rename({old!r}, {new!r})")

    def remove(self, files: Iterable[str]) -> None:
        self._run("import os\n" + "\n".join(f"os.remove({file!r})" for file in files))

    def remove_folders(self, folders: Iterable[str]) -> None:
        """Those that are empty; the deepest first."""
        deepest = sorted(folders, key=lambda folder: -folder.count("/"))
        self._run("import os\n" + "\n".join(f"try:\n os.rmdir({one!r})\nexcept OSError:\n pass" for one in deepest))

    def read(self, path: str) -> bytes | None:
        """None if there is no such file."""
        if path not in self.hashes((), (path,)):
            return None
        text = self._run(f"with open({path!r}, 'rb') as f:\n print(repr(f.read()))")
        return bytes(ast.literal_eval(text.strip()))

    def reset(self) -> None:
        """As the button does; the connection ends."""
        self._call(lambda board: board.exec_raw_no_follow("import machine, time\ntime.sleep_ms(100)\nmachine.reset()"))
        self._close()

    def _run(self, program: str) -> str:
        return bytes(self._call(lambda board: board.exec(program))).decode()

    def _call(self, work: Callable[[SerialTransport], Any]) -> Any:
        if self._transport is None or self._line is None:
            raise BoardError(f"{self.port} is not connected")
        self._line.begin()
        try:
            return work(self._transport)
        except Silent as error:
            self._close()
            raise BoardError(
                f"{self.port} does not answer any more: {error}; press its reset button and repeat this"
            ) from None
        except TransportError as error:
            raise BoardError(_why(self.port, error)) from None
        except (OSError, SerialException) as error:
            self._close()
            raise BoardError(f"{self.port} is gone ({error}): plug it in again and repeat this") from None


def _mute(port: str, heard: bytes) -> str:
    """Why it cannot be ours, by what it said while it was asked to stop."""
    if not heard.strip():
        return (
            f"{port} says nothing at all: let go of its reset and BOOT buttons, press reset once and repeat this; "
            "if that does not help, flash MicroPython from micropython.org/download"
        )
    return (
        f"{port} talks, but Ctrl-C does not stop it: press its reset button while this is repeated, so that Ctrl-C "
        "comes before its program; if that does not help, flash MicroPython from micropython.org/download"
    )


def _why(port: str, error: TransportError) -> str:
    text = str(getattr(error, "error_output", "") or error).strip().splitlines()
    last = text[-1] if text else "no answer"
    if "28" in last and "OSError" in last:
        return f"the flash of {port} is full: take files off it, or deploy to a board with more"
    return f"{port} answered with an error: {last}"
