"""What a broker retains about a fleet (status, meta, last values), read once for a command or a listing."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from fleet_client.message import Message
from fleet_schema import SchemaError, payloads, topics

if TYPE_CHECKING:
    from fleet_client.client import Client

LONGEST_S = 3.0  # a broker that trickles for longer than this is answered with what there is


@dataclass
class NodeInfo:
    """The retained documents of one node, checked; None where there is none or it broke the contract."""

    node: str
    status: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    last: dict[str, Any] | None = None

    @property
    def state(self) -> str:
        """online, sleeping, offline or lost; "unknown" without a legal status."""
        return str(self.status["state"]) if self.status else "unknown"

    @property
    def groups(self) -> list[str]:
        return list(self.meta.get("groups", [])) if self.meta else []


def patterns(base: str) -> list[str]:
    """The subscriptions that bring the retained documents of every node."""
    anyone = topics.everything(base)[:-1] + "+/"
    return [anyone + "status", anyone + "meta", topics.host_topic(base, "last", "x")[:-1] + "+"]


async def read(client: Client, settle_s: float) -> dict[str, NodeInfo]:
    """Retained documents come right after the SUBACK but nothing marks their end: done when it has been quiet."""
    fleet: dict[str, NodeInfo] = {}
    heard = time.monotonic()

    def on_message(message: Message) -> None:
        nonlocal heard
        if message.retain:
            heard = time.monotonic()
        add(fleet, client.base, message)

    async with client.listen(patterns(client.base), on_message):
        heard = time.monotonic()
        end = heard + LONGEST_S
        while (wait := min(heard + settle_s, end) - time.monotonic()) > 0:  # noqa: ASYNC110 (quiet is no event)
            await asyncio.sleep(wait)
    return dict(sorted(fleet.items(), key=lambda item: in_natural_order(item[0])))


def in_natural_order(node: str) -> list[tuple[int, str]]:
    """A sort key by which n-2 comes before n-10."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", node)]


def add(fleet: dict[str, NodeInfo], base: str, message: Message) -> None:
    """Put one message in its place; what is not legal is left out."""
    try:
        who, kind, name = topics.parse(base, message.topic)
        if not message.payload:
            return
        if who == topics.HOST and kind == "last":
            fleet.setdefault(name, NodeInfo(name)).last = payloads.decode("host_last", message.payload, orjson.loads)
        elif topics.is_node_id(who) and kind in ("status", "meta"):
            fields = payloads.decode(kind, message.payload, orjson.loads)
            setattr(fleet.setdefault(who, NodeInfo(who)), kind, fields)
    except SchemaError:
        return
