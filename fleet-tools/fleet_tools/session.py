"""What every verb that talks to a broker shares: its options, the connection, and errors as exit codes."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fleet_tools import settings
from fleet_tools.errors import NO_BROKER, USAGE, FleetError
from fleet_tools.words import did_you_mean

if TYPE_CHECKING:
    from rich.console import Console

    from fleet_client import Client, NodeInfo

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
VERSION = 1  # of the documents that --json prints


def connection_options(function: F) -> F:
    function = click.option("--base", metavar="NAME", help="First level of the topics.  [default: fleet]")(function)
    return click.option("--broker", metavar="URL", help="mqtt://[user:password@]host[:port], or mqtts://.")(function)


def json_option(what: str) -> Callable[[F], F]:
    return click.option("--json", "as_json", is_flag=True, help=f"Print {what} as JSON.")


def run(chosen: settings.Settings, work: Callable[[Client], Awaitable[T]]) -> T:
    """Connect, do the work, disconnect. FleetError with code 5 when there is no broker that takes us."""
    from fleet_client import BrokerRefused, BrokerUnreachable, Client, ClientError, Distrust, NotConnected, parse_url

    try:
        address = parse_url(chosen.broker)
    except ValueError as error:
        raise FleetError(f"the broker {chosen.origin['broker']}: {error}", USAGE) from None

    async def connected() -> T:
        async with Client(address, base=chosen.base, protocol=chosen.protocol) as client:
            return await work(client)

    try:
        return asyncio.run(connected())
    except (BrokerRefused, Distrust, NotConnected) as error:
        raise FleetError(str(error), NO_BROKER) from None
    except BrokerUnreachable as error:
        hint = "start one with `fleet demo`, or name yours with --broker mqtt://HOST:PORT"
        raise FleetError(f"{error}, {chosen.origin['broker']}; {hint}", NO_BROKER) from None
    except ClientError as error:
        raise FleetError(str(error)) from None


def console() -> Console:
    """For data. When piped it is wide, so that no line is broken or cut."""
    from rich.console import Console

    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=200)


def print_json(document: dict[str, Any]) -> None:
    """One document with its version; a person's terminal gets it indented."""
    text = json.dumps({"version": VERSION, **document}, indent=2 if sys.stdout.isatty() else None, ensure_ascii=False)
    click.echo(text)


def note(text: str) -> None:
    """What is not data goes to stderr."""
    click.echo(text, err=True)


def known_node(name: str, fleet: dict[str, NodeInfo]) -> NodeInfo:
    """The node of that id; FleetError with the closest one if there is none."""
    if name in fleet:
        return fleet[name]
    for info in fleet.values():  # people type the human name as well
        if info.meta and str(info.meta.get("name", "")).lower() == name.lower():
            return info
    if not fleet:
        raise FleetError(f"the broker knows no node at all, so not {name!r} either; `fleet sim up 1` starts one", USAGE)
    raise FleetError(f"there is no node {name!r}{did_you_mean(name, fleet) or '; fleet ls shows who is there'}", USAGE)
