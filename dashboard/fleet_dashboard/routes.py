"""Topics that were looked up once: whose they are and who handles them. Bounded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from fleet_client import Message
from fleet_dashboard.flood import Allowance
from fleet_dashboard.nodes import Node
from fleet_dashboard.store import SensorInfo

MAX_ROUTES = 20_000  # more than 500 nodes with 40 topics each is not a fleet but an attack
MAX_OWN = 64  # of one node: 16 sensors, 16 inputs and the rest are some 45; what is beyond is looked up each time


class Route:
    """A legal topic."""

    __slots__ = ("allowance", "handle", "kind", "name", "names", "node", "sensor", "spare", "who")

    def __init__(self, who: str, kind: str, name: str | None, handle: Callable[[Route, Message], None]) -> None:
        self.who = who
        self.kind = kind
        self.name = name
        self.handle = handle
        self.node: Node | None = None
        self.sensor: SensorInfo | None = None
        self.names: tuple[str, ...] = ()  # the legal field names of the last reading
        self.allowance: Allowance | None = None  # of its node; None: nobody counts
        self.spare = 0  # what a message of this kind must leave of it


class Routes:
    """`by_topic` is read on the hot path."""

    def __init__(self) -> None:
        self.by_topic: dict[str, Route] = {}
        self._own: Counter[str] = Counter()

    def add(self, topic: str, route: Route) -> Route:
        if len(self.by_topic) >= MAX_ROUTES:
            self.by_topic.clear()
            self._own.clear()
        if self._own[route.who] < MAX_OWN:
            self._own[route.who] += 1
            self.by_topic[topic] = route
        return route

    def forget(self, who: str) -> None:
        """Of a node that was forgotten: it is made again when it speaks again."""
        for topic in [topic for topic, route in self.by_topic.items() if route.who == who]:
            del self.by_topic[topic]
        del self._own[who]
