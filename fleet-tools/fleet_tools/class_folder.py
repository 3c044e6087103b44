"""A class is a folder: who belongs to it (class.json), and where its secrets, broker, certificates and data lie.

It owns class.json and says where everything else is; what is in the other files is their owners' business.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleet_client import private_file
from fleet_schema import topics, values
from fleet_tools import class_root
from fleet_tools.accounts_vault import CLASS, Owners, Vault
from fleet_tools.errors import USAGE, FleetError
from fleet_tools.words import did_you_mean

SCHEMA = 1  # of class.json
ROSTER = "class.json"
PORTS = {"mqtt": 1883, "mqtts": 8883, "http": 8080}
LONGEST_NAME = 32  # of a person's name: what a node's config and its meta take


@dataclass(frozen=True)
class ClassNode:
    """One line of the roster. An id is never given to somebody else, so a revoked node stays in it."""

    id: str
    name: str
    group: str = ""
    revoked: bool = False

    def config(self) -> dict[str, Any]:
        """Its part of the node's config.json; the ticket has the rest."""
        return {"node": self.id, "name": self.name, "groups": [self.group] if self.group else []}


@dataclass(frozen=True)
class Places:
    """Where a class keeps its things. In Docker the secrets and the broker's files are volumes of their own."""

    folder: Path
    credentials: Path
    broker: Path
    owners: Owners = field(default_factory=Owners)
    in_docker: bool = False
    ports: Mapping[str, int] = field(default_factory=dict)  # set by compose.yaml, whatever class.json says


