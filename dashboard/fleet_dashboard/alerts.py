"""What a teacher should be told: silent nodes, two boards with one id, broken rules, floods, bad clocks. Pure.

Owns the list of alerts; who publishes them asks `take_changes`. Times are monotonic ms, `ts` is UTC ms.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from fleet_dashboard.culprits import Culprit
from fleet_dashboard.flood import Allowance
from fleet_dashboard.nodes import Node
from fleet_dashboard.presence import SWAPS_MS

MAX_ALERTS = 200
FADE_MS = 60_000  # broken rules and found commands are shown this long after the last one
WORST_RULES = 3
# kind -> beginning of its ids, which have at most 32 characters with a node id of 20
KINDS = {
    "silent": "silent",
    "schema": "schema",
    "duplicate-id": "duplicate",
    "retained-command": "retained",
    "store": "store",
    "flood": "flood",
    "clock": "clock",
    "broker-drops": "drops",
}


@dataclass(frozen=True)
class Guide:
    """What a person is told beside the text of an alert: what it means, and the one thing to do."""

    title: str
    means: str
    do: str


# Kind of alert, and "lost", which is none but asks for the same. docs/operations.md has the same words.
GUIDE = {
    "lost": Guide(
        "Lost",
        "The connection broke without a goodbye: no power, no Wi-Fi, or the program ended. What the node measures "
        "meanwhile waits in its journal.",
        "Look at the board: if it is dark, give it power; if it runs, bring it nearer to the access point. It comes "
        "back by itself, and so do its readings.",
    ),
    "silent": Guide(
        "Silent",
        "The node is connected, but nothing has come for three of its periods: a sensor hangs, or the period was "
        "changed without a new birth certificate.",
        "Open its page and read its log; if there is nothing, press reset on the board.",
    ),
    "duplicate-id": Guide(
        "Two boards, one id",
        "Two boards call themselves the same. Each pushes the other off the broker, and their readings mix.",
        "Press reset on one of the two: it starts with a new boot, so you know which it is. Give that one another "
        "`node` in its config.json and reset it again.",
    ),
    "retained-command": Guide(
        "Command with retain",
        "Somebody published a command with retain, so the broker would give it to every node that connects, again and "
        "again. Nodes ignored it, and the dashboard took it off the broker.",
        "Nothing is left to clear. Find who publishes to this topic, and leave `-r` (retain) out there.",
    ),
    "schema": Guide(
        "Breaks the contract",
        "The node sends what the contract does not allow. Such messages are counted and dropped; its other readings "
        "are stored.",
        "Look up the rule by its id in docs/topics.md, and mend what the node's program sends; `mosquitto_sub -v` on "
        "its topics shows it as it comes.",
    ),
    "flood": Guide(
        "Sends far too much",
        "The node sends more messages a second than are taken of one (200, or FLEET_NODE_RATE), and that for some "
        "time. What is above is turned away, so that nobody else waits; its readings among it are missing, and are "
        "asked for when the flood is over.",
        "Find the loop without a pause in its program, or make its period longer: `fleet send period 1000 --to ada`, "
        "with its id. If that does not help, take its power.",
    ),
    "clock": Guide(
        "A clock that is none",
        "The node's `up` runs much too fast or slow, or goes back without a new `boot`, or its `ts` is more than 2 s "
        "off this computer's clock. Its readings are stored, but their times may be wrong.",
        "In its program `up` is the milliseconds since the boot, made once and never set. Leave `ts` out if the node's "
        "clock is not set. If all nodes with a `ts` have this, look at this computer's clock.",
    ),
    "broker-drops": Guide(
        "The broker drops messages",
        "The broker had more for somebody than its queue holds, and threw the rest away. Readings among it are missing "
        "and are asked for; for others what was dropped is gone.",
        "If the dashboard is slow or frozen, free its computer. If a program of yours subscribed and does not read, "
        "end it, and let it connect with a clean session.",
    ),
    "store": Guide(
        "The database does not take anything",
        "The dashboard cannot write to its disk. Nothing is lost yet: what is not stored is not acknowledged, and "
        "waits at the broker and in the nodes.",
        "Make room on the disk, or give FLEET_DATA a folder that can be written. It goes on by itself.",
    ),
}


@dataclass
class Alert:
    id: str
    ts: int
    kind: str
    node: str
    text: str


class Alerts:
    """`active` by id. An alert is raised once and ends when its cause does."""

    def __init__(self) -> None:
        self.active: dict[str, Alert] = {}
        self._changed: set[str] = set()
        self._until: dict[str, int] = {}

    def tell(self, kind: str, node: str, text: str, ts: int, until: int | None = None) -> None:
        """Raise the alert `kind` of a node, or refresh its text; `until` (monotonic) ends it by itself."""
        name = _name(kind, node)
        if until is not None:
            self._until[name] = until
        known = self.active.get(name)
        if known is not None and known.text == text:
            return
        if known is None and len(self.active) >= MAX_ALERTS:
            return
        self.active[name] = Alert(name, known.ts if known else ts, kind, node, text)
        self._changed.add(name)

    def is_raised(self, kind: str, node: str) -> bool:
        return _name(kind, node) in self.active

    def end(self, kind: str, node: str) -> None:
        self._drop(_name(kind, node))

    def _drop(self, name: str) -> None:
        self._until.pop(name, None)
        if self.active.pop(name, None) is not None:
            self._changed.add(name)

    def judge_node(self, node: Node, now: int, ts: int) -> None:
        presence = node.presence
        if presence.word == "silent":
            self.tell(
                "silent", node.id, f"{node.name} is connected, but sends nothing; press reset or look at its log", ts
            )
        else:
            self.end("silent", node.id)
        if presence.is_shared(now):
            text = f"two boards call themselves {node.id}: {two_boards(node)}; give one another id in its config.json"
            self.tell("duplicate-id", node.id, text, ts, now + SWAPS_MS)

        if node.boot is not None and (wrong := node.boot.watch.sentence(now)):
            self.tell("clock", node.id, f"the clock of {node.name} is none: {wrong}", ts, now + FADE_MS)

    def judge_flood(self, who: str, allowance: Allowance, rate: int, now: int, ts: int) -> None:
        if allowance.is_flooding(now):
            speed = allowance.speed(rate)
            text = f"{who} sends some {speed:,} messages a second; {rate:,} are taken, so that nobody else waits"
            self.tell("flood", who, text, ts, now + FADE_MS)

    def judge_culprit(self, who: str, culprit: Culprit, now: int, ts: int) -> None:
        if culprit.last and now - culprit.last < FADE_MS:
            worst = ", ".join(f"{rule} x {count}" for rule, count in culprit.rules.most_common(WORST_RULES))
            text = f"{who} breaks the contract ({worst}); the last: {culprit.why}"
            self.tell("schema", who, text, ts, culprit.last + FADE_MS)

    def forget(self, node: str) -> None:
        """The node is gone, and what was said of it."""
        for name in [name for name, alert in self.active.items() if alert.node == node]:
            self._drop(name)

    def fade(self, now: int) -> None:
        """End what has an end."""
        for name in [name for name, until in self._until.items() if now >= until]:
            self._drop(name)

    def take_changes(self) -> dict[str, dict[str, Any] | None]:
        """{id: alert, or None if it is over} since the last call."""
        changed, self._changed = self._changed, set()
        return {name: asdict(self.active[name]) if name in self.active else None for name in changed}

    def view(self) -> list[dict[str, Any]]:
        """Newest first."""
        return [asdict(alert) for alert in sorted(self.active.values(), key=lambda alert: -alert.ts)]


def two_boards(node: Node) -> str:
    """The two that spoke last, by what tells them apart: "unix app 1.0 (boot 1a2b) and esp32 app 1.0 (boot 3c4d)"."""
    boots = sorted(node.presence.claims[-2:])
    return " and ".join(f"{node.origins.get(boot) or 'a board'} (boot {boot})" for boot in boots)


def _name(kind: str, node: str) -> str:
    """An alert's id; a target like _all loses its underscore, which an id cannot have."""
    return f"{KINDS[kind]}-{node.removeprefix('_')}" if node else KINDS[kind]
