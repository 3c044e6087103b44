"""One board at a serial port, by mpremote's transport. The only module that imports mpremote.

mpremote says of its own API that it is not stable, so it is pinned, and what we need of it stands here once.
"""

from __future__ import annotations

import ast
import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport
from serial import SerialException

from fleet_tools.errors import FleetError

BAUD = 115200
TRIES = 3
READ_S = 1  # mpremote looks at its own deadlines only between reads, and a read from a pty waits for ever
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

    def __init__(self, port: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.port = port
        self._sleep = sleep
        self._transport: SerialTransport | None = None

    def __enter__(self) -> Board:
        """Stops the program that runs there: after that the board is ours until `reset`."""
        why = ""
        for attempt in range(TRIES):
            if attempt:
                self._sleep(attempt)
            try:
                self._transport = SerialTransport(self.port, baudrate=BAUD, timeout=READ_S)
                self._transport.enter_raw_repl(soft_reset=True)
                return self
            except (TransportError, SerialException, OSError) as error:
                why = str(error)
                self._close()
        if "access" in why or "open port" in why:
            raise BoardError(f"{self.port} cannot be opened: is the board plugged in, and no other program using it?")
        raise BoardError(
            f"{self.port} does not answer: press reset on the board and try again at once; "
            "if that does not help, its firmware may not be MicroPython"
        )

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def _close(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
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
        if self._transport is None:
            raise BoardError(f"{self.port} is not connected")
        try:
            return work(self._transport)
        except TransportError as error:
            raise BoardError(_why(self.port, error)) from None
        except (OSError, SerialException) as error:
            raise BoardError(f"{self.port} is gone ({error}): plug it in again and repeat this") from None


def _why(port: str, error: TransportError) -> str:
    text = str(getattr(error, "error_output", "") or error).strip().splitlines()
    last = text[-1] if text else "no answer"
    if "28" in last and "OSError" in last:
        return f"the flash of {port} is full: take files off it, or deploy to a board with more"
    return f"{port} answered with an error: {last}"
