"""`fleet send`, `buzz`, `identify`: one command to one, some or all nodes, and the roll-call of who obeyed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from fleet_schema import topics
from fleet_tools import arguments, session, settings
from fleet_tools.errors import NOBODY_ANSWERED, OK, SOME_FAILED, USAGE, FleetError

if TYPE_CHECKING:
    from fleet_client import Client, NodeInfo, RollCall

SEND_EXAMPLES = """\b
Examples:
  fleet send period 500 --to ada           a reading every 500 ms
  fleet send buzz ms=200 hz=880 --all
  fleet send say hello world --to ada --to grace
  fleet send mute 60 --group red
  fleet info ada                           which commands ada has, and what they take
"""


@dataclass(frozen=True)
class Order:
    """What is to be sent to whom: `targets` are node ids, `_all` or `_<group>`."""

    name: str
    typed: Sequence[str]
    targets: Sequence[str]
    wait_s: float
    as_json: bool


def answer_options(function: session.F) -> session.F:
    function = session.json_option("the roll-call")(function)
    function = session.connection_options(function)
    return click.option(
        "--wait", "wait_s", default=3.0, show_default=True, type=click.FloatRange(0.1, 60), metavar="S",
        help="How long to wait for answers.",
    )(function)  # fmt: skip


@click.command("send", epilog=SEND_EXAMPLES)
@click.argument("name")
@click.argument("args", nargs=-1, metavar="[KEY=VALUE | VALUE]...")
@click.option("--all", "everyone", is_flag=True, help="To every node.")
@click.option("--to", "nodes", multiple=True, metavar="NODE", help="To this node; may be repeated.")
@click.option("--group", "groups", multiple=True, metavar="NAME", help="To the nodes of this group; may be repeated.")
@answer_options
def send_command(
    name: str,
    args: tuple[str, ...],
    everyone: bool,
    nodes: tuple[str, ...],
    groups: tuple[str, ...],
    wait_s: float,
    broker: str | None,
    base: str | None,
    as_json: bool,
) -> int:
    """Send command NAME and see by name who obeyed, who refused and who is silent."""
    order = Order(name, args, targets(everyone, nodes, groups), wait_s, as_json)
    return carry_out(order, settings.load(broker, base))


@click.command("buzz", epilog="\b\nExamples:\n  fleet buzz --all\n  fleet buzz ada grace --ms 500 --hz 880")
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@click.option("--all", "everyone", is_flag=True, help="Every node.")
@click.option("--group", "groups", multiple=True, metavar="NAME", help="The nodes of this group; may be repeated.")
@click.option("--ms", metavar="MS", help="How long.")
@click.option("--hz", metavar="HZ", help="How high.")
@click.option("--tune", metavar="NOTES", help="A tune instead of one tone.")
@answer_options
def buzz_command(
    nodes: tuple[str, ...],
    everyone: bool,
    groups: tuple[str, ...],
    ms: str | None,
    hz: str | None,
    tune: str | None,
    wait_s: float,
    broker: str | None,
    base: str | None,
    as_json: bool,
) -> int:
    """Make buzzers sound."""
    typed = [f"{key}={text}" for key, text in (("ms", ms), ("hz", hz), ("tune", tune)) if text is not None]
    order = Order("buzz", typed, targets(everyone, nodes, groups), wait_s, as_json)
    return carry_out(order, settings.load(broker, base))


@click.command("identify", epilog="\b\nExamples:\n  fleet identify ada\n  fleet identify --all --ms 1000")
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@click.option("--all", "everyone", is_flag=True, help="Every node.")
@click.option("--group", "groups", multiple=True, metavar="NAME", help="The nodes of this group; may be repeated.")
@click.option("--ms", metavar="MS", help="How long.")
@answer_options
def identify_command(
    nodes: tuple[str, ...],
    everyone: bool,
    groups: tuple[str, ...],
    ms: str | None,
    wait_s: float,
    broker: str | None,
    base: str | None,
    as_json: bool,
) -> int:
    """Make nodes show themselves: they blink and beep."""
    typed = [f"ms={ms}"] if ms is not None else []
    order = Order("identify", typed, targets(everyone, nodes, groups), wait_s, as_json)
    return carry_out(order, settings.load(broker, base))


def targets(everyone: bool, nodes: Sequence[str], groups: Sequence[str]) -> list[str]:
    """What the command topics will name; FleetError if nobody, or everybody and somebody, is named."""
    if everyone and (nodes or groups):
        raise FleetError("--all is every node already; leave the names out", USAGE)
    if not (everyone or nodes or groups):
        raise FleetError("say to whom: --all, the id of a node, or --group NAME; `fleet ls` shows who is there", USAGE)
    for group in groups:
        if not topics.is_group(group):
            raise FleetError(f"{group!r} is not a group: one is written with a-z, 0-9 and -", USAGE)
    return [topics.ALL] if everyone else [*dict.fromkeys(nodes), *dict.fromkeys("_" + group for group in groups)]


def carry_out(order: Order, chosen: settings.Settings) -> int:
    calls = session.run(chosen, lambda client: ask(client, order))
    if order.as_json:
        session.print_json(document(calls))
    return exit_code(calls)


async def ask(client: Client, order: Order) -> list[RollCall]:
    """One request per target, all at once, shown as they are answered."""
    from fleet_tools import rollcall_view

    fleet = await client.snapshot()
    named = [target if target.startswith("_") else session.known_node(target, fleet).node for target in order.targets]
    expected = without_twice({target: online_members(target, fleet) for target in named})
    everyone = [fleet[node] for members in expected.values() for node in members if node in fleet]
    spec = arguments.spec_of(order.name, everyone)
    args = arguments.parse(order.name, order.typed, spec)
    for target in expected:
        warn(target, expected[target], fleet)
    calls: dict[str, RollCall] = {}
    view = rollcall_view.choose(order.name, order.as_json, sys.stdout.isatty())
    with view:

        async def one(target: str) -> RollCall:
            def on_ack(call: RollCall) -> None:
                calls[target] = call
                view.show(list(calls.values()))

            return await client.request(
                target, order.name, args, deadline_s=order.wait_s, expected=expected[target], on_ack=on_ack
            )

        done = list(await asyncio.gather(*(one(target) for target in expected)))
        view.finish(done)
    return done


def online_members(target: str, fleet: dict[str, NodeInfo]) -> list[str]:
    """Who should answer: the node that was named whatever its state, else those of the group that are online."""
    if not target.startswith("_"):
        return [target]
    online = [info for info in fleet.values() if info.state == "online"]
    return [info.node for info in online if target == topics.ALL or target[1:] in info.groups]


def without_twice(expected: dict[str, list[str]]) -> dict[str, list[str]]:
    """A node that is named and in a named group gets the command once, with its group."""
    grouped = {node for target, nodes in expected.items() if target.startswith("_") for node in nodes}
    return {target: nodes for target, nodes in expected.items() if target not in grouped}


def warn(target: str, members: list[str], fleet: dict[str, NodeInfo]) -> None:
    if target.startswith("_"):
        if not members:
            who = "no node" if target == topics.ALL else f"no node of group {target[1:]}"
            session.note(f"{who} is online; sent all the same")
    elif fleet[target].state != "online":
        session.note(f"{target} is {fleet[target].state}; sent all the same")


def document(calls: list[RollCall]) -> dict[str, Any]:
    """The --json document: the rows of all targets together."""
    rows = [row for call in calls for row in call.to_dict()["rows"]]
    return {
        "name": calls[0].name,
        "args": calls[0].args,
        "targets": [call.target for call in calls],
        "ids": [call.id for call in calls],
        "at": calls[0].at,
        "rows": rows,
    }


def exit_code(calls: list[RollCall]) -> int:
    rows = sum(len(call.rows) for call in calls)
    silent = sum(len(call.silent) for call in calls)
    refused = sum(len(call.refused) for call in calls)
    if silent == rows:
        return NOBODY_ANSWERED
    return SOME_FAILED if silent or refused else OK
