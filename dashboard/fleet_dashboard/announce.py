"""What the host itself publishes: status, last values, boards, alerts. Owns what is out there and what is due.

All of it is retained and goes over the MQTT 5 client, which lets old documents expire by themselves.
"""

from __future__ import annotations

from typing import Any

from fleet_client import Client, ClientError, Will
from fleet_dashboard.nodes import Node, Registry
from fleet_dashboard.presence import SILENT_PERIODS
from fleet_schema import SCHEMA, SchemaError, payloads, topics

LAST_EVERY_MS = 5000
LAST_EXPIRY_S = 24 * 3600
BOARD_EVERY_MS = 2000
BOARD_EXPIRY_S = 3600
BOARD_AGAIN_MS = 1_200_000  # before it expires
MAX_SENSORS = 16  # F-HOST-3
MAX_TEXT = 200  # F-HOST-5
AT_ONCE = 100  # last values published in one go; the others follow in the next


def status_payload(state: str, ts: int) -> bytes:
    return encode("host_status", {"state": state, "ts": ts, "schema": SCHEMA})


def encode(kind: str, fields: dict[str, Any]) -> bytes:
    """As the contract has it: ASCII, and within the kind's limit (SchemaError)."""
    payload: bytes = payloads.encode(kind, fields)
    return payload


def will(base: str, ts: int) -> Will:
    """What the broker says of us when we vanish; `ts` is when we connected."""
    return Will(topics.host_topic(base, "status"), status_payload("lost", ts))


class Announcer:
    """`publish_due` is called a few times a second by one task; a lost link only delays what is due."""

    def __init__(self, client: Client, registry: Registry) -> None:
        self._client = client
        self._registry = registry
        self._last_sent: dict[str, tuple[int, bytes]] = {}  # node -> (when, what)
        self._boards: list[dict[str, Any]] = []
        self._board_sent: dict[str, tuple[int, bytes]] = {}
        self._boards_gone: set[str] = set()
        self._alerts: dict[str, dict[str, Any] | None] = {}
        self._forgotten: set[str] = set()
        self._said_online = False

    def link_is_new(self) -> None:
        """After a reconnect our will may have spoken: say again that we are here."""
        self._said_online = False

    def set_boards(self, boards: list[dict[str, Any]]) -> None:
        known = {board["name"] for board in boards}
        self._boards_gone |= self._board_sent.keys() - known
        self._boards_gone -= known
        self._boards = boards

    def add_alerts(self, changes: dict[str, dict[str, Any] | None]) -> None:
        self._alerts.update(changes)

    def forget(self, node: str) -> None:
        self._forgotten.add(node)

    def stale_document(self, kind: str, name: str | None, active: dict[str, Any]) -> None:
        """A retained alert of an earlier process that nobody will end: we end it."""
        if kind == "alert" and name is not None and name not in active:
            self._alerts.setdefault(name, None)

    async def publish_due(self, now: int, step: int) -> None:
        if not self._client.connected:
            return
        try:
            await self._publish_due(now, step)
        except ClientError:
            return  # everything that was not confirmed is still due

    async def _publish_due(self, now: int, step: int) -> None:
        if not self._said_online:
            await self._publish("status", None, status_payload("online", now + step))
            self._said_online = True
        for name in list(self._forgotten):
            await self._publish("last", name, b"")
            self._last_sent.pop(name, None)
            self._forgotten.discard(name)
        for name, alert in list(self._alerts.items()):
            await self._publish("alert", name, alert_payload(alert) if alert else b"")
            if self._alerts.get(name) is alert:
                del self._alerts[name]
        await self._publish_boards(now)
        await self._publish_last(now, step)

    async def _publish_boards(self, now: int) -> None:
        for name in list(self._boards_gone):
            await self._publish("board", name, b"")
            self._board_sent.pop(name, None)
            self._boards_gone.discard(name)
        for board in self._boards:
            payload = board_payload(board)
            when, what = self._board_sent.get(board["name"], (now - BOARD_AGAIN_MS, b""))
            if now - when >= (BOARD_EVERY_MS if payload != what else BOARD_AGAIN_MS):
                await self._publish("board", board["name"], payload, BOARD_EXPIRY_S)
                self._board_sent[board["name"]] = now, payload

    async def _publish_last(self, now: int, step: int) -> None:
        budget = AT_ONCE
        for node in list(self._registry.nodes.values()):
            when, what = self._last_sent.get(node.id, (now - LAST_EVERY_MS, b""))
            if not node.values or now - when < LAST_EVERY_MS or budget == 0:
                continue
            payload = last_payload(node, now, step)
            if payload != what:
                budget -= 1
                await self._publish("last", node.id, payload, LAST_EXPIRY_S)
            self._last_sent[node.id] = now, payload

    async def _publish(self, kind: str, name: str | None, payload: bytes, expiry_s: int | None = None) -> None:
        topic = topics.host_topic(self._client.base, kind, name)
        await self._client.publish(topic, payload, retain=True, expiry_s=expiry_s)

    async def say_goodbye(self, ts: int) -> None:
        if self._client.connected:
            try:
                await self._publish("status", None, status_payload("offline", ts))
            except ClientError:
                return  # the will says it for us


def last_payload(node: Node, now: int, step: int) -> bytes:
    """{"ts","boot","v","q"}: `ts` is the newest sample's; q is stale (nothing live), late (had waited) or good."""
    heard = node.presence.last
    live = node.presence.word == "online" and heard > 0 and now - heard <= SILENT_PERIODS * node.period
    quality = "stale" if not live else "late" if node.late else "good"
    boot = node.boot.boot if node.boot else node.presence.boot
    ts = max(node.times.values(), default=now) + step
    values = dict(list(node.values.items())[:MAX_SENSORS])
    return encode("host_last", {"ts": ts, "boot": boot or "0000", "v": values, "q": quality})


def board_payload(board: dict[str, Any]) -> bytes:
    """{"title","unit","top"}; names of many non-ASCII letters may leave room for fewer than 10 places."""
    top = board["top"]
    while True:
        try:
            return encode("host_board", {"title": board["title"], "unit": board["unit"], "top": top})
        except SchemaError:
            top = top[:-1]


def alert_payload(alert: dict[str, Any]) -> bytes:
    """{"ts","kind","node","text"}; node is null for an alert about the service itself."""
    text = alert["text"].encode("ascii", "replace").decode()[:MAX_TEXT]
    return encode("host_alert", {"ts": alert["ts"], "kind": alert["kind"], "node": alert["node"] or None, "text": text})
