"""Whether the lesson is open to clients without an account, as `_host/lesson` says. `fleet class` publishes that; we
only hear it, and show it on every page. Starts no task: the service runs `watch`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson

from fleet_client import Client, ClientError, Message
from fleet_schema import SchemaError, payloads, topics


class Lesson:
    """`tell("lesson", view)` is called at each change."""

    def __init__(self, client: Client, tell: Callable[[str, Any], None]) -> None:
        self._client = client
        self._tell = tell
        self._until: int | None = None

    def view(self) -> dict[str, int] | None:
        """{"until": UTC ms} while it is open; the page sees by itself when that is over."""
        return None if self._until is None else {"until": self._until}

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with self._client.listen([topics.host_topic(self._client.base, "lesson")], self._note):
                    await asyncio.Event().wait()
            except ClientError:
                await asyncio.sleep(1)

    def _note(self, message: Message) -> None:
        """What is no lesson changes nothing: only accounts of the host can publish here."""
        until = None
        if message.payload:
            try:
                until = payloads.decode("host_lesson", message.payload, orjson.loads)["until"]
            except SchemaError:
                return
        if until != self._until:
            self._until = until
            self._tell("lesson", self.view())
