"""A real mosquitto of one's own: a free port, a generated config, its log in the failure."""

import itertools
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from support import tiers


def _ports() -> Iterator[int]:
    """Below those that the system gives out by itself, each worker of a parallel run in a range of its own."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first, size = 10_000 + worker % 16 * 1000, 1000
    for step in itertools.count(random.SystemRandom().randrange(size)):
        yield first + step % size


_PORTS = _ports()


def free_port() -> int:
    """Nobody listens on it, and no other test of this run is told the same one soon."""
    for port in itertools.islice(_PORTS, 1000):
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


def wait_for_port(port: int, within: float = 20.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
            return True
        except OSError:
            time.sleep(0.01)
    return False


class Broker:
    """`with Broker() as broker:` is a mosquitto on loopback that can be killed, frozen and started again.

    `config` lines replace the default `allow_anonymous true`; persistence is on, so that a restart keeps state.
    Its port stays taken while it is down: nobody else listens there meanwhile, and who connects is refused.
    """

    def __init__(self, *config: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self._config = config or ("allow_anonymous true",)
        self._dir = tempfile.TemporaryDirectory(prefix="fleet-broker-")
        self.directory = Path(self._dir.name)
        self._log = self.directory / "log"
        self._place: int | None = None  # a socket that is bound to our port and does not listen
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def pid(self) -> int:
        assert self._process is not None, "the broker is not running"
        return self._process.pid

    def start(self) -> None:
        assert self._process is None, "the broker is running"
        if self._place is None:
            with socket.socket() as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as mosquitto does, so both may have it
                sock.bind(("127.0.0.1", self.port))
                self._place = sock.detach()
        lines = [
            f"listener {self.port} 127.0.0.1",
            "persistence true",
            f"persistence_location {self.directory}/",
            "autosave_interval 1",
            "max_inflight_messages 1000",
            "max_queued_messages 100000",
            "set_tcp_nodelay true",
            "log_type all",
            *(["user root"] if os.geteuid() == 0 else []),  # or it drops to an account that cannot read our directory
            *self._config,
        ]
        path = self.directory / "mosquitto.conf"
        path.write_text("\n".join(lines) + "\n")
        binary = tiers.mosquitto()
        assert binary is not None
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [binary, "-c", str(path)], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        assert wait_for_port(self.port), f"mosquitto did not listen on {self.port}:\n{self.log}"

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """As a power cut would: nothing is saved."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None, "the broker is not running"
        self._process.send_signal(how)
        self._process.wait(10)
        self._process = None

    def __enter__(self) -> "Broker":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self.kill()
        if error is not None:
            print(f"--- broker on {self.port} ---\n" + "\n".join(self.log.splitlines()[-40:]))
        if self._place is not None:
            os.close(self._place)
            self._place = None
        self._dir.cleanup()
