"""`fleet class add, revoke, reset, close`: who may log in, changed at once if the broker of the class runs.

The roster is written first, then the broker is told: what is broken off between the two is completed by the next run.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import click

from fleet_tools import accounts, class_accounts, class_roster, session
from fleet_tools.accounts_vault import CLASS
from fleet_tools.class_accounts import Done
from fleet_tools.class_folder import LONGEST_NAME, ClassFolder, ClassNode, is_person
from fleet_tools.class_new import MOST, names
from fleet_tools.errors import OK, USAGE, FleetError


@contextmanager
def opened(name: str) -> Iterator[ClassFolder]:
    """The class, for one change; FleetError if it is closed."""
    folder = ClassFolder.open(name)
    with folder.locked():
        if folder.closed:
            raise FleetError(f"class {name} is closed: fleet class close {name} --undo opens it again")
        yield folder


@click.command(
    "add", epilog='\b\nExamples:\n  fleet class add 3b "Grace Hopper" --group red\n  fleet class add 3b 3b-31'
)
@click.argument("name")
@click.argument("people", nargs=-1, required=True, metavar="ID_OR_PERSON...")
@click.option("--group", default="", help="Their group.")
def add_command(name: str, people: tuple[str, ...], group: str) -> int:
    """Add people or ids; who was revoked is let in again, with a new secret."""
    with opened(name) as folder:
        wanted = [who(folder, one, class_roster.slug(group, class_roster.LONGEST_GROUP)) for one in people]
        if group and not wanted[0].group:
            raise FleetError(f"{group!r} is no group: use 1 to 16 of a-z, 0-9 and -", USAGE)
        new = [one for one in wanted if folder.node(one.id) is None]
        back = [one.id for one in wanted if (known := folder.node(one.id)) and known.revoked]
        if len(folder.nodes) + len(new) > MOST:
            raise FleetError(f"that would be more than {MOST} nodes: make a second class", USAGE)
        if back:  # the secret first: a run that is broken off here has let nobody in with the old one
            folder.vault.set_nodes(CLASS, {one: accounts.new_secret() for one in back})
        for one in wanted:
            known = folder.node(one.id)
            if known is None:
                folder.nodes.append(one)
            else:
                folder.replace(ClassNode(one.id, known.name, one.group or known.group))
        folder.save()
        done = class_accounts.settle(folder, renewed=back)
    for one in wanted:
        state = (
            "is let in again, with a new secret" if one.id in back else "is new" if one in new else "is there already"
        )
        click.echo(f"{one.id} ({one.name}) {state}" if one.name != one.id else f"{one.id} {state}")
    session.note(f"{in_force(done)}; {secrets_hint(folder, wanted[0].id)}")
    return OK


@click.command(
    "revoke", epilog="\b\nExamples:\n  fleet class revoke 3b ada\n  fleet class add 3b ada       lets ada in again"
)
@click.argument("name")
@click.argument("nodes", nargs=-1, required=True, metavar="ID...")
def revoke_command(name: str, nodes: tuple[str, ...]) -> int:
    """Turn access off: a connection that is open ends at once, and none is taken any more.

    What was stored stays; the id stays reserved, so that nobody else's readings are ever taken for theirs.
    """
    with opened(name) as folder:
        found = [folder.known_node(one) for one in nodes]
        for one in found:
            folder.replace(replace(one, revoked=True))
        folder.save()
        done = class_accounts.settle(folder)
    verb = "is" if len(found) == 1 else "are"
    click.echo(f"{names([one.id for one in found])} {verb} revoked, {in_force(done)}")
    return OK


@click.command("reset", epilog="\b\nExample:\n  fleet class reset 3b ada       ada's sheet was seen by others")
@click.argument("name")
@click.argument("node", metavar="ID")
def reset_command(name: str, node: str) -> int:
    """A new secret; the old one is void at once, and who uses it is thrown out. Each run makes another one."""
    with opened(name) as folder:
        found = folder.known_node(node)
        node = found.id
        if found.revoked:
            raise FleetError(f"{node} is revoked; fleet class add {name} {node} lets it in again, with a new secret")
        folder.vault.set_nodes(CLASS, {node: accounts.new_secret()})
        done = class_accounts.settle(folder, renewed=[node])
    click.echo(f"{node} has a new secret, {in_force(done)}")
    session.note(secrets_hint(folder, node))
    return OK


@click.command(
    "close",
    epilog="\b\nExamples:\n  fleet class close 3b\n  fleet class close 3b --undo\n  fleet class close 3b --delete",
)
@click.argument("name")
@click.option("--undo", is_flag=True, help="Open it again; all secrets are as they were.")
@click.option("--delete", is_flag=True, help="Then delete everything: secrets, sheets and readings.")
@click.option("--yes", is_flag=True, help="Do not ask before deleting.")
def close_command(name: str, undo: bool, delete: bool, yes: bool) -> int:
    """The end of a class: every node's access is turned off. Readings stay, unless --delete."""
    if undo and delete:
        raise FleetError("--undo or --delete, not both", USAGE)
    folder = ClassFolder.open(name)
    if delete:
        _ask(folder, yes)
    with folder.locked():
        folder.closed = not undo
        folder.save()
        done = class_accounts.settle(folder)
        click.echo(f"class {name} is {'open again' if undo else 'closed: no node can log in'}, {in_force(done)}")
        if delete:
            _delete(folder)
    return OK


def _ask(folder: ClassFolder, yes: bool) -> None:
    if folder.in_docker:
        raise FleetError(
            "in Docker, the data of the class are volumes: docker compose --profile sim down -v deletes them"
        )
    if class_accounts.running_broker(folder) is not None:
        raise FleetError(f"class {folder.base} runs: stop it first, with Ctrl-C where fleet class start was typed")
    if not yes:
        question = f"delete {folder.folder} with the secrets and all readings of {len(folder.nodes)} nodes, for ever?"
        click.confirm(question, abort=True)


def _delete(folder: ClassFolder) -> None:
    """Everything, the roster last: a run that is broken off leaves a class that can be deleted again."""
    try:
        for one in sorted(folder.folder.iterdir(), key=lambda path: path == folder.roster):
            shutil.rmtree(one) if one.is_dir() and not one.is_symlink() else one.unlink()
        folder.folder.rmdir()
    except OSError as error:
        raise FleetError(f"{error.filename} cannot be deleted ({error.strerror}): run this as its owner") from None
    click.echo(f"{folder.folder} is deleted")


def who(folder: ClassFolder, text: str, group: str) -> ClassNode:
    """The node that a person means: one that is there, by id or name, else a new one."""
    text = " ".join(text.split())
    known = folder.find(text)
    if known is not None:
        return ClassNode(known.id, known.name, group)
    if not is_person(text):
        raise FleetError(f"{text!r} is no name: use 1 to {LONGEST_NAME} characters", USAGE)
    wanted = class_roster.slug(text)
    if not wanted:
        raise FleetError(f"no id can be made of {text!r}: put the person on a roster with a column id", USAGE)
    used = {*class_accounts.taken(folder), *(one.id for one in folder.nodes)}
    return ClassNode(class_roster.unique(wanted, used), text, group)


def in_force(done: Done) -> str:
    return "in force at once" if done.live else "in force from the next start"


def secrets_hint(folder: ClassFolder, node: str) -> str:
    if folder.in_docker:
        return f"docker compose run --rm class show --secrets says what {node} needs"
    return f"fleet class sheets {folder.base} prints the sheet"
