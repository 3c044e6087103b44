"""A broker with the project's accounts, as `fleet accounts init` makes them, and a witness who may hear everything."""

import contextlib
import io
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from fleet_tools import accounts, cli
from fleet_tools.accounts import Account, Document
from support import tiers
from support.broker import Broker
from support.logins import Login
from support.probe import Probe

EVERYTHING = Account(
    "everything",
    "everything",
    tuple(
        (right, topic)
        for right in ("subscribePattern", "publishClientReceive", "publishClientSend")
        for topic in ("#", "$SYS/#", "$CONTROL/#")
    ),
)


class Classroom:
    """Accounts in `folder`, for boards of these ids, and a broker that knows them (a mosquitto of this machine, unless
    `run` makes another one of the finished document)."""

    def __init__(self, folder: Path, boards: Iterable[str] = ("ada", "grace"), *more: Account) -> None:
        self.folder, self._boards = folder, tuple(boards)
        named = [word for board in self._boards for word in ("--board", board)]
        with contextlib.redirect_stdout(io.StringIO()):
            assert cli.run(["accounts", "init", "--folder", str(folder), *named]) == 0
        self._others = {account.name: account for account in (EVERYTHING, *more)}
        self.document = folder / "dynamic-security.json"
        known: Document = json.loads(self.document.read_text())
        self.document.write_text(json.dumps(accounts.document(self._others.values(), known)))
        self.port = 0

    def broker(self, *config: str) -> Broker:
        library = tiers.dynamic_security()
        tiers.require(library, "mosquitto's dynamic-security plugin is not installed")
        lines = ("allow_anonymous false", f"plugin {library}", f"plugin_opt_config_file {self.document}")
        broker = Broker(*lines, *config)
        self.port = broker.port
        return broker

    def password(self, name: str) -> str:
        if name in self._others:
            return self._others[name].password
        own = self.folder / name / "password"
        if own.exists():
            return own.read_text().strip()
        return str(json.loads((self.folder / "boards" / "nodes.json").read_text())[name])

    def url(self, name: str) -> str:
        return f"mqtt://{name}:{self.password(name)}@127.0.0.1:{self.port}"

    def client_id(self, name: str) -> str | None:
        """The one that the account must use; None: it may use any."""
        own = {**{board: board for board in self._boards}, "health": "health"}
        return own.get(name) or (self._others[name].client_id if name in self._others else None)

    def login(self, name: str, client_id: str | None = None, **more: Any) -> Login:
        return Login(self.port, name, self.password(name), client_id or self.client_id(name), **more)

    def witness(self) -> Probe:
        return Probe(self.url("everything"), "#", "$CONTROL/#")

    def everything(self) -> Login:
        return self.login("everything")


class Class:
    """`with Class(names, *config) as (classroom, broker):` is a classroom on a running broker, gone afterwards."""

    def __init__(self, boards: Iterable[str], *config: str) -> None:
        self._boards, self._config = boards, config

    def __enter__(self) -> tuple[Classroom, Broker]:
        self._folder = tempfile.TemporaryDirectory(prefix="fleet-class-")
        classroom = Classroom(Path(self._folder.name), self._boards)
        self._broker = classroom.broker(*self._config)
        self._broker.start()
        return classroom, self._broker

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._broker.__exit__(kind, error, trace)
        self._folder.cleanup()