@dataclass
class ClassFolder:
    """`ClassFolder.open("3b")`; change `nodes`, `where`, `ports` or `closed`, then `save()`, all `with locked()`.

    `where` is the address that the sheets show, None if it is found when they are printed. `base` is the class's name.
    """

    base: str
    places: Places
    where: str | None = None
    ports: dict[str, int] = field(default_factory=lambda: dict(PORTS))
    nodes: list[ClassNode] = field(default_factory=list)
    closed: bool = False

    @classmethod
    def open(cls, name: str, env: Mapping[str, str] = os.environ) -> ClassFolder:
        """The class of this name; FleetError if there is none, or if its class.json is not what we write."""
        places = places_of(name, env)
        text = _read(places.folder / ROSTER)
        if text is None:
            known = names(env)
            hint = did_you_mean(name, known) or f"; fleet class new {name} --nodes 30 makes it"
            raise FleetError(f"there is no class {name!r}{hint}", USAGE)
        return _from_text(text, name, places)

    @classmethod
    def open_or_begin(cls, name: str, env: Mapping[str, str] = os.environ) -> ClassFolder:
        """The class of this name, or an empty one that is a class from its first `save()`."""
        places = places_of(name, env)
        text = _read(places.folder / ROSTER)
        if text is None:
            return cls(name, places, ports={**PORTS, **places.ports})
        return _from_text(text, name, places)

    # -- where things are ---------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        return self.places.folder

    @property
    def in_docker(self) -> bool:
        """The one class of a compose.yaml: `accounts init` makes the services' accounts there."""
        return self.places.in_docker

    @property
    def roster(self) -> Path:
        """class.json: names and groups, no secrets; FLEET_ROSTER of the dashboard."""
        return self.folder / ROSTER

    @property
    def credentials(self) -> Path:
        return self.places.credentials

    @property
    def broker(self) -> Path:
        """dynamic-security.json, mosquitto.db and the generated mosquitto.conf."""
        return self.places.broker

    @property
    def tls(self) -> Path:
        return self.folder / "tls"

    @property
    def data(self) -> Path:
        """FLEET_DATA of the dashboard."""
        return self.folder / "data"

    @property
    def sheets(self) -> Path:
        return self.folder / "sheets.html"

    @property
    def running(self) -> Path:
        """Written by `fleet class start` while the broker and the dashboard run; may be stale."""
        return self.folder / class_root.RUNNING

    def said(self) -> dict[str, Any]:
        """What `fleet class start` says of itself in `running`."""
        return class_root.said(self.running)

    @property
    def vault(self) -> Vault:
        return Vault(self.credentials, self.broker, self.places.owners)

    @property
    def secrets(self) -> dict[str, str]:
        """{node id: secret} as the sheets show them; a revoked node keeps its own, which is worth nothing."""
        return self.vault.nodes(CLASS)

    # -- who belongs to it --------------------------------------------------------------------------------

    def node(self, node_id: str) -> ClassNode | None:
        return next((one for one in self.nodes if one.id == node_id), None)

    def find(self, text: str) -> ClassNode | None:
        """By its id, or by a name; FleetError if several have that name."""
        found = self.node(text)
        named = [one for one in self.nodes if one.name.casefold() == text.casefold()]
        if found is None and len(named) > 1:
            ids = ", ".join(one.id for one in named)
            raise FleetError(f"{len(named)} in class {self.base} are called {text}: say which, {ids}", USAGE)
        return found or (named[0] if named else None)

    def known_node(self, text: str) -> ClassNode:
        """As `find`, and FleetError with the closest id if it is not in the class."""
        found = self.find(text)
        if found is None:
            hint = did_you_mean(text, [one.id for one in self.nodes]) or f"; fleet class show {self.base} lists all"
            raise FleetError(f"there is no {text!r} in class {self.base}{hint}", USAGE)
        return found

    def replace(self, node: ClassNode) -> None:
        self.nodes = [node if one.id == node.id else one for one in self.nodes]

    @property
    def groups(self) -> list[str]:
        return sorted({one.group for one in self.nodes if one.group})

    # -- the file -----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One command at a time: the next waits until this one is done. What was read before counts no more."""
        _make_private(self.folder)
        with os.fdopen(os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._sweep()
            text = _read(self.roster)
            if text is not None:
                now = _from_text(text, self.base, self.places)
                self.where, self.ports, self.nodes, self.closed = now.where, now.ports, now.nodes, now.closed
            yield

    def _sweep(self) -> None:
        """What a run that was killed had not yet put in its place. In Docker `accounts init` may be writing now."""
        if not self.in_docker:
            for place in (self.folder.glob, self.credentials.rglob, self.broker.glob, self.tls.glob):
                for one in place("tmp????????"):
                    one.unlink(missing_ok=True)

    def save(self) -> bool:
        """Whole or not at all, and only if it differs; says whether it did."""
        text = json.dumps(_document(self), indent=1, ensure_ascii=False) + "\n"
        if _read(self.roster) == text:
            return False
        _make_private(self.folder)
        write(self.roster, text, self.places.owners.host)
        return True


def names(env: Mapping[str, str] = os.environ) -> list[str]:
    """The classes there are."""
    if env.get("FLEET_CLASS_FOLDER"):
        found = [env.get("FLEET_BASE", "fleet")] if (Path(env["FLEET_CLASS_FOLDER"]) / ROSTER).exists() else []
    else:
        found = sorted(one.parent.name for one in class_root.root(env).glob("*/" + ROSTER))
    return [one for one in found if topics.is_base(one)]


def places_of(name: str, env: Mapping[str, str] = os.environ) -> Places:
    """`<root>/<name>`; or, where FLEET_CLASS_FOLDER says so (in Docker), the one class of base FLEET_BASE."""
    if not topics.is_base(name):
        raise FleetError(
            f"{name!r} cannot be the name of a class: it is the first level of the topics, "
            "so use 1 to 16 of a-z, 0-9 and -, and do not begin with -",
            USAGE,
        )
    alone = env.get("FLEET_CLASS_FOLDER")
    if not alone:
        folder = class_root.root(env) / name
        return Places(folder, folder / "credentials", folder / "broker")
    only = env.get("FLEET_BASE", "fleet")
    if name != only:
        raise FleetError(
            f"here is one class only, {only!r}: its name is FLEET_BASE; to change it, set FLEET_BASE={name} "
            "and start the fleet again",
            USAGE,
        )
    given = {key: _number(env, f"FLEET_{key.upper()}_PORT") for key in PORTS}
    ports = {key: port for key, port in given.items() if port}
    owners = Owners(*(_number(env, key) for key in ("FLEET_UID_BROKER", "FLEET_UID_HOST", "FLEET_UID_NODES")))
    return Places(
        Path(alone), Path(alone), Path(env.get("FLEET_BROKER_FOLDER", alone)), owners, in_docker=True, ports=ports
    )


def write(path: Path, text: str, owner: int | None = None, prefix: str = "tmp") -> None:
    """A file that only its owner reads, whole or not at all; a power cut leaves the old one or the new one.

    Who writes without the lock takes another `prefix`: what begins with tmp is swept by who has it.
    """
    try:
        private_file.write(path, text, owner=None if owner is None else (owner, owner), prefix=prefix)
    except OSError as error:
        raise FleetError(f"{path} cannot be written ({error.strerror}): run this as its owner") from None


def _number(env: Mapping[str, str], key: str) -> int | None:
    return int(env[key]) if env.get(key, "").isdecimal() else None


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FleetError(
            f"the folder {folder} cannot be made ({error.strerror}); FLEET_CLASSES names another"
        ) from None


def _read(path: Path) -> str | None:
    """None if there is no such file."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise FleetError(f"{path} cannot be read ({error}): run this as its owner") from None


def _document(one: ClassFolder) -> dict[str, Any]:
    document: dict[str, Any] = {"schema": SCHEMA, "base": one.base, "where": one.where, "ports": one.ports}
    if one.closed:
        document["closed"] = True
    document["nodes"] = [
        {
            "id": node.id,
            "name": node.name,
            **({"group": node.group} if node.group else {}),
            **({"revoked": True} if node.revoked else {}),
        }
        for node in one.nodes
    ]
    return document


def _from_text(text: str, name: str, places: Places) -> ClassFolder:
    """FleetError that says what is wrong; people may edit this file."""
    path = places.folder / ROSTER
    try:
        found = json.loads(text)
        if found["schema"] > SCHEMA:
            raise FleetError(f"{path} was written by a newer fleet: update this one")
        if found["base"] != name:
            raise FleetError(
                f"{path} is of class {found['base']!r}, not of {name!r}: a class is moved with fleet backup"
            )
        ports = {**PORTS, **found.get("ports", {}), **places.ports}
        nodes = [_node(one) for one in found["nodes"]]
        where = found.get("where")
        good = all(values.is_int(port, 1, 65535) for port in ports.values()) and isinstance(where, str | None)
        if not good or len({one.id for one in nodes}) != len(nodes):
            raise ValueError
        return ClassFolder(name, places, where, ports, nodes, found.get("closed") is True)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise FleetError(f"{path} is not the roster of a class any more: put its backup in its place") from None


def _node(found: dict[str, Any]) -> ClassNode:
    node = ClassNode(found["id"], found["name"], found.get("group", ""), found.get("revoked", False))
    good = topics.is_node_id(node.id) and is_person(node.name) and isinstance(node.revoked, bool)
    if not good or (node.group != "" and not topics.is_group(node.group)):
        raise ValueError(node)
    return node


def is_person(name: object) -> bool:
    """A human name as a node takes it: 1 to 32 characters that can be shown."""
    return isinstance(name, str) and name != "" and values.is_text(name, LONGEST_NAME) is True
