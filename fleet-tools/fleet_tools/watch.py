"""`fleet watch`: what the nodes say, a line each, as it comes. Shows everything legal or not; changes nothing."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from fleet_schema import SchemaError, topics
from fleet_tools import session, settings, words

if TYPE_CHECKING:
    from fleet_client import Client, Message, NodeInfo

EXAMPLES = """\b
Examples:
  fleet watch                       everything
  fleet watch ada                   one node
  fleet watch '+/event/#'           every button of every node
  fleet watch '_host/#'             what the host says
  fleet watch ada -n 5 --json       five messages, one JSON document a line
"""


@click.command("watch", epilog=EXAMPLES)
@click.argument("what", metavar="[NODE|FILTER]", required=False)
@click.option("-n", "--count", type=click.IntRange(1), metavar="N", help="Stop after so many messages.")
@click.option("--for", "seconds", type=click.FloatRange(0, min_open=True), metavar="S", help="Stop after S seconds.")
@click.option("--new", is_flag=True, help="Leave out what was retained before you came.")
@session.connection_options
@session.json_option("one document a line,")
def watch_command(
    what: str | None,
    count: int | None,
    seconds: float | None,
    new: bool,
    broker: str | None,
    base: str | None,
    as_json: bool,
) -> int:
    """Everything the nodes say, as it comes. Ctrl-C ends it.

    A FILTER is one of MQTT; it may leave out the base and the version.
    """
    chosen = settings.load(broker, base)
    pattern = to_filter(what, chosen.base)
    lines = Lines()
    show = json_line if as_json else lines.line

    async def work(client: Client) -> int:
        if not as_json:
            lines.learn(await client.snapshot())
        try:
            async with asyncio.timeout(seconds):
                return await follow(client, pattern, count, new, lambda message: click.echo(show(client.base, message)))
        except TimeoutError:
            return 0

    try:
        return session.run(chosen, work)
    except BrokenPipeError:  # `fleet watch | head`: the reader has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def to_filter(what: str | None, base: str) -> str:
    """The MQTT filter that is meant by a node id, by the tail of a topic, or by a whole filter."""
    everything: str = topics.everything(base)
    if not what:
        return everything
    if topics.is_target(what) or what == topics.HOST:
        return everything[:-1] + what + "/#"
    if what == "#" or what.startswith((base + "/", "+/" + topics.MAJOR + "/", "$SYS/")):
        return what
    return everything[:-1] + what


async def follow(client: Client, pattern: str, count: int | None, new: bool, show: Callable[[Message], None]) -> int:
    await client.subscribe(pattern)
    shown = 0
    async for batch in client.batches():
        for message in batch:
            if new and message.retain:
                continue
            show(message)
            shown += 1
            if shown == count:
                return 0
    return 0


def json_line(base: str, message: Message) -> str:
    """{"version", "ts", "topic", "retain", "node", "kind", "name", "payload"}: payload is JSON, else text."""
    import orjson

    try:
        who, kind, name = topics.parse(base, message.topic)
    except SchemaError:
        who = kind = name = None
    document = {
        "version": session.VERSION,
        "ts": message.received_ms,
        "topic": message.topic,
        "retain": message.retain,
        "node": who,
        "kind": kind,
        "name": name,
        "payload": payload_of(message.payload),
    }
    return orjson.dumps(document).decode()


def payload_of(raw: bytes) -> Any:
    import orjson

    try:
        return orjson.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")


class Lines:
    """Human lines; learns the units of a node from its meta as it passes by."""

    def __init__(self) -> None:
        self._units: dict[tuple[str, str], dict[str, str]] = {}

    def learn(self, fleet: dict[str, NodeInfo]) -> None:
        for node, info in fleet.items():
            if info.meta:
                self._meta(node, None, info.meta)

    def line(self, base: str, message: Message) -> str:
        clock = datetime.fromtimestamp(message.received_ms / 1000).strftime("%H:%M:%S.%f")[:-3]
        payload = payload_of(message.payload)
        try:
            who, kind, name = topics.parse(base, message.topic)
            text = self._tell(who, kind, name, payload) if isinstance(payload, dict) else printable(payload)
        except SchemaError:
            return f"{clock}  {printable(message.topic)}  {printable(payload)}  (not a topic of this fleet)"
        retained = "  (retained)" if message.retain else ""
        return f"{clock}  {who:<12}{kind:<7} {name or '':<12}{text}{retained}"

    def _tell(self, who: str, kind: str, name: str | None, fields: dict[str, Any]) -> str:
        tell = getattr(self, "_" + kind, None)
        try:
            return str(tell(who, name, fields)) if tell else bare(fields)
        except (TypeError, ValueError, AttributeError, KeyError):
            return printable(fields)  # not legal: show it as it is

    def _meta(self, who: str, _: str | None, fields: dict[str, Any]) -> str:
        for sensor, table in fields["sensors"].items():
            self._units[who, sensor] = {field: unit for field, (unit, _) in table.items()}
        sensors = ", ".join(sorted(fields["sensors"])) or "no sensors"
        return f"I am {fields['name']}, {fields['board']}: {sensors}; {len(fields['commands'])} commands"

    def _status(self, _who: str, _: str | None, fields: dict[str, Any]) -> str:
        return words.state(fields["state"], fields) + f" (connection {fields['conn']} of boot {fields['boot']})"

    def _tele(self, who: str, name: str | None, fields: dict[str, Any]) -> str:
        units = self._units.get((who, name or ""), {})
        values = [f"{field} {words.value(number, units.get(field))}" for field, number in fields["v"].items()]
        return "  ".join(sorted(values)) + ("  (sent late)" if fields.get("hist") else "")

    def _event(self, _who: str, _: str | None, fields: dict[str, Any]) -> str:
        return f"{fields['event_type']} (number {fields['n']})" + ("  (sent late)" if fields.get("hist") else "")

    def _journal(self, _who: str, _: str | None, fields: dict[str, Any]) -> str:
        parts = [f"{after - first} of boot {boot}" for boot, first, after, _ in fields["kept"] if after > first]
        dropped = sum({boot: lost for boot, _, _, lost in fields["kept"]}.values())
        more = ", and of more boots" if fields.get("more") else ""
        return "still has " + (", ".join(parts) or "nothing") + more + (f"; dropped {dropped}" if dropped else "")

    def _stored(self, _who: str, name: str | None, fields: dict[str, Any]) -> str:
        asked = [f"{first}-{last}" if last > first else str(first) for first, last in fields.get("miss", [])]
        again = f"; asks for {', '.join(asked)}" if asked else ""
        return f"all below {fields['seq']} of boot {fields['boot']} is settled{again}"

    def _ack(self, _who: str, _: str | None, fields: dict[str, Any]) -> str:
        parts = [fields["cmd"], words.ACKS.get(fields["st"], fields["st"]), fields.get("err"), fields.get("re")]
        return " · ".join(str(part) for part in parts if part not in (None, ""))


def bare(fields: dict[str, Any]) -> str:
    """`mem=123 lag=2`, without the envelope."""
    return " ".join(f"{key}={printable(one)}" for key, one in fields.items() if key not in ("boot", "seq", "up"))


def printable(value: Any) -> str:
    """Text that cannot move the cursor or colour the terminal."""
    return "".join(char if char.isprintable() else "�" for char in str(value))
