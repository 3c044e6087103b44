"""Tells a node what the roster calls it: a ticket holds no name, so a node that joins has only its id."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from fleet_client import Client, ClientError
from fleet_dashboard.nodes import Node
from fleet_dashboard.roster import Roster
from fleet_schema import commands as contract
from fleet_schema import topics

EXPIRY_S = 10


class Namer:
    """Each node is told once for each of its boots, and only what it does not have: what somebody chose is left."""

    def __init__(self, client: Client, roster: Roster, spawn: Callable[[Coroutine[Any, Any, None], str], None]) -> None:
        self._client = client
        self._roster = roster
        self._spawn = spawn
        self._known = roster.nodes
        self._told: dict[str, str] = {}  # node: the boot that was told; as many as the registry has at most

    def second(self, nodes: Iterable[Node]) -> None:
        """Once a second: another roster may call those that are here something else."""
        if self._roster.nodes is not self._known:
            self._known = self._roster.nodes
            for node in nodes:
                self.meta_changed(node)

    def meta_changed(self, node: Node) -> None:
        expected = (self._roster.nodes or {}).get(node.id)
        here = node.presence.word in ("online", "silent")
        if not here or expected is None or expected.revoked or self._told.get(node.id) == node.presence.boot:
            return
        wanted: list[tuple[str, dict[str, Any]]] = []
        if node.name == node.id != expected.name:
            wanted.append(("name", {"name": expected.name}))
        if expected.group and not node.groups:
            wanted.append(("groups", {"groups": expected.group}))
        if wanted and self._client.connected:
            self._told[node.id] = node.presence.boot
            self._spawn(self._tell(node.id, wanted), f"name {node.id}")

    def forget(self, node: str) -> None:
        self._told.pop(node, None)

    async def _tell(self, node: str, wanted: list[tuple[str, dict[str, Any]]]) -> None:
        for name, args in wanted:
            topic = topics.command_topic(self._client.base, node, name)
            try:
                await self._client.publish(topic, contract.encode_command(None, args), expiry_s=EXPIRY_S)
            except (ClientError, ValueError):  # a name that no node may have, or nobody to tell it
                self.forget(node)
                return
