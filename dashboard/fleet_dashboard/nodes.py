"""What is known of each node right now, in memory: the registry that ingest fills and the live view shows.

Owns the caps (500 nodes, 32 fields each, 16 boots each). No MQTT, no SQL, no HTTP.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from fleet_dashboard import leaderboard
from fleet_dashboard.account import Figures
from fleet_dashboard.boot import Boot
from fleet_dashboard.delivery import Delivery
from fleet_dashboard.presence import Presence, period_of

if TYPE_CHECKING:
    from fleet_dashboard.rounds import Tap

MAX_NODES = 500
MAX_FIELDS = 32
MAX_BOOTS = 16
MAX_ORIGINS = 8
SPARK_POINTS = 60
SPARK_EVERY_MS = 1000


class Node:
    """All times are monotonic ms, so that they move along when somebody sets the host's clock; view() makes UTC."""

    def __init__(self, name: str, number: int, now: int) -> None:
        self.id = name
        self.number = number
        self.presence = Presence(now)
        self.boots: dict[str, Boot] = {}
        self.boot: Boot | None = None  # the one that spoke last
        self.rest = Figures()  # of the boots that are not in `boots`
        self.unseen = True  # there may be such boots of which something is missing
        self.delivery = Delivery()
        self.meta: dict[str, Any] | None = None
        self.values: dict[str, dict[str, float | None]] = {}
        self.times: dict[str, int] = {}  # when `values` were sampled
        self._shown: dict[str, tuple[int, int]] = {}  # (id of the boot, seq) of `values`
        self._claimed: dict[str, int] = {}  # sensor -> how many fields
        self.health: dict[str, Any] | None = None
        self.event: dict[str, Any] | None = None
        self._event_of = (0, 0)
        self.lag_ms: int | None = None  # from sample to us, the last live one
        self.received = 0
        self.duplicates = 0
        self.bad = 0
        self.flooded = 0  # messages that were too many
        self.origins: dict[str, str] = {}  # boot -> what its birth certificate says it runs on, of the last few
        self.presses = 0
        self.taps: dict[str, tuple[Tap, ...]] = {}  # by sensor: the challenges that hear each of its readings
        self.late = False  # the last sample had waited
        self.status_gone = True  # no retained status or meta on the broker: with neither, the node is forgotten
        self.meta_gone = True
        self.spark_of: tuple[str, str] | None = None
        self.spark: deque[float] = deque(maxlen=SPARK_POINTS)
        self._spark_next = 0
        self.period = period_of(None)  # how often anything is to be expected, for silence
        self.changed: set[str] = set()  # keys of view() that changed since the last frame

    # -- filled by ingest --------------------------------------------------------------------------------------

    def set_meta(self, meta: dict[str, Any] | None) -> None:
        self.meta = meta
        self.meta_gone = meta is None
        self.period = period_of(meta)
        wanted = leaderboard.temperature_source(self.sensors) or self.spark_of
        if wanted != self.spark_of:
            self.spark_of = wanted
            self.spark.clear()
        self.changed |= {"name", "board", "app", "groups", "period", "meta", "spark"}

    def set_origin(self, boot: str, meta: dict[str, Any]) -> None:
        """Two boards of one name are told apart by what they run on."""
        words = [meta.get("board"), f"app {meta['app']}" if meta.get("app") else "", meta.get("fw")]
        self.origins.pop(boot, None)
        self.origins[boot] = " ".join(str(word) for word in words if word)
        while len(self.origins) > MAX_ORIGINS:
            del self.origins[next(iter(self.origins))]

    def claim(self, sensor: str, names: tuple[str, ...]) -> bool:
        """May this sensor have these fields, or would the node have more than 32?"""
        others = sum(count for name, count in self._claimed.items() if name != sensor)
        if others + len(names) > MAX_FIELDS:
            return False
        self._claimed[sensor] = max(len(names), self._claimed.get(sensor, 0))
        return True

    def set_values(
        self, sensor: str, values: dict[str, float | None], at: int, now: int, boot: Boot, seq: int, late: bool = False
    ) -> None:
        """A sample of a sensor, taken at `at`; one that is older than what we show is not shown."""
        shown = self._shown.get(sensor)
        if shown is not None and not self._is_newer(boot, seq, late, shown, at, self.times[sensor]):
            return
        self._shown[sensor] = boot.id, seq
        self.values[sensor] = values
        self.times[sensor] = at
        if now >= self._spark_next:
            self._extend_spark(sensor, values, now)

    def restore_values(
        self, values: dict[str, dict[str, float | None]], times: dict[str, int], shown: dict[str, tuple[int, int]]
    ) -> None:
        """What an earlier process knew."""
        self.values, self.times, self._shown = values, times, shown
        self._claimed = {sensor: len(fields) for sensor, fields in values.items()}

    def set_event(self, event: dict[str, Any], boot: Boot, seq: int, late: bool) -> None:
        """{"input","type","n","t"}; one that is older than what we show is not shown."""
        if self.event is None or self._is_newer(boot, seq, late, self._event_of, event["t"], self.event["t"]):
            self.event, self._event_of = event, (boot.id, seq)

    def _is_newer(self, boot: Boot, seq: int, late: bool, shown: tuple[int, int], at: int, shown_at: int) -> bool:
        """Within a boot the numbers decide and no clock. What an earlier boot left behind never replaces what the
        boot that speaks has said."""
        if shown[0] == boot.id:
            return seq > shown[1]
        if not late or boot is self.boot:
            return True
        return (self.boot is None or shown[0] != self.boot.id) and at >= shown_at

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
    def figures(self) -> Figures:
        """Of all boots there ever were."""
        sums = Figures(**vars(self.rest))
        for boot in self.boots.values():
            sums.add(boot.account)
        return sums

    @property
    def name(self) -> str:
        return str((self.meta or {}).get("name") or self.id)

    @property
    def sensors(self) -> dict[str, Any]:
        return (self.meta or {}).get("sensors") or {}

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple((self.meta or {}).get("groups") or ())

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
    flooded = {"flooded": node.flooded} if node.flooded else {}
    return {"received": node.received, **vars(node.figures), "duplicates": node.duplicates, "bad": node.bad, **flooded}


def _event(node: Node, step: int) -> dict[str, Any] | None:
    return None if node.event is None else {**node.event, "t": node.event["t"] + step}


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
    "paused": lambda node, step: node.presence.paused + step if node.presence.paused else None,
    "period": lambda node, step: (node.meta or {}).get("period", node.period),
    "v": lambda node, step: node.values,
    "t": lambda node, step: {sensor: at + step for sensor, at in node.times.items()},
    "meta": lambda node, step: node.meta,
    "health": lambda node, step: node.health,
    "event": _event,
    "spark": _spark,
    "counts": _counts,
    "lag_ms": lambda node, step: node.lag_ms,
}
PRESENCE = {"state", "why", "since", "last", "boot", "conn", "paused"}


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
