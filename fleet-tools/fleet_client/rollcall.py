"""A command and who answered it: one row per node, silent ones named.

Owns the collecting of acks; knows nothing of screens. `RollCall.to_dict` is what the HTTP API and --json show.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from fleet_client.message import Message
from fleet_schema import SchemaError, commands, payloads, topics

if TYPE_CHECKING:
    from fleet_client.client import Client

EXPIRY_S = 10  # a command that could not be delivered by then is not wanted any more
GOOD = ("ok", "done")


@dataclass
class Row:
    """One node's answer: `st` is waiting, silent, or the word of its ack; `ms` from publish to ack."""

    node: str
    st: str = "waiting"
    ms: float | None = None
    err: str | None = None
    re: Any = None


@dataclass
class RollCall:
    id: str
    target: str
    name: str
    args: dict[str, Any]
    at: int  # UTC ms
    done: bool = False
    rows: list[Row] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def with_state(self, *states: str) -> list[Row]:
        return [row for row in self.rows if row.st in states]

    @property
    def good(self) -> list[Row]:
        return self.with_state(*GOOD)

    @property
    def silent(self) -> list[Row]:
        return self.with_state("silent")

    @property
    def refused(self) -> list[Row]:
        return [row for row in self.rows if row.st not in (*GOOD, "waiting", "silent")]

    def row(self, node: str) -> Row:
        """The row of `node`; a node that nobody expected gets one when it answers."""
        for row in self.rows:
            if row.node == node:
                return row
        self.rows.append(Row(node))
        return self.rows[-1]


async def request(
    client: Client,
    target: str,
    name: str,
    args: dict[str, Any],
    deadline_s: float,
    expected: Iterable[str] | None,
    on_ack: Callable[[RollCall], None] | None,
    request_id: str | None,
) -> RollCall:
    """Returns when every expected node has answered, or at the deadline.

    Expected are, unless given: the node itself; for `_all` the online nodes; for a group the online nodes whose
    meta lists it. `on_ack` is called with the roll-call when the command is out and after every ack.
    """
    topic = topics.command_topic(client.base, target, name)
    call = RollCall(request_id or secrets.token_hex(4), target, name, args, 0)
    payload = commands.encode_command(call.id, args)
    if expected is None:
        expected = await expected_nodes(client, target)
    call.rows = [Row(node) for node in expected]
    complete = asyncio.Event()
    started = 0.0

    def on_message(message: Message) -> None:
        if note(call, client.base, message, (time.perf_counter() - started) * 1000):
            if on_ack is not None:
                on_ack(call)
            if call.rows and not call.with_state("waiting"):
                complete.set()

    acks = topics.everything(client.base)[:-1] + "+/ack"
    async with client.listen([acks], on_message):
        started = time.perf_counter()
        call.at = time.time_ns() // 1_000_000
        await client.publish(topic, payload, qos=1, expiry_s=EXPIRY_S)
        if on_ack is not None:
            on_ack(call)
        try:
            async with asyncio.timeout(deadline_s):
                await complete.wait()
        except TimeoutError:
            for row in call.with_state("waiting"):
                row.st = "silent"
    call.done = True
    return call


async def expected_nodes(client: Client, target: str) -> list[str]:
    """Who should answer a command to `target`, by what the broker retains."""
    if topics.is_node_id(target):
        return [target]
    fleet = await client.snapshot()
    online = [info for info in fleet.values() if info.state == "online"]
    return [info.node for info in online if target == topics.ALL or target[1:] in info.groups]


def note(call: RollCall, base: str, message: Message, ms: float) -> bool:
    """True if `message` is an ack of this command that says something new."""
    try:
        who, kind, _ = topics.parse(base, message.topic)
        if kind != "ack":
            return False
        ack = payloads.decode("ack", message.payload, orjson.loads)
    except SchemaError:
        return False
    if ack.get("id") != call.id:
        return False
    row = call.row(who)
    if row.ms is not None and not (row.st == "ok" and ack["st"] in ("done", "fail")):
        return False  # a second delivery, or `dup` because the command itself came twice
    row.st, row.err, row.re = ack["st"], ack.get("err"), ack.get("re")
    row.ms = round(ms, 1) if row.ms is None else row.ms
    return True
