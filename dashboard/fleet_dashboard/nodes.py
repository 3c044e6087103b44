"""What is known of each node right now, in memory: the registry that ingest fills and the live view shows.

Owns the caps (500 nodes, 32 fields each, 8 boots each). No MQTT, no SQL, no HTTP.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from fleet_dashboard import leaderboard
from fleet_dashboard.clock import BootClock
from fleet_dashboard.presence import Presence, period_of
from fleet_dashboard.sequence import Sequence

MAX_NODES = 500
MAX_FIELDS = 32
MAX_BOOTS = 8
SPARK_POINTS = 60
SPARK_EVERY_MS = 1000


class Boot:
    """One life of a node, from power to power: its clock and its sequence."""

    __slots__ = ("boot", "clock", "fell", "first_seq", "id", "placed", "saved", "seen", "sequence")

    def __init__(self, boot: str, number: int, clock: BootClock) -> None:
        self.boot = boot
        self.id = number
        self.clock = clock
        self.sequence = Sequence()
        self.seen = 0
        self.saved = 0  # when the store was last told
        self.first_seq = -1  # the first that this process stored
        self.placed: int | None = None  # the offset by which stored samples were placed; None before the first
        self.fell = 0  # when the offset last fell by so much that they must be placed again; 0: never


class Node:
    """Times are monotonic ms, but `times` and the `t` of an event, which are UTC of the sample."""

    def __init__(self, name: str, number: int, now: int) -> None:
        self.id = name
        self.number = number
        self.presence = Presence(now)
        self.boots: dict[str, Boot] = {}
        self.boot: Boot | None = None  # the one that spoke last
        self.meta: dict[str, Any] | None = None
        self.values: dict[str, dict[str, float | None]] = {}
        self.times: dict[str, int] = {}
        self.health: dict[str, Any] | None = None
        self.event: dict[str, Any] | None = None
        self.lag_ms: int | None = None  # from sample to us, the last live one
        self.received = 0
        self.duplicates = 0
        self.bad = 0
        self.lost_before = 0  # in boots that are not in `boots` any more
        self.presses = 0
        self.shake: float | None = None
        self.late = False  # the last sample had waited
        self.status_gone = True  # no retained status or meta on the broker: with neither, the node is forgotten
        self.meta_gone = True
        self.spark_of: tuple[str, str] | None = None
        self.spark: deque[float] = deque(maxlen=SPARK_POINTS)
        self._spark_next = 0
        self.period = period_of(None)  # how often anything is to be expected, for silence
        self.warmest_of: tuple[str, str] | None = None
        self.changed: set[str] = set()  # keys of view() that changed since the last frame

    # -- filled by ingest --------------------------------------------------------------------------------------

    def set_meta(self, meta: dict[str, Any] | None) -> None:
        self.meta = meta
        self.meta_gone = meta is None
        self.period = period_of(meta)
        sensors = (meta or {}).get("sensors") or {}
        self.warmest_of = leaderboard.temperature_source(sensors)
        wanted = self.warmest_of or self.spark_of
        if wanted != self.spark_of:
            self.spark_of = wanted
            self.spark.clear()
        self.changed |= {"name", "board", "app", "groups", "period", "meta", "spark"}

    def room_for(self, sensor: str, names: tuple[str, ...]) -> bool:
        """May this sensor have these fields, or would the node have more than 32?"""
        others = sum(len(fields) for name, fields in self.values.items() if name != sensor)
        return others + len(names) <= MAX_FIELDS

    def set_values(self, sensor: str, values: dict[str, float | None], ts: int, now: int) -> None:
        """The newest sample of a sensor; an older one than we have is not shown."""
        if ts < self.times.get(sensor, 0):
            return
        self.values[sensor] = values
        self.times[sensor] = ts
        if now >= self._spark_next:
            self._extend_spark(sensor, values, now)

    def _extend_spark(self, sensor: str, values: dict[str, float | None], now: int) -> None:
        if self.spark_of is None:
            self.spark_of = sensor, next(iter(values))
        wanted, field = self.spark_of
        value = values.get(field)
        if sensor == wanted and value is not None:
            self.spark.append(value)
            self._spark_next = now + SPARK_EVERY_MS
            self.changed.add("spark")

    @property
    def lost(self) -> int:
        return self.lost_before + sum(boot.sequence.lost for boot in self.boots.values())

    @property
    def name(self) -> str:
        return str((self.meta or {}).get("name") or self.id)

    def standing(self) -> leaderboard.Standing:
        """What it brings to the leaderboards: the temperature only while it is there to be measured."""
        warmest = None
        if self.warmest_of is not None and self.presence.word == "online":
            sensor, field = self.warmest_of
            warmest = self.values.get(sensor, {}).get(field)
        return leaderboard.Standing(self.id, self.name, self.presses, warmest, self.shake)

    # -- shown by live ---------------------------------------------------------------------------------------

    def view(self, step: int) -> dict[str, Any]:
        """The Node object of the HTTP API; `step` turns monotonic ms into UTC ms."""
        return {"id": self.id, **{key: show(self, step) for key, show in VIEW.items()}}

    def changes(self, step: int) -> dict[str, Any]:
        """The part of view() that changed since the last call."""
        keys, self.changed = self.changed, set()
        return {key: VIEW[key](self, step) for key in keys}


def _meta(key: str, default: Any) -> Any:
    return lambda node, step: (node.meta or {}).get(key, default)


def _last(node: Node, step: int) -> int | None:
    return node.presence.last + step if node.presence.last else None


def _spark(node: Node, step: int) -> dict[str, Any] | None:
    if node.spark_of is None or not node.spark:
        return None
    return {"sensor": node.spark_of[0], "field": node.spark_of[1], "points": list(node.spark)}


def _counts(node: Node, step: int) -> dict[str, int]:
    return {"received": node.received, "lost": node.lost, "duplicates": node.duplicates, "bad": node.bad}


VIEW: dict[str, Any] = {
    "name": lambda node, step: node.name,
    "board": _meta("board", ""),
    "app": _meta("app", ""),
    "groups": _meta("groups", []),
    "state": lambda node, step: node.presence.word,
    "why": lambda node, step: node.presence.why,
    "since": lambda node, step: node.presence.since + step,
    "last": _last,
    "boot": lambda node, step: node.presence.boot,
    "conn": lambda node, step: node.presence.conn,
    "period": lambda node, step: (node.meta or {}).get("period", node.period),
    "v": lambda node, step: node.values,
    "t": lambda node, step: node.times,
    "meta": lambda node, step: node.meta,
    "health": lambda node, step: node.health,
    "event": lambda node, step: node.event,
    "spark": _spark,
    "counts": _counts,
    "lag_ms": lambda node, step: node.lag_ms,
}
PRESENCE = {"state", "why", "since", "last", "boot", "conn"}


class Registry:
    """All nodes by id, at most 500; and which of them changed or went since the last frame."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.touched: set[Node] = set()
        self.gone: list[str] = []

    @property
    def full(self) -> bool:
        return len(self.nodes) >= MAX_NODES

    def add(self, name: str, number: int, now: int) -> Node:
        """A node that is not there yet; ask `full` first."""
        node = self.nodes[name] = Node(name, number, now)
        node.changed |= set(VIEW)
        self.touched.add(node)
        return node

    def remove(self, node: Node) -> None:
        del self.nodes[node.id]
        self.touched.discard(node)
        self.gone.append(node.id)
