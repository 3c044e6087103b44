"""The files of the accounts: one folder per service with its secrets, and the broker's dynamic-security.json.

Passwords are made here, once, and never printed, logged or changed. Every file is 0600, every folder 0700.
"""

import json
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleet_client import private_file
from fleet_tools import accounts
from fleet_tools.accounts import Account, AccountError

DOCUMENT = "dynamic-security.json"
SIMULATED = "sim"
BOARDS = "boards"
CLASS = "class"  # the nodes of a class; fleet class makes and changes them


@dataclass(frozen=True)
class Owners:
    """Numeric user ids that the files are given to; None leaves them to whoever runs this."""

    broker: int | None = None
    host: int | None = None
    nodes: int | None = None

    def of(self, service: str) -> int | None:
        """Boards' passwords belong to nobody but the one who runs this: no service needs them."""
        by_service = {"health": self.broker, SIMULATED: self.nodes, BOARDS: None, CLASS: None}
        return by_service.get(service, self.host)


@dataclass
class Vault:
    """The credentials below `folder` and the broker's document in `broker_folder`."""

    folder: Path
    broker_folder: Path
    owners: Owners = Owners()
    changed: list[Path] = field(default_factory=list)

    def password(self, service: str) -> str:
        """The password of a service account, made at the first call."""
        if self._read(self._password_path(service)) is None:
            self.hand_over(service, "password", accounts.new_password() + "\n")
        return self.known_password(service)

    def known_password(self, service: str) -> str:
        """The password of a service account that must exist already."""
        text = self._read(self._password_path(service))
        if text is None:
            raise AccountError(f"There are no accounts in {self.folder}: fleet accounts init makes them.")
        return text.strip()

    def nodes(self, kind: str) -> dict[str, str]:
        """{node id: password} of the simulated nodes or of the boards."""
        return dict(self._read_json(self._nodes_path(kind), {}))

    def add_nodes(self, kind: str, names: list[str], make: Callable[[], str] = accounts.new_password) -> dict[str, str]:
        """Adds those that are missing; a node that has a password keeps it."""
        known = self.nodes(kind)
        known.update({name: make() for name in names if name not in known})
        self._write_json(self._nodes_path(kind), known, self.owners.of(kind))
        return known

    def set_nodes(self, kind: str, words: dict[str, str]) -> None:
        """These nodes get these passwords; the others keep theirs."""
        self._write_json(self._nodes_path(kind), {**self.nodes(kind), **words}, self.owners.of(kind))

    def forget_node(self, name: str) -> None:
        for kind in (SIMULATED, BOARDS):
            known = self.nodes(kind)
            if known.pop(name, None) is not None:
                self._write_json(self._nodes_path(kind), known, self.owners.of(kind))

    def publish(self, every: list[Account], renewed: Collection[str] = ()) -> None:
        """Writes the broker's document; an unchanged one is left alone, also if the plugin wrote it in its own way."""
        before = self.document()
        wanted = accounts.document(every, before, renewed)
        if before is None or not accounts.is_same(before, wanted):
            self._write_json(self._document_path, wanted, self.owners.broker)
        self._own(self.broker_folder, self.owners.broker)

    def document(self) -> accounts.Document | None:
        found: accounts.Document | None = self._read_json(self._document_path, None)
        return found

    def replace_document(self, document: accounts.Document) -> None:
        self._write_json(self._document_path, document, self.owners.broker)

    def hand_over(self, service: str, name: str, text: str) -> None:
        """A file in the form in which a service reads its own credentials."""
        self._write(self.folder / service / name, text, self.owners.of(service))

    @property
    def _document_path(self) -> Path:
        return self.broker_folder / DOCUMENT

    def _nodes_path(self, kind: str) -> Path:
        return self.folder / kind / "nodes.json"

    def _password_path(self, service: str) -> Path:
        return self.folder / service / "password"

    @staticmethod
    def _read(path: Path) -> str | None:
        """None if there is no such file."""
        try:
            return path.read_text()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise AccountError(f"{path} cannot be read ({error.strerror}): run this as its owner.") from None

    def _read_json(self, path: Path, default: Any) -> Any:
        text = self._read(path)
        try:
            return default if text is None else json.loads(text)
        except ValueError:
            raise AccountError(f"{path} is not JSON any more: put its backup in its place, then try again.") from None

    def _write_json(self, path: Path, value: Any, owner: int | None) -> None:
        self._write(path, json.dumps(value, indent=1) + "\n", owner)

    def _write(self, path: Path, text: str, owner: int | None) -> None:
        """Whole or not at all, and only if it differs."""
        if self._read(path) == text:
            return
        try:
            self._make_folders(path.parent, owner)
            private_file.write(path, text, owner=None if owner is None else (owner, owner))
        except OSError as error:
            raise AccountError(f"{path} cannot be written ({error.strerror}): run this as its owner.") from None
        self.changed.append(path)

    def _make_folders(self, folder: Path, owner: int | None) -> None:
        """All may pass through the folder of the vault; each folder in it is its service's alone."""
        for missing in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
            inside = self.folder in missing.parents
            missing.mkdir(mode=0o700 if inside else 0o755)
            if inside:
                self._own(missing, owner)

    @staticmethod
    def _own(path: Path, owner: int | None) -> None:
        if owner is not None and path.stat().st_uid != owner:
            os.chown(path, owner, owner)
