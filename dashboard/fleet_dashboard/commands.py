"""Commands to nodes: who should answer, who did. Owns the last 100 roll-calls; the asking itself is fleet_client's."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

from fleet_client import Client, ClientError, RollCall, Row
from fleet_dashboard.nodes import Node, Registry
from fleet_schema import SchemaError, topics
from fleet_schema import commands as contract

KEPT = 100
DEADLINE_S = 3.0
MAX_RUNNING = 20
REBIRTH_EVERY_MS = 30_000  # for one node
REBIRTH_GAP_MS = 200  # for the whole fleet: 5 a second
HERE = ("online", "silent")  # connected, so an answer is to be expected


class BadCommand(ValueError):
    """One sentence for the person who asked."""


class Commands:
    """`start` answers at once; the roll-call goes on in a task of the service and is shown by `on_change`."""

    def __init__(
        self,
        client: Client,
        registry: Registry,
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
        on_change: Callable[[dict[str, Any]], None],
    ) -> None:
        self._client = client
        self._registry = registry
        self._spawn = spawn
        self._on_change = on_change
        self._calls: OrderedDict[str, RollCall] = OrderedDict()
        self._asked: dict[str, int] = {}
        self._asked_last = 0

    def start(self, target: Any, name: Any, args: Any) -> tuple[str, list[str]]:
        """(id, expected nodes) of the roll-call that has begun; BadCommand if it cannot be sent."""
        if not isinstance(target, str) or not topics.is_target(target):
            raise BadCommand("target is a node id, _all or _<group>")
        if not isinstance(name, str) or not topics.is_name(name):
            raise BadCommand("name is the name of a command: 1 to 16 of a-z, 0-9 and -")
        if not isinstance(args, dict):
            raise BadCommand('args is an object, like {"ms": 300}')
        if not self._client.connected:
            raise BadCommand("the dashboard has no connection to the broker right now; try again in a moment")
        if sum(not call.done for call in self._calls.values()) >= MAX_RUNNING:
            raise BadCommand(f"{MAX_RUNNING} commands are still waiting for answers; try again in a moment")
        expected = self._expected(target)
        checked = self._check(target, name, args)
        call = RollCall(secrets.token_hex(4), target, name, checked, time.time_ns() // 1_000_000)
        call.rows = [Row(node) for node in expected]
        self._keep(call)
        self._spawn(self._run(call, expected), f"command {name} {call.id}")
        return call.id, expected

    def _expected(self, target: str) -> list[str]:
        if topics.is_node_id(target):
            return [target]
        here = [node for node in self._registry.nodes.values() if node.presence.word in HERE]
        return sorted(
            node.id for node in here if target == topics.ALL or target[1:] in (node.meta or {}).get("groups", [])
        )

    def _check(self, target: str, name: str, args: dict[str, Any]) -> dict[str, Any]:
        """The arguments, checked by the table that the node itself sent; else by the standard one."""
        node = self._registry.nodes.get(target)
        spec = ((node.meta or {}).get("commands") or {}).get(name) if node else None
        spec = spec if spec is not None else contract.STANDARD.get(name)
        try:
            if spec is not None:
                contract.check_args(args, spec)
            contract.encode_command("0" * 8, args)
        except (SchemaError, TypeError) as error:
            raise BadCommand(str(error)) from None
        return args

    def _keep(self, call: RollCall) -> None:
        self._calls[call.id] = call
        while len(self._calls) > KEPT:
            self._calls.popitem(last=False)
        self._on_change(call.to_dict())

    async def _run(self, call: RollCall, expected: list[str]) -> None:
        try:
            done = await self._client.request(
                call.target,
                call.name,
                call.args,
                deadline_s=DEADLINE_S,
                expected=expected,
                request_id=call.id,
                on_ack=self._keep,
            )
        except ClientError as error:
            done = call
            done.done = True
            for row in done.rows:
                row.st, row.err = "fail", str(error)
        self._keep(done)

    def get(self, name: str) -> dict[str, Any] | None:
        call = self._calls.get(name)
        return call.to_dict() if call else None

    def rows_of(self, node: str, count: int = 20) -> list[dict[str, Any]]:
        """What a node answered to its last commands, newest first."""
        rows: list[dict[str, Any]] = []
        for call in reversed(self._calls.values()):
            for row in call.rows:
                if row.node == node and len(rows) < count:
                    head = {"id": call.id, "target": call.target, "name": call.name, "args": call.args, "at": call.at}
                    rows.append({**head, "node": node, "st": row.st, "ms": row.ms, "err": row.err, "re": row.re})
        return rows

    def sent(self) -> list[dict[str, Any]]:
        """The roll-calls of the last commands, oldest first."""
        return [call.to_dict() for call in self._calls.values()]

    def ask_rebirth(self, node: Node, now: int) -> None:
        """Ask a node for its status and meta again; at most every 30 s, and 5 nodes a second."""
        if (
            now - self._asked_last < REBIRTH_GAP_MS
            or now - self._asked.get(node.id, -REBIRTH_EVERY_MS) < REBIRTH_EVERY_MS
        ):
            return
        if not self._client.connected:
            return
        self._asked_last = now
        self._asked = {name: at for name, at in self._asked.items() if now - at < REBIRTH_EVERY_MS}
        self._asked[node.id] = now
        self._spawn(self._send_rebirth(node.id), f"rebirth {node.id}")

    async def _send_rebirth(self, node: str) -> None:
        topic = topics.command_topic(self._client.base, node, "rebirth")
        try:
            await self._client.publish(topic, contract.encode_command(None, {}), expiry_s=10)
        except ClientError:
            return  # it is asked again when it speaks again
