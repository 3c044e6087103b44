"""`fleet class new`: a class of N numbered nodes, or of the people on a roster; run again it adds and completes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import click

from fleet_tools import class_accounts, class_roster, class_sheets, session
from fleet_tools.class_folder import ClassFolder, ClassNode
from fleet_tools.errors import OK, USAGE, FleetError

MOST = 250  # each may count twice for a while in the broker's 700 connections; the rest is for services and who looks
EPILOG = """\b
Examples:
  fleet class new 3b --nodes 30               3b-01 to 3b-30
  fleet class new 3b --roster names.csv       ids made of the names: Jürgen Müller is juergen-mueller
  fleet class new 3b --nodes 32               two more, later; the thirty keep their secrets
\b
names.csv has a column name, and may have columns id and group:
  name,group
  Ada Lovelace,red
  Jürgen Müller,blue
"""


@click.command("new", epilog=EPILOG)
@click.argument("name")
@click.option("--nodes", type=click.IntRange(1, MOST), metavar="N", help="So many nodes, named NAME-01 and so on.")
@click.option("--roster", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="CSV file with names.")
@click.option(
    "--at", metavar="HOST", help="Address of this computer for the sheets.  [default: found when they are made]"
)
def new_command(name: str, nodes: int | None, roster: Path | None, at: str | None) -> int:
    """Make the class NAME, or complete it and add who is missing; nobody's secret changes."""
    if nodes is not None and roster is not None:
        raise FleetError("--nodes or --roster, not both: on a roster there is one node for each name", USAGE)
    folder = ClassFolder.open_or_begin(name)
    if at is not None:
        check_host(at)
    begun = folder.roster.exists()
    if not begun and nodes is None and roster is None:
        raise FleetError(f"how many? fleet class new {name} --nodes 30, or --roster names.csv", USAGE)
    wanted = class_roster.read(roster, class_accounts.taken(folder)) if roster else numbered(name, nodes or 0)
    sheets = None
    with folder.locked():
        if folder.closed:
            raise FleetError(f"class {name} is closed: fleet class close {name} --undo opens it again, secrets and all")
        new = merge(folder, wanted)
        folder.where = at or folder.where
        if len(folder.nodes) > MOST:
            raise FleetError(f"that would be {len(folder.nodes)} nodes; a class has at most {MOST}", USAGE)
        folder.save()
        done = class_accounts.settle(folder)
        if folder.nodes and not folder.in_docker and (new or not folder.sheets.exists()):
            sheets = sheets_made(folder)
    click.echo(f"class {name}: {count(len(folder.nodes), 'node')}, {told(new, done)}")
    for line in left_out(folder, wanted, roster):
        session.note(line)
    if sheets:
        click.echo(sheets)
    click.echo(next_step(folder, done))
    return OK


def sheets_made(folder: ClassFolder) -> str:
    """The sheets are part of a new class; a computer that is in no network yet gets them later."""
    try:
        return f"sheets to print: {class_sheets.write(folder)}, for the broker at {class_sheets.address(folder)}"
    except FleetError as error:
        return f"no sheets yet: {error}"


def numbered(name: str, how_many: int) -> list[ClassNode]:
    """3b-01 to 3b-30; with a hundred and more still in the order of their numbers."""
    ids = [f"{name}-{number:02}" for number in range(1, how_many + 1)]
    return [ClassNode(one, one) for one in ids]


def merge(folder: ClassFolder, wanted: Iterable[ClassNode]) -> int:
    """Who is missing is added at the end; who is there gets the name and group of the roster. Says how many are new."""
    new = 0
    for one in wanted:
        known = folder.node(one.id)
        if known is None:
            folder.nodes.append(one)
            new += 1
        elif one.name != one.id or one.group:
            folder.replace(ClassNode(one.id, one.name, one.group, known.revoked))
    return new


def left_out(folder: ClassFolder, wanted: list[ClassNode], roster: Path | None) -> list[str]:
    """What a person may have expected, and did not happen."""
    ids = {one.id for one in wanted}
    more = [one.id for one in folder.nodes if one.id not in ids and not one.revoked]
    if roster is None:  # who was added by name is meant to be there
        more = [one for one in more if one.removeprefix(folder.base + "-").isdecimal()]
    back = [one.id for one in folder.nodes if one.id in ids and one.revoked]
    lines = []
    if wanted and more:
        source = f"not in {roster.name}" if roster else f"more than {len(wanted)}"
        lines.append(f"{names(more)} {are(more)} in the class and {source}; fleet class revoke turns access off")
    if back:
        lines.append(
            f"{names(back)} {are(back)} revoked and stay so; fleet class add {folder.base} {back[0]} lets in again"
        )
    return lines


def told(new: int, done: class_accounts.Done) -> str:
    if not new and not done.changed:
        return "nothing to change"
    what = f"{new} new" if new else f"{count(done.changed, 'account')} completed"
    return f"{what}, in force at once" if done.live else what


def next_step(folder: ClassFolder, done: class_accounts.Done) -> str:
    if folder.in_docker:
        live = "they can log in now" if done.live else "docker compose up -d --wait starts broker and dashboard"
        return f"next: {live}; docker compose run --rm class show --secrets lists what each needs"
    sheets, start = f"fleet class sheets {folder.base}", f"fleet class start {folder.base} --lan"
    if done.live:
        return f"next: {sheets}    a page to print for each node"
    width = max(len(sheets), len(start))
    return (
        f"next: {start:{width}}   broker and dashboard for the room\n"
        f"      {sheets:{width}}   a page to print for each node"
    )


def check_host(host: str) -> None:
    """A name or an address, as it stands on the sheets."""
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|[0-9A-Fa-f:]{2,45}", host):
        raise FleetError(
            f"--at {host!r} is no host: give a name or an address without port, such as 192.168.1.10", USAGE
        )


def count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def names(ids: list[str]) -> str:
    """At most five by name."""
    shown = ", ".join(ids[:5])
    return f"{shown} and {len(ids) - 5} more" if len(ids) > 5 else shown


def are(ids: list[str]) -> str:
    return "is" if len(ids) == 1 else "are"
