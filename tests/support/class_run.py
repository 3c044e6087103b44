"""A class of one's own that really runs: `fleet class new` and `fleet class start` as a teacher types them."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from support import tiers
from support.broker import free_port
from support.logins import Login
from support.probe import Probe

FLEET = [sys.executable, "-m", "fleet_tools"]
LAST_WORD = "Ctrl-C here"  # with it the story ends that `fleet class start` tells


def environment(root: Path) -> dict[str, str]:
    """Nothing of ours but where the classes are; mosquitto is found as on a laptop."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("FLEET_", "XDG_"))}
    return {**kept, "FLEET_CLASSES": str(root), "PATH": os.environ["PATH"] + ":/usr/sbin"}


def fleet(root: Path, *words: str, code: int = 0, within: float = 60) -> str:
    """What it said, on both streams; fails if its exit code is another one."""
    done = subprocess.run(
        [*FLEET, *words],
        env=environment(root),
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=within,
        check=False,
    )
    assert done.returncode == code, f"fleet {' '.join(words)} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def wait_for(condition: Callable[[], Any], what: str, within: float = 30, told: Callable[[], str] = str) -> Any:
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen within {within} s: {told()}"
        time.sleep(0.05)
    return found


class ClassRun:
    """`with ClassRun(root) as running:` is ready when the block begins; stopped with Ctrl-C when it ends."""

    def __init__(self, root: Path, name: str = "3b", *options: str, ports: tuple[int, int, int] | None = None) -> None:
        """`ports` are those of MQTT, of MQTT with TLS, and of the dashboard."""
        self.root, self.name = root, name
        self.folder = root / name
        self.mqtt, self.mqtts, self.http = ports or (free_port(), free_port(), free_port())
        given = ["--broker-port", str(self.mqtt), "--tls-port", str(self.mqtts), "--port", str(self.http)]
        self._command = [*FLEET, "class", "start", name, *given, *options]
        self._err = root / f"{name}-said"
        self._process: subprocess.Popen[str] | None = None
        self.lines: list[str] = []

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def said(self) -> str:
        return self._err.read_text()

    @property
    def broker_log(self) -> str:
        return (self.folder / "broker.log").read_text(errors="replace")

    def launch(self) -> None:
        with self._err.open("w") as err:
            self._process = subprocess.Popen(
                self._command,
                env=environment(self.root),
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=err,
                text=True,
                start_new_session=True,
            )

    def start(self) -> None:
        self.launch()
        assert self._process is not None
        assert self._process.stdout is not None
        for _ in range(2):
            line = self._process.stdout.readline()
            assert line, f"the class did not start:\n{self.said}\n--- broker.log\n{self.broker_log}"
            self.lines.append(line.strip())
        wait_for(lambda: LAST_WORD in self.said, "that the class has said all", told=lambda: self.said)

    def end(self, how: signal.Signals = signal.SIGINT, within: float = 30) -> int:
        assert self._process is not None
        self._process.send_signal(how)
        code = self._process.wait(within)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        return code

    def stop(self) -> None:
        """With Ctrl-C, as a teacher does."""
        assert self.end() == 0, self.said

    def __enter__(self) -> "ClassRun":
        try:
            self.start()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            print(f"--- class start {self.name} ---\n{self.said}\n--- broker.log\n{self.broker_log[-3000:]}")
        if self._process is not None:
            self.end()

    # -- its files and accounts ---------------------------------------------------------------------------

    @property
    def running(self) -> dict[str, Any]:
        """running.json; empty if there is none."""
        try:
            found: dict[str, Any] = json.loads((self.folder / "running.json").read_text())
        except FileNotFoundError:
            return {}
        return found

    def processes(self) -> dict[int, str]:
        """{pid: name of the program} of it and of all that it started, the starters first."""
        every: dict[int, tuple[int, str]] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, rest = path.read_text().split("(", 1)[1].rsplit(")", 1)
            except OSError:
                continue
            every[int(path.parent.name)] = int(rest.split()[1]), name
        found = {self.pid: "fleet"}
        for _ in range(3):
            found |= {pid: name for pid, (parent, name) in every.items() if parent in found and pid not in found}
        return found

    @property
    def broker_pid(self) -> int | None:
        return next((pid for pid, name in self.processes().items() if name == "mosquitto"), None)

    def secret(self, node: str) -> str:
        return str(json.loads((self.folder / "credentials" / "class" / "nodes.json").read_text())[node])

    def ticket(self, node: str) -> str:
        """The link of the QR code on its sheet, but at the ports of this run."""
        said = fleet(self.root, "class", "tls", self.name)
        (fingerprint,) = re.findall(r"fingerprint +([0-9a-f]{32})", said)
        at = f"127.0.0.1:{self.mqtts}/{self.name}#{fingerprint}"
        return f"http://127.0.0.1:{self.http}/join#mqtts://{node}:{self.secret(node)}@{at}"

    def password(self, service: str) -> str:
        return (self.folder / "credentials" / service / "password").read_text().strip()

    def login(self, node: str, **more: Any) -> Login:
        """With the account of a node."""
        return Login(self.mqtt, node, self.secret(node), node, **more)

    def service(self, name: str) -> Login:
        return Login(self.mqtt, name, self.password(name))

    def stranger(self, client_id: str | None = None, **more: Any) -> Login:
        """Without an account."""
        return Login(self.mqtt, None, None, client_id, **more)

    def witness(self, *filters: str) -> Probe:
        """Hears the whole class."""
        url = f"mqtt://watch:{self.password('watch')}@127.0.0.1:{self.mqtt}"
        return Probe(url, *(filters or (f"{self.name}/1/#",)))


class Joined:
    """`with Joined(root, ticket) as told:` gives the ticket to `fleet join`; `told()` is what it said so far."""

    def __init__(self, root: Path, ticket: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="join-", dir=root))
        self._said = self._folder / "said"
        (self._folder / "my.ticket").write_text(ticket)

    def __enter__(self) -> Callable[[], str]:
        with self._said.open("w") as said:
            self._process = subprocess.Popen(
                [*FLEET, "join", "--ticket-file", "my.ticket", "--folder", "node"],
                env={**environment(self._folder), "HOME": str(self._folder)},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        return self._said.read_text

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)


def library() -> None:
    """Skips if no class can run here."""
    from fleet_tools import class_broker
    from fleet_tools.errors import FleetError

    path = os.environ["PATH"]
    try:
        os.environ["PATH"] = path + ":/usr/sbin"
        class_broker.find()
    except FleetError as error:
        tiers.require(False, str(error))
    finally:
        os.environ["PATH"] = path
