"""`fleet class show` and `fleet class list`: what there is. They change nothing."""

from __future__ import annotations

from typing import Any

import click

from fleet_tools import class_accounts, class_folder, session
from fleet_tools.accounts_vault import CLASS
from fleet_tools.class_folder import ClassFolder
from fleet_tools.class_new import count
from fleet_tools.errors import OK, USAGE, FleetError


@click.command("show")
@click.argument("name", required=False)
@click.option("--secrets", is_flag=True, help="With everybody's secret: for your eyes, not for the projector.")
@session.json_option("the class")
def show_command(name: str | None, secrets: bool, as_json: bool) -> int:
    """Who belongs to the class NAME; it can be left out if there is one class only."""
    folder = ClassFolder.open(name or only_one())
    words = folder.vault.nodes(CLASS)
    rows = [_row(folder, one, words if secrets else {}) for one in folder.nodes]
    broker = class_accounts.running_broker(folder)
    left = class_accounts.unsettled(folder)
    if as_json:
        document = {"class": folder.base, "where": folder.where, "ports": folder.ports, "folder": str(folder.folder)}
        flags = {"closed": folder.closed, "running": broker is not None, "unsettled": left}
        session.print_json({**document, **flags, "nodes": rows})
        return OK
    _print(rows, secrets)
    state = "closed" if folder.closed else f"runs at {broker.host}:{broker.port}" if broker else "does not run"
    off = sum(one.revoked for one in folder.nodes)
    session.note(f"class {folder.base} {state}; {count(len(rows), 'node')}" + (f", {off} revoked" if off else ""))
    if left:
        again = f"fleet class {'close' if folder.closed else 'new'} {folder.base}"
        session.note(f"{count(left, 'account')} not in force yet: a run was broken off; {again} completes it")
    return OK


@click.command("list")
@session.json_option("the list")
def list_command(as_json: bool) -> int:
    """The classes on this computer."""
    found: list[ClassFolder] = []
    for name in class_folder.names():
        try:
            found.append(ClassFolder.open(name))
        except FleetError as error:  # the others are shown all the same
            session.note(str(error))
    rows = [
        {
            "class": one.base,
            "nodes": sum(not node.revoked for node in one.nodes),
            "state": "closed" if one.closed else "runs" if class_accounts.running_broker(one) else "at rest",
            "folder": str(one.folder),
        }
        for one in found
    ]
    if as_json:
        session.print_json({"classes": rows})
    elif rows:
        _table(("class", "nodes", "state", "folder"), [[str(value) for value in row.values()] for row in rows])
    elif not class_folder.names():
        session.note("there is no class yet; fleet class new 3b --nodes 30 makes one")
    return OK


def only_one() -> str:
    known = class_folder.names()
    if len(known) == 1:
        return known[0]
    if not known:
        raise FleetError("there is no class yet; fleet class new 3b --nodes 30 makes one", USAGE)
    raise FleetError(f"which class? there are {', '.join(known)}", USAGE)


def _row(folder: ClassFolder, node: class_folder.ClassNode, secrets: dict[str, str]) -> dict[str, Any]:
    state = "revoked" if node.revoked else "closed" if folder.closed else "may log in"
    row = {"id": node.id, "name": node.name, "group": node.group, "state": state}
    return {**row, "secret": secrets.get(node.id, "")} if secrets else row


def _print(rows: list[dict[str, Any]], secrets: bool) -> None:
    named = any(row["name"] != row["id"] for row in rows)
    grouped = any(row["group"] for row in rows)
    shown = {"name": named, "group": grouped, "secret": secrets}
    columns = [one for one in ("id", "name", "group", "state", "secret") if shown.get(one, True)]
    _table(columns, [[row.get(one, "") for one in columns] for row in rows])


def _table(columns: Any, rows: list[list[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=column != "name", justify="right" if column == "nodes" else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    session.console().print(table)
