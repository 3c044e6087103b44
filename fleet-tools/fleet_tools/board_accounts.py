"""Which board becomes which node of a class: its own if it has one, else the next that nobody has.

Who was given what is kept in boards.json of the class's folder, {node: id of the board's chip}, so that a board that is
not plugged in keeps its node, and one whose flash was erased gets it back. No secrets are in there.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fleet_tools import certificates, class_folder, class_sheets, settings
from fleet_tools.class_folder import ClassFolder
from fleet_tools.errors import USAGE, FleetError
from fleet_tools.fetch import NODE
from fleet_tools.ticket import Ticket, TicketError, http_port, parse

GIVEN = "boards.json"
EXAMPLE = NODE / "config.example.json"


@dataclass(frozen=True)
class Known:
    """What was found on a board: the id of its chip in hex, and its config.json, None if it has none."""

    port: str
    id: str
    config: Mapping[str, Any] | None


@dataclass
class Account:
    """What a board gets: its part of config.json and files beside it; or `trouble`, a sentence."""

    config: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    example: dict[str, Any] = field(default_factory=dict)  # for a board without settings: sensors, journal
    trouble: str = ""


class Accounts(Protocol):
    """`base` is that of all its nodes; `broker` is a URL from which they can be seen, None if nothing is known."""

    @property
    def base(self) -> str: ...
    @property
    def broker(self) -> str | None: ...
    def give(self, boards: list[Known], taken: Collection[str] = (), *, keep: bool = True) -> dict[str, Account]: ...


class OneTicket:
    """For one board, with a sheet in the hand. FleetError if it is no ticket."""

    broker = None

    def __init__(self, text: str) -> None:
        try:
            self._ticket = parse(text)
        except TicketError as error:
            raise FleetError(str(error), USAGE) from None
        self._http = http_port(text)
        self.base = self._ticket.base

    def give(self, boards: list[Known], taken: Collection[str] = (), *, keep: bool = True) -> dict[str, Account]:
        found = self._ticket.config()
        if self._ticket.tls:
            found["broker"]["http"] = self._http
        return {board.port: Account(found, example=_example(board)) for board in boards}


class ClassBoards:
    """The nodes of one class, to be given to boards; `wished` is {port: node} as a person said it."""

    def __init__(self, name: str, wished: Mapping[str, str], *, plain: bool = False) -> None:
        self.folder = ClassFolder.open(name)
        self.base = name
        teachers = self.folder.credentials / "tools" / "sensor-fleet" / "config.toml"
        self.broker: str | None = settings.read_toml(teachers).get("broker")
        self._plain = plain
        self._wished = {port: self.folder.known_node(node).id for port, node in wished.items()}
        if len(set(self._wished.values())) < len(self._wished):
            raise FleetError("two boards cannot be the same node: name another with --node", USAGE)

    def give(self, boards: list[Known], taken: Collection[str] = (), *, keep: bool = True) -> dict[str, Account]:
        """{port: account}. `taken` are nodes that somebody already is, who came with a sheet. Without `keep` it is not
        written down, for a dry run."""
        with self.folder.locked():
            said = self.folder.said()  # it may run at other ports today
            self.folder.ports = {key: said.get(key) or port for key, port in self.folder.ports.items()}
            tickets = {one.node: one for one in class_sheets.tickets(self.folder, self._plain)}
            given = self._read()
            nodes = self._choose(boards, tickets, given, set(taken))
            for board in boards:
                node = nodes.get(board.port)
                if node and board.id:
                    given = {one: chip for one, chip in given.items() if chip != board.id and one != node}
                    given[node] = board.id
            if keep:
                class_folder.write(self._file, json.dumps(dict(sorted(given.items())), indent=1) + "\n")
            return {board.port: self._account(board, nodes.get(board.port), tickets) for board in boards}

    @property
    def _file(self) -> Path:
        return self.folder.folder / GIVEN

    def _read(self) -> dict[str, str]:
        try:
            found = json.loads(self._file.read_text())
            return {str(node): str(chip) for node, chip in found.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError):
            raise FleetError(
                f"{self._file} cannot be read: delete it, and boards keep what their config.json says"
            ) from None

    def _choose(
        self, boards: list[Known], tickets: Mapping[str, Ticket], given: Mapping[str, str], taken: set[str]
    ) -> dict[str, str]:
        """{port: node}, of those for which there is one."""
        chosen = dict(self._wished)
        chips = {chip: node for node, chip in given.items()}
        for rule in (self._own, lambda board, tickets: chips.get(board.id, "") if board.id else ""):
            for board in boards:
                node = rule(board, tickets)
                if board.port not in chosen and node in tickets and node not in chosen.values():
                    chosen[board.port] = node
        free = [one for one in tickets if one not in given and one not in taken and one not in chosen.values()]
        for board in boards:
            if board.port not in chosen and free:
                chosen[board.port] = free.pop(0)
        return chosen

    def _own(self, board: Known, tickets: Mapping[str, Ticket]) -> str:
        """The node that it is already, proven by its secret: anybody can write a name into a config.json."""
        config = board.config or {}
        ticket = tickets.get(str(config.get("node")))
        broker = config.get("broker")
        secret = broker.get("password") if isinstance(broker, dict) else None
        good = ticket is not None and config.get("base") == self.folder.base and secret == ticket.secret
        return ticket.node if ticket and good else ""

    def _account(self, board: Known, node: str | None, tickets: Mapping[str, Ticket]) -> Account:
        base = self.folder.base
        if node is None:
            return Account(
                trouble=f"class {base} has no node left for {board.port}: fleet class add {base} NAME makes one, "
                "--node ID gives one that was given before"
            )
        ticket, person = tickets.get(node), self.folder.node(node)
        if ticket is None or person is None:
            return Account(trouble=f"{node} of class {base} may not log in: fleet class reset {base} {node} lets it")
        found = ticket.config()
        found["name"] = person.name
        if person.group:
            found["groups"] = [person.group]
        files = {}
        if ticket.tls:
            found["broker"]["http"] = self.folder.ports["http"]
            made = certificates.ensure(self.folder.tls, base)
            files["ca.der"] = ssl.PEM_cert_to_DER_cert(made.ca.read_text())
        return Account(found, files, _example(board))


def _example(board: Known) -> dict[str, Any]:
    if board.config is not None:
        return {}
    example = json.loads(EXAMPLE.read_text())
    return {key: example[key] for key in example if key not in ("node", "name", "base", "broker", "groups", "wifi")}
