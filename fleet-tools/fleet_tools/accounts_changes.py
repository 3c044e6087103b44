"""What a running broker's plugin must be told, so that the accounts in its document become the wanted ones.

Pure: commands as its control topic takes them, in the order in which they must run; none if all is as wanted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from fleet_tools import accounts
from fleet_tools.accounts import Account, Document

Command = dict[str, Any]


def changes(wanted: Iterable[Account], document: Document, renewed: Collection[str] = ()) -> list[Command]:
    """Only what differs; a command that is needless would end a session for nothing. Who is thrown out goes first.

    `renewed`: accounts with a new password, which are told even if the hash cannot be checked.
    """
    clients = {one["username"]: one for one in document.get("clients", [])}
    roles = {one["rolename"]: one for one in document.get("roles", [])}
    first: list[Command] = []
    then: list[Command] = []
    for account in wanted:
        then += _role_changes(account, roles.get(accounts.role_name(account.name)))
        known = clients.get(account.name)
        if known is None:
            then.append(_create(account))
        else:
            then += _client_changes(account, known, account.name in renewed)
        was = bool(known and known.get("disabled"))
        if account.disabled is not None and account.disabled != was:
            command = "disableClient" if account.disabled else "enableClient"
            (first if account.disabled and known else then).append({"command": command, "username": account.name})
    return first + then


def instead(command: Command) -> Command | None:
    """What to say if the plugin answered that it exists already: it had not saved its document when we read it."""
    other = {"createRole": "modifyRole", "createClient": "modifyClient"}.get(command["command"])
    return {**command, "command": other} if other else None


def _role_changes(account: Account, known: Document | None) -> list[Command]:
    wanted = accounts.role(account)
    if known is None:
        return [{"command": "createRole", **wanted}]
    if accounts.acls_of(known) != accounts.acls_of(wanted):
        return [{"command": "modifyRole", **wanted}]
    return []


def _create(account: Account) -> Command:
    command = {"command": "createClient", "username": account.name, "password": account.password, **_roles(account)}
    return {**command, "clientid": account.client_id} if account.client_id else command


def _client_changes(account: Account, known: Document, renewed: bool) -> list[Command]:
    """Each of them ends the session of the client."""
    found: list[Command] = []
    if accounts.roles_of(known) != {accounts.role_name(account.name)} or known.get("clientid") != account.client_id:
        moved = {"clientid": account.client_id or ""}
        found.append({"command": "modifyClient", "username": account.name, **_roles(account), **moved})
    if renewed or not accounts.matches(account.password, known):
        found.append({"command": "setClientPassword", "username": account.name, "password": account.password})
    return found


def _roles(account: Account) -> Command:
    return {"roles": [{"rolename": accounts.role_name(account.name)}]}
