"""The client of the whole host side: stays connected, keeps its subscriptions, hands over messages in batches.

Owns the current Connection, the inbox and the one background task that reconnects. It keeps no fleet state.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import Any, Literal, Self

from paho.mqtt.client import topic_matches_sub

from fleet_client import rollcall, snapshot
from fleet_client.address import Address, parse_url
from fleet_client.connection import CONNECT_TIMEOUT_S, VERSION_TIMEOUT_S, Connection, VersionRefused
from fleet_client.errors import ClientError, Denied, NotConnected
from fleet_client.message import Message, Will
from fleet_schema import topics

INBOX = 10_000  # messages; a consumer further behind than this stops the reading (TCP and the broker then wait)
BACKOFF_S = (0.25, 15.0)  # first and longest pause between attempts, each drawn from 50 to 100 % of it
Handler = Callable[[Message], None]


class Client:
    """`async with Client("mqtt://127.0.0.1:1883") as client:` connects, or raises BrokerUnreachable or
    BrokerRefused; with `persist=True` it goes on trying in the background instead.

    "auto" tries MQTT 5 and falls back to 3.1.1 if the broker does not speak 5; what worked first is kept.
    `manual_ack`: a QoS 1 message counts as received only when given to `acknowledge`.
    `coalesce_s`: pause after each read, so that one wake-up takes many messages (0.005 for a firehose).
    """

    def __init__(
        self,
        url: str | Address,
        *,
        base: str = "fleet",
        client_id: str | None = None,
        will: Will | None = None,
        protocol: Literal["auto", "5", "3.1.1"] = "auto",
        clean: bool = True,
        receive_max: int | None = None,
        manual_ack: bool = False,
        persist: bool = False,
        coalesce_s: float = 0.0,
        on_connect: Callable[[], None] | None = None,
        on_disconnect: Callable[[str], None] | None = None,
    ) -> None:
        if not topics.is_base(base):
            raise ValueError(f"{base!r} is not a base: a base is [a-z0-9][a-z0-9-]{{0,15}}")
        self.address = parse_url(url) if isinstance(url, str) else url
        self.base = base
        self.reconnects = 0
        self.stalls = 0  # how often the inbox was full
        self.why = "not connected yet"  # the last reason for not being connected
        self.refused: dict[str, str] = {}  # subscriptions that the broker denied after a reconnect
        self.on_connect = on_connect
        self.on_disconnect = on_disconnect
        self._version5 = protocol != "3.1.1"
        self._may_fall_back = protocol == "auto"
        self._persist = persist
        self._options: dict[str, Any] = {
            "client_id": client_id or "fleet-" + secrets.token_hex(6),
            "will": will,
            "clean": clean,
            "manual_ack": manual_ack,
            "receive_max": receive_max,
            "coalesce_s": coalesce_s,
        }
        self._connection: Connection | None = None
        self._links = 0
        self._wanted: Counter[tuple[str, int]] = Counter()  # every subscription, with how many want it
        self._inbox: list[Message] = []
        self._inbox_filters: list[str] = []
        self._handlers: list[tuple[str, Handler]] = []
        self._arrived = asyncio.Event()
        self._gone = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        return self._connection is not None

    @property
    def congested(self) -> bool:
        """The link is up, but what was sent before still waits on our side: a time to send nothing at QoS 0."""
        return self._connection is not None and self._connection.congested

    @property
    def protocol(self) -> str:
        return "5" if self._version5 else "3.1.1"

    async def __aenter__(self) -> Self:
        if not self._persist:
            await self._connect()
        self._task = asyncio.create_task(self._stay_connected(), name="fleet_client.stay_connected")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._arrived.set()

    # -- staying connected -----------------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        failures = 0
        while True:
            if self._connection is None:
                try:
                    await self._connect()
                    failures = 0
                except ClientError as error:
                    self.why = str(error)
                    failures += 1
                    # Own backoff: paho's has no jitter, and a class that reconnects in step hits the broker in step.
                    longest = min(BACKOFF_S[1], BACKOFF_S[0] * 2**failures)
                    await asyncio.sleep(longest * random.uniform(0.5, 1))
                    continue
            try:
                async with asyncio.timeout(1):  # not wait_for: it can swallow the cancellation that ends us
                    await self._gone.wait()
            except TimeoutError:
                if self._connection is not None:
                    self._connection.tick()

    async def _connect(self) -> None:
        try:
            connection = await self._open(VERSION_TIMEOUT_S if self._may_fall_back else CONNECT_TIMEOUT_S)
        except VersionRefused:
            if not self._may_fall_back:
                raise
            self._version5 = False
            try:
                connection = await self._open(CONNECT_TIMEOUT_S)
            except ClientError:
                self._version5 = True  # it was not the version
                raise
        self._may_fall_back = False  # what worked once is not given up because the broker is slow today
        try:
            self.refused = await connection.subscribe(self._wanted)
            if connection.closed:  # lost between two of our steps; `lost` was called when it was not ours yet
                raise NotConnected(f"{self.address.public} closed the connection at once")
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._gone.clear()
        self.reconnects = self._links - 1
        if self.on_connect is not None:
            self.on_connect()

    async def _open(self, patience_s: float) -> Connection:
        self._links += 1
        connection = Connection(self._links, self._deliver, self._lost, version5=self._version5, **self._options)
        await connection.open(self.address, patience_s)
        return connection

    def _lost(self, why: str) -> None:
        was_up = self._connection is not None
        self._connection = None
        self.why = why
        self._gone.set()
        if was_up and self.on_disconnect is not None:
            self.on_disconnect(why)

    def _link(self) -> Connection:
        if self._connection is None:
            raise NotConnected(f"not connected to {self.address.public}: {self.why}")
        return self._connection

    # -- receiving -------------------------------------------------------------------------------------------

    def _deliver(self, message: Message) -> None:
        if self._handlers:
            for pattern, handler in self._handlers:
                if topic_matches_sub(pattern, message.topic):
                    handler(message)
            if not any(topic_matches_sub(pattern, message.topic) for pattern in self._inbox_filters):
                return
        self._inbox.append(message)
        self._arrived.set()
        if len(self._inbox) >= INBOX and self._connection is not None and not self._connection.paused:
            self.stalls += 1
            self._connection.pause()

    async def subscribe(self, pattern: str, qos: int = 1) -> None:
        """Messages of `pattern` go to `batches`, after every reconnect too. Denied if the broker says no."""
        self._inbox_filters.append(pattern)
        try:
            await self._want(pattern, qos)
        except Denied:
            self._inbox_filters.remove(pattern)
            raise

    @contextlib.asynccontextmanager
    async def listen(self, patterns: Iterable[str], handler: Handler) -> AsyncIterator[None]:
        """While inside, `handler` is called with every message of `patterns`, retained ones first."""
        entries = [(pattern, handler) for pattern in patterns]
        self._handlers += entries
        held = []
        try:
            for pattern, _ in entries:
                await self._want(pattern, 1)
                held.append(pattern)
            yield
        finally:
            for entry in entries:
                self._handlers.remove(entry)
            for pattern in held:
                await self._unwant(pattern, 1)

    async def _want(self, pattern: str, qos: int) -> None:
        connection = self._link()
        self._wanted[pattern, qos] += 1
        denied = await connection.subscribe([(pattern, qos)])
        if denied:
            self._wanted -= Counter([(pattern, qos)])
            raise Denied(pattern, denied[pattern])

    async def _unwant(self, pattern: str, qos: int) -> None:
        self._wanted -= Counter([(pattern, qos)])
        still_wanted = any(name == pattern for name, _ in self._wanted)
        if self._connection is not None and not still_wanted:
            with contextlib.suppress(ClientError):
                await self._connection.unsubscribe([pattern])

    async def batches(self) -> AsyncIterator[list[Message]]:
        """Everything that arrived since the last batch, oldest first; ends when the client is closed."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            batch, self._inbox = self._inbox, []
            if self._connection is not None and self._connection.paused:
                self._connection.resume()
            if batch:
                yield batch
            elif self._task is None or self._task.done():
                return

    def acknowledge(self, batch: Iterable[Message]) -> None:
        """With `manual_ack`: these are safe now. What came over an older connection is sent again by the broker."""
        if self._connection is not None:
            self._connection.acknowledge(batch)

    # -- sending ---------------------------------------------------------------------------------------------

    async def publish(
        self,
        topic: str,
        payload: bytes | str,
        *,
        qos: int = 1,
        retain: bool = False,
        expiry_s: int | None = None,
        timeout_s: float = 5,
    ) -> None:
        """Returns when the broker has it (QoS 1). NotConnected at once when the link is down; Denied at MQTT 5."""
        data = payload.encode() if isinstance(payload, str) else payload
        await self._link().publish(topic, data, qos, retain, expiry_s, timeout_s)

    async def request(
        self,
        target: str,
        name: str,
        args: dict[str, Any],
        *,
        deadline_s: float = 3.0,
        expected: Iterable[str] | None = None,
        on_ack: Callable[[rollcall.RollCall], None] | None = None,
        request_id: str | None = None,
    ) -> rollcall.RollCall:
        """Send command `name` to a node id, `_all` or `_<group>` and collect the acks (see rollcall.py)."""
        return await rollcall.request(self, target, name, args, deadline_s, expected, on_ack, request_id)

    async def snapshot(self, settle_s: float = 0.2) -> dict[str, snapshot.NodeInfo]:
        """What the broker retains about every node, by node id."""
        return await snapshot.read(self, settle_s)

    async def online_nodes(self, settle_s: float = 0.2) -> dict[str, dict[str, Any]]:
        """{node: its retained status} of the nodes that are online."""
        fleet = await self.snapshot(settle_s)
        return {node: info.status for node, info in fleet.items() if info.status and info.state == "online"}
