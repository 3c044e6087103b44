"""`fleet class names`: tells the nodes that are here what the roster calls them, and their groups.

A ticket holds neither: it should be short enough to type. A node keeps what it was told, through resets too.
"""

from __future__ import annotations

import asyncio
from typing import Any

import click

from fleet_client import BrokerRefused, Client, ClientError, NodeInfo
from fleet_tools import class_accounts, session
from fleet_tools.class_folder import ClassFolder, ClassNode
from fleet_tools.class_new import count, names
from fleet_tools.errors import NO_BROKER, OK, SOME_FAILED, FleetError

EPILOG = """\b
Examples:
  fleet class names 3b            those that still call themselves by their id
  fleet class names 3b --all      also those that chose a name or a group themselves
"""


@click.command("names", epilog=EPILOG)
@click.argument("name")
@click.option("--all", "everyone", is_flag=True, help="Also nodes that have another name or group already.")
def names_command(name: str, everyone: bool) -> int:
    """Tell the nodes that are here their names and groups from the roster."""
    folder = ClassFolder.open(name)
    broker = class_accounts.running_broker(folder)
    if broker is None:
        raise FleetError(f"class {name} does not run, so no node hears this: start it first", NO_BROKER)

    async def tell() -> tuple[list[str], list[str]]:
        async with Client(class_accounts.as_account(broker, "tools", folder), base=folder.base) as client:
            return await _tell(client, folder, everyone)

    try:
        told, silent = asyncio.run(tell())
    except BrokerRefused as error:
        raise FleetError(f"{error}: is this the broker of the class?", NO_BROKER) from None
    except ClientError as error:
        raise FleetError(str(error), NO_BROKER) from None
    for line in told:
        click.echo(line)
    if silent:
        session.note(f"{names(silent)} did not take it; run this again when {'it' if len(silent) == 1 else 'they'} can")
        return SOME_FAILED
    session.note(f"{count(len(told), 'node')} told" if told else "nothing to tell: who is here has a name")
    return OK


async def _tell(client: Client, folder: ClassFolder, everyone: bool) -> tuple[list[str], list[str]]:
    """What was taken, in sentences, and who did not take it."""
    told, silent = [], []
    here = await client.snapshot()
    for node in folder.nodes:
        info = here.get(node.id)
        if info is None or info.state != "online" or not class_accounts.may_come(folder, node.id):
            continue
        wanted = differs(node, info, everyone)
        done = [bool((await client.request(node.id, name, args, expected=[node.id])).good) for name, args in wanted]
        if wanted and all(done):
            told.append(f"{node.id} is {node.name}" + (f", in group {node.group}" if node.group else ""))
        elif wanted:
            silent.append(node.id)
    return told, silent


def differs(node: ClassNode, info: NodeInfo, everyone: bool) -> list[tuple[str, dict[str, Any]]]:
    """The commands that make the node say what the roster says; without `everyone`, what somebody chose is left."""
    called = (info.meta or {}).get("name", node.id)
    commands: list[tuple[str, dict[str, Any]]] = []
    if called != node.name and (everyone or called == node.id):
        commands.append(("name", {"name": node.name}))
    if node.group and node.group not in info.groups and (everyone or not info.groups):
        commands.append(("groups", {"groups": node.group}))
    return commands
