"""Carries a job out: offers it stage by stage, sends each chunk that a node asks for, notes what the nodes say."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import orjson

from fleet_schema import SchemaError, payloads, topics
from fleet_tools.ota_image import Image
from fleet_tools.ota_job import Job, JobFolder, Row

if TYPE_CHECKING:
    from fleet_client import Client, Message

TICK_S = 0.25
WAITING = 1000  # requests; a node asks again if its own was dropped


class Rollout:
    """`tell(row)` hears of every change. Owns the queue of what the nodes asked for."""

    def __init__(
        self,
        client: Client,
        folder: JobFolder,
        job: Job,
        image: Image,
        secrets: Mapping[str, str],
        tell: Callable[[Row], None],
    ) -> None:
        self._client = client
        self._folder = folder
        self._job = job
        self._image = image
        self._secrets = secrets
        self._tell = tell
        self._online: set[str] = set()
        self._asked: asyncio.Queue[tuple[str, int, int]] = asyncio.Queue(WAITING)
        self._changed = False

    async def run(self, until: float | None = None) -> None:
        """Until every node's state is final, or until this time (UTC in s): what is open then stays offered."""
        for row in self._job.rows:
            row.offered = row.offered and not row.open  # a broker may have lost what it retained
        anyone = topics.everything(self._client.base)[:-1] + "+/"
        try:
            async with self._client.listen([anyone + "status", anyone + "ota"], self._hear):
                while True:
                    if self._folder.abort_asked and not self._job.over:
                        self._job.over = "aborted"
                    await self._step(time.time())
                    if self._job.done or (until is not None and time.time() > until):
                        return
                    await self._serve(TICK_S)
        finally:
            self._folder.save(self._job)

    async def _step(self, now: float) -> None:
        before = {row.node: row.st for row in self._job.rows}
        self._job.tick(self._online, now)
        for row in self._job.rows:  # before anything is awaited: what nodes say meanwhile is told by _heard
            if before[row.node] != row.st:
                self._changed = True
                self._tell(row)
        for row in self._job.to_offer(now):
            fields = self._image.offer(self._job.job, self._client.base, row.node, self._secrets[row.node])
            await self._publish("ota", row.node, payloads.encode("host_ota", fields), retain=True)
            row.offered, row.heard = True, now if row.heard else 0.0
            self._changed = True
        for row in self._job.rows:
            if row.offered and not row.open:
                await self._publish("ota", row.node, b"", retain=True)
                row.offered = False
                self._changed = True
        if self._changed:
            self._changed = False
            self._folder.save(self._job)

    async def _publish(self, kind: str, node: str, payload: bytes, *, retain: bool = False) -> None:
        await self._client.publish(
            topics.host_topic(self._client.base, kind, node), payload, qos=1 if retain else 0, retain=retain
        )

    async def _serve(self, seconds: float) -> None:
        """Chunks to whoever asks, for so long. What is lost with the link is asked for again."""
        from fleet_client import ClientError

        with contextlib.suppress(TimeoutError, ClientError):
            async with asyncio.timeout(seconds):
                while True:
                    node, file, at = await self._asked.get()
                    fields = self._image.chunk(self._job.job, file, at)
                    if fields is not None:
                        await self._publish("chunk", node, payloads.encode("host_chunk", fields))

    def _hear(self, message: Message) -> None:
        try:
            node, kind, _ = topics.parse(self._client.base, message.topic)
            if kind == "status" and not message.payload:
                self._online.discard(node)
                return
            fields = payloads.decode(kind, message.payload, orjson.loads)
        except SchemaError:
            return
        if kind == "status":
            (self._online.add if fields["state"] == "online" else self._online.discard)(node)
        elif fields["job"] == self._job.job and not message.retain:
            self._heard(node, fields["st"], fields.get("err", ""), fields.get("want"))

    def _heard(self, node: str, state: str, why: str, want: list[int] | None) -> None:
        row = self._job.row(node)
        if row is None:
            return
        if self._job.said(node, state, why, time.time()):
            self._changed = True
            self._tell(row)
        if want is not None and row.st == "IN_PROGRESS" and not self._asked.full():
            row.chunks += 1
            self._asked.put_nowait((node, want[0], want[1]))
