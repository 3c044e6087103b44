"""What holds for the whole class: until when it is muted or paused, and how a board that is gone leaves the wall.

Owns those ends, for everyone and for groups. They follow from the commands that go over the broker, whoever sent them:
the page, `fleet send` or mosquitto_pub. A node that comes later was not told and is neither muted nor paused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from fleet_client import Client, ClientError, Denied
from fleet_dashboard.clock import WallClock
from fleet_dashboard.commands import HERE
from fleet_dashboard.nodes import Registry
from fleet_schema import SchemaError, commands, topics

TIMED = ("mute", "pause")  # they end by themselves
MAX_GROUPS = 16  # whoever mutes more than these one by one sees the newest


class ForgetError(Exception):
    """One sentence for the person who asked, and the HTTP status that goes with it."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Classroom:
    """`tell("class", view)` is called when a mute or a pause begins or is ended; that one ends by itself the page
    sees from the time that it was given."""

    def __init__(self, client: Client, registry: Registry, clock: WallClock, tell: Callable[[str, Any], None]) -> None:
        self._client = client
        self._registry = registry
        self._clock = clock
        self._tell = tell
        self._ends: dict[str, dict[str, int]] = {name: {} for name in TIMED}  # command -> target -> monotonic ms

    def command(self, target: str, name: str, payload: bytes) -> None:
        """A command was sent to `target`; what nodes would refuse changes nothing."""
        if name not in TIMED or topics.is_node_id(target):
            return
        try:
            _, args = commands.decode_command(payload, commands.STANDARD[name], orjson.loads)
        except SchemaError:
            return
        now = self._clock.refresh()
        ends = {} if target == topics.ALL else {who: end for who, end in self._ends[name].items() if end > now}
        ends.pop(target, None)
        if args["s"]:
            ends[target] = now + args["s"] * 1000
        self._ends[name] = dict(list(ends.items())[-MAX_GROUPS:])
        self._tell("class", self.view())

    def view(self) -> dict[str, dict[str, int]]:
        """{"mute": {"_all": until}, "pause": {}}: for whom and until when, UTC ms; only what is on."""
        now, step = self._clock.refresh(), self._clock.step
        return {
            name: {target: end + step for target, end in ends.items() if end > now} for name, ends in self._ends.items()
        }

    async def forget(self, name: str) -> None:
        """Take what the broker retains of a node away, and with it the node. Its readings stay stored, and it is back
        as soon as it speaks. ForgetError if it cannot be."""
        node = self._registry.nodes.get(name)
        if node is None:
            raise ForgetError(404, "no such node")
        if node.presence.word in HERE:
            why = "it would be back at once; switch it off first"
            raise ForgetError(409, f"{node.name} is {node.presence.word}: {why}")
        try:
            for kind in ("status", "meta"):
                await self._client.publish(topics.node_topic(self._client.base, name, kind), b"", retain=True)
        except Denied:
            why = "the broker does not let the dashboard forget nodes: its account is of an earlier version"
            raise ForgetError(503, f"{why}; start the broker's accounts service again") from None
        except ClientError:
            raise ForgetError(503, "the dashboard has no connection to the broker right now; try again") from None
