"""Finds and clears commands that were published with retain: each would be run by every node that reconnects.

A subscriber that was there when it was published cannot tell a retained command from another (MQTT 3.1.1, 3.3.1.3),
so whenever a command is seen, the broker is asked what it retains. Owns nothing but that question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fleet_client import Client, ClientError, Message
from fleet_schema import SchemaError, topics

ANSWER_S = 0.3  # retained messages come at once; this is what a slow link may take
EVERY_S = 2.0


class RetainedCommands:
    """`found(target, name)` is called after one was cleared. The service runs `watch`."""

    def __init__(self, client: Client, found: Callable[[str, str], None]) -> None:
        self._client = client
        self._found = found
        self._seen = asyncio.Event()
        self._seen.set()  # look once at the start

    def command_seen(self) -> None:
        self._seen.set()

    async def watch(self) -> None:
        """For ever, at most every 2 s."""
        while True:
            await self._seen.wait()
            self._seen.clear()
            try:
                for topic in await self._ask():
                    await self._clear(topic)
            except ClientError:
                self._seen.set()  # look again when the link is back
            await asyncio.sleep(EVERY_S)

    async def _ask(self) -> list[str]:
        retained: list[str] = []

        def note(message: Message) -> None:
            if message.retain and message.payload:
                retained.append(message.topic)

        async with self._client.listen([topics.everything(self._client.base)[:-1] + "+/cmd/+"], note):
            await asyncio.sleep(ANSWER_S)
        return retained

    async def _clear(self, topic: str) -> None:
        try:
            target, _, name = topics.parse(self._client.base, topic)
        except SchemaError:
            return  # no node listens to it
        await self._client.publish(topic, b"", retain=True)
        self._found(target, name)
