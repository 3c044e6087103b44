"""A class as `fleet class` makes it, and the real mosquitto that serves it: who can log in, and who hears what."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from fleet_tools import cli
from fleet_tools.class_folder import ClassFolder
from support import tiers
from support.broker import Broker
from support.logins import Login
from support.probe import Probe

SHIPPED = tiers.ROOT / "broker" / "mosquitto.conf"


def limits() -> list[str]:
    """The limits of the broker that we ship: they must let every change through, and thirty at once."""
    return [line for line in SHIPPED.read_text().splitlines() if line.startswith(("max_", "memory_"))]


class Schoolroom:
    """`fleet class ...` on classes below FLEET_CLASSES; `with schoolroom:` the broker of class `name` runs."""

    def __init__(self, root: Path, name: str = "3b") -> None:
        self.root, self.name = root, name
        self.broker: Broker | None = None

    @property
    def folder(self) -> ClassFolder:
        return ClassFolder.open(self.name)

    @property
    def document(self) -> Path:
        return self.root / self.name / "broker" / "dynamic-security.json"

    def fleet(self, *arguments: str) -> int:
        """`fleet class ...` in this process."""
        return cli.run(["class", *arguments])

    def done(self, *arguments: str) -> None:
        code = self.fleet(*arguments)
        assert code == 0, f"fleet class {' '.join(arguments)} ended with {code}"

    def killed_at(self, step: int, *arguments: str) -> bool:
        """Whether it was killed; False if it has fewer steps, and then it has done its work."""
        ran = subprocess.run(
            [sys.executable, "-m", "support.killed", str(step), "class", *arguments],
            cwd=tiers.ROOT / "tests",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode in (0, -signal.SIGKILL), f"step {step} ended with {ran.returncode}: {ran.stderr}"
        return ran.returncode != 0

    def files(self) -> dict[str, bytes]:
        """Everything that `fleet class` keeps: the roster, the secrets, the broker's document."""
        kept = [self.root / self.name / "class.json", self.document]
        kept += sorted((self.root / self.name / "credentials").rglob("*"))
        return {one.name if one in kept[:2] else str(one): one.read_bytes() for one in kept if one.is_file()}

    def secret(self, node: str) -> str:
        return self.folder.secrets[node]

    def password(self, service: str) -> str:
        return self.folder.vault.known_password(service)

    # -- with a broker ------------------------------------------------------------------------------------

    def __enter__(self) -> "Schoolroom":
        library = tiers.dynamic_security()
        tiers.require(library, "mosquitto's dynamic-security plugin is not installed")
        lines = ("allow_anonymous false", f"plugin {library}", f"plugin_opt_config_file {self.document}")
        self.broker = Broker(*lines, *limits())
        self.broker.start()
        self.announce()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.broker is not None:
            self.broker.__exit__(kind, error, trace)

    def announce(self) -> None:
        """As `fleet class start` does."""
        said = {"pid": os.getpid(), "host": "127.0.0.1", "mqtt": self.port, "mqtts": 0, "http": 0}
        self.folder.running.write_text(json.dumps(said))

    @property
    def port(self) -> int:
        assert self.broker is not None
        return self.broker.port

    def login(self, node: str, secret: str | None = None) -> Login:
        return Login(self.port, node, secret or self.secret(node), node)

    def witness(self, *filters: str) -> Probe:
        """The teacher's account, which hears the whole class."""
        url = f"mqtt://tools:{self.password('tools')}@127.0.0.1:{self.port}"
        return Probe(url, *(filters or (f"{self.name}/1/#",)))

    def topic(self, node: str, rest: str) -> str:
        return f"{self.name}/1/{node}/{rest}"
