"""Tells the nodes, a few times a second, what is settled and what is asked for again: `_host/stored/<node>`.

Owns nothing but whose turn it is. What does not get out is not kept: a node that waits says so, and is told again.
"""

from __future__ import annotations

from collections.abc import Callable

from fleet_client import Client, ClientError
from fleet_dashboard.delivery import Tell
from fleet_dashboard.ledger import Ledger
from fleet_dashboard.nodes import Node, Registry
from fleet_schema import payloads, topics

EVERY_S = 0.25
BUDGET = 1024  # numbers that are asked for in one go, of all nodes: live readings come first
CONNECTED = ("online", "silent")
HEARD_MS = 30_000  # who never sent a status but was heard just now is there as well


class Confirmer:
    """`publish_due` is called every EVERY_S by one task; it never waits for the broker."""

    def __init__(
        self,
        client: Client,
        registry: Registry,
        ledger: Ledger,
        is_behind: Callable[[], bool],
        is_flooding: Callable[[Node, int], bool],
    ) -> None:
        """While `is_behind`, nothing is asked for; and of a node nothing while it `is_flooding`."""
        self._client = client
        self._registry = registry
        self._ledger = ledger
        self._is_behind = is_behind
        self._is_flooding = is_flooding
        self._turn = 0

    async def publish_due(self, now: int) -> None:
        if not self._client.connected or self._client.congested:
            return
        budget = 0 if self._is_behind() else BUDGET
        nodes = list(self._registry.nodes.values())
        self._turn += 1
        begin = self._turn * 7 % max(1, len(nodes))  # with too much to ask for, all have their turn
        for node in nodes[begin:] + nodes[:begin]:
            for tell in self._due(node, 0 if self._is_flooding(node, now) else budget, now):
                budget -= sum(last - first + 1 for first, last in tell.miss)
                try:
                    await self._publish(node.id, tell)
                except ClientError:
                    return

    def _due(self, node: Node, budget: int, now: int) -> list[Tell]:
        for boot in node.delivery.judge(node.boots, now):
            self._ledger.touch(boot)
        presence = node.presence
        here = presence.word in CONNECTED or (presence.last > 0 and now - presence.last < HEARD_MS)
        return node.delivery.due(node.boots, node.boot, here, budget, now)

    async def _publish(self, node: str, tell: Tell) -> None:
        fields = {"boot": tell.boot, "seq": tell.seq}
        if tell.miss:
            fields["miss"] = tell.miss
        topic = topics.host_topic(self._client.base, "stored", node)
        await self._client.publish(topic, payloads.encode("host_stored", fields), qos=0)
