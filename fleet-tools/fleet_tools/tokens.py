"""`fleet token`: makes, lists and removes the tokens of programs that use the dashboard's HTTP API. Asks no network."""

from __future__ import annotations

import time
from pathlib import Path
from typing import cast

import click

from fleet_client import credentials
from fleet_client.credentials import ROLES, CredentialError, Role, Token
from fleet_schema import topics
from fleet_tools import session, words
from fleet_tools.errors import OK, USAGE, FleetError
from fleet_tools.teacher import DATA, folder_of

EPILOG = """\b
Examples:
  fleet token new grader                           shows it, once; a teacher may command
  fleet token new wall-screen --role viewer
  fleet token list
  fleet token remove grader                        from now on it is worth nothing
  curl -H "Authorization: Bearer $TOKEN" -X POST http://127.0.0.1:8080/api/rounds -d '{"challenge": "sprint"}'
\b
A dashboard that runs notices it at once. What is kept is a hash, so a token that is lost cannot be shown again.
"""


@click.group("token", epilog=EPILOG)
def token_command() -> None:
    """Tokens for programs that use the dashboard's HTTP API."""


@token_command.command("new")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="teacher", show_default=True, help="What it may do.")
@DATA
def new_command(name: str, role: str, data: Path | None) -> int:
    """Make a token and show it once."""
    if not topics.is_name(name):
        raise FleetError(f"{name!r} is no name: use 1 to 16 of a-z, 0-9 and -", USAGE)
    folder = folder_of(data)
    known = read(folder)
    if any(one.name == name for one in known):
        raise FleetError(f"there is a token {name} already: remove it, or choose another name", USAGE)
    if len(known) >= credentials.MAX_TOKENS:
        raise FleetError(f"there are {len(known)} tokens already: remove one with fleet token remove")
    token = credentials.new_token()
    made = time.time_ns() // 1_000_000
    write(folder, [*known, Token(name, cast(Role, role), credentials.digest(token), made)])
    click.echo(token)
    session.note("this is shown once; it goes into the header Authorization: Bearer")
    return OK


@token_command.command("list")
@DATA
def list_command(data: Path | None) -> int:
    """The tokens there are: name, role, age."""
    known = read(folder_of(data))
    now = time.time_ns() // 1_000_000
    for one in known:
        click.echo(f"{one.name:16}  {one.role:7}  made {words.age(now - one.made)} ago")
    if not known:
        session.note("there is no token; fleet token new NAME makes one")
    return OK


@token_command.command("remove")
@click.argument("name")
@DATA
def remove_command(name: str, data: Path | None) -> int:
    """Take a token away; it is worth nothing from now on."""
    folder = folder_of(data)
    known = read(folder)
    left = [one for one in known if one.name != name]
    if len(left) == len(known):
        raise FleetError(f"there is no token {name!r}{words.did_you_mean(name, [one.name for one in known])}", USAGE)
    write(folder, left)
    session.note(f"{name} is removed")
    return OK


def read(folder: Path) -> list[Token]:
    try:
        return credentials.read_tokens(folder)
    except CredentialError as error:
        raise FleetError(str(error)) from None


def write(folder: Path, tokens: list[Token]) -> None:
    try:
        credentials.write_tokens(folder, tokens)
    except CredentialError as error:
        raise FleetError(str(error)) from None
