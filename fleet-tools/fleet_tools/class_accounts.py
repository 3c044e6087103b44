"""Makes the broker's accounts those of a class: by the running broker if there is one, else in its file.

The roster and the Vault say what is wanted, the broker's document what is. Only the difference is done, so a run that
was broken off anywhere is completed by the next one, whichever verb that is.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from fleet_client import Address
from fleet_schema import values
from fleet_tools import accounts, live_accounts, settings
from fleet_tools.accounts import Account
from fleet_tools.accounts_changes import Command, changes
from fleet_tools.accounts_vault import BOARDS, CLASS, SIMULATED
from fleet_tools.class_folder import ClassFolder
from fleet_tools.errors import FleetError

MAX_GROUPS = 40  # a node's role names each group, and must fit into one message to the plugin
SAVED_S = 10.0  # the plugin saves its document at once, or (2.1) a moment later


@dataclass(frozen=True)
class Done:
    """`live`: told to a running broker. `changed`: how many accounts were new or different."""

    live: bool
    changed: int


def settle(folder: ClassFolder, renewed: Collection[str] = ()) -> Done:
    """Call it inside `folder.locked()`, after the roster was saved. `renewed` are nodes whose secret is new.

    `fleet class start` calls it before its broker starts, and once more when it runs.
    """
    wanted = _wanted(folder)
    address = running_broker(folder)
    vault = folder.vault
    before = vault.document() or {}
    todo = changes(wanted, before, renewed)
    changed = len({one.get("username") or one["rolename"].removeprefix("only-") for one in todo})
    if address is not None:
        try:
            _tell(folder, address, todo, wanted)
            return Done(True, changed)
        except live_accounts.NotOurs:
            if folder.in_docker or settings.is_running(_said(folder).get("pid")):
                raise
            # Our broker ended without taking running.json away, and somebody else listens there now.
    vault.publish(wanted, renewed)
    return Done(False, changed)


def may_come(folder: ClassFolder, node_id: str) -> bool:
    node = folder.node(node_id)
    return node is not None and not node.revoked and not folder.closed


def taken(folder: ClassFolder) -> set[str]:
    """Ids that a node of the class cannot have: services, and in Docker simulated nodes and single boards."""
    return {*accounts.SERVICES, *folder.vault.nodes(SIMULATED), *folder.vault.nodes(BOARDS)}


def unsettled(folder: ClassFolder) -> int:
    """How many accounts are not yet as the roster wants them; 0 unless a run was broken off."""
    secrets = folder.vault.nodes(CLASS)
    missing = [one for one in folder.nodes if one.id not in secrets]
    document = folder.vault.document() or {}
    todo = changes(_node_accounts(folder, secrets), document)
    return len({one["username"] for one in todo if "username" in one} | {one.id for one in missing})


def running_broker(folder: ClassFolder) -> Address | None:
    """Where the broker of the class listens, None if none runs: what running.json says may be long over."""
    if folder.in_docker:
        host, _, port = os.environ.get("FLEET_BROKER_AT", "broker:1883").rpartition(":")
        found = Address(host, int(port))
    else:
        said = _said(folder)
        if not said:
            return None
        found = Address(said["host"], said["mqtt"])
    try:
        socket.create_connection((found.host, found.port), timeout=3).close()
    except OSError:
        return None
    return found


def teams(folder: ClassFolder) -> list[str]:
    """The groups whose commands the nodes may hear: those of the fleet, and those of the roster."""
    found = sorted({*(os.environ.get("FLEET_TEAMS", "").split() or accounts.TEAMS), *folder.groups})
    if len(found) > MAX_GROUPS:
        raise FleetError(f"class {folder.base} has {len(found)} groups; {MAX_GROUPS} are possible: use fewer")
    return found


def _said(folder: ClassFolder) -> dict[str, Any]:
    """What `fleet class start` wrote into running.json; empty if it did not, or took it away when it ended."""
    try:
        said = json.loads(folder.running.read_text())
        if not isinstance(said["host"], str) or not values.is_int(said["mqtt"], 1, 65535):
            raise ValueError
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError):
        raise FleetError(f"{folder.running} cannot be read; delete it if the class does not run") from None
    return {**said}


def _tell(folder: ClassFolder, address: Address, todo: list[Command], wanted: list[Account]) -> None:
    if todo:
        asyncio.run(live_accounts.tell(as_account(address, "admin", folder), todo))
        _wait_until_saved(folder, wanted)
    gone = [one.id for one in folder.nodes if not may_come(folder, one.id)]
    if gone:
        asyncio.run(live_accounts.forget(as_account(address, "tools", folder), folder.base, gone))


def _wanted(folder: ClassFolder) -> list[Account]:
    """Secrets are made here if they are missing; in Docker `accounts init` makes those of the services."""
    vault = folder.vault
    roles = {} if folder.in_docker else accounts.SERVICE_ROLES
    services = [role(folder.base, vault.password(service)) for service, role in roles.items()]
    ids = [one.id for one in folder.nodes]
    if ids:
        vault.add_nodes(CLASS, ids, accounts.new_secret)
    return services + _node_accounts(folder, vault.nodes(CLASS))


def _node_accounts(folder: ClassFolder, secrets: dict[str, str]) -> list[Account]:
    """Who may not come and never had an account needs none."""
    known = {one["username"] for one in (folder.vault.document() or {}).get("clients", [])}
    groups = teams(folder)
    found = []
    for one in folder.nodes:
        off = not may_come(folder, one.id)
        if one.id in secrets and not (off and one.id not in known):
            account = accounts.node(folder.base, one.id, secrets[one.id], groups)
            found.append(Account(account.name, account.password, account.acls, account.client_id, disabled=off))
    return found


def as_account(address: Address, account: str, folder: ClassFolder) -> Address:
    return Address(address.host, address.port, account, folder.vault.known_password(account))


def _wait_until_saved(folder: ClassFolder, wanted: list[Account]) -> None:
    """The file of the broker that we talked to is ours, and says what we want; if not, it was another broker."""
    deadline = time.monotonic() + SAVED_S
    while changes(wanted, folder.vault.document() or {}):
        if time.monotonic() > deadline:
            raise FleetError(
                f"the broker took the changes, but {folder.broker} does not show them: "
                "is this the broker of another class, or of another folder?"
            )
        time.sleep(0.05)
