"""What the broker itself dropped, where it tells: data that was lost before it could reach us. Starts no task: the
service runs `watch`."""

from __future__ import annotations

import asyncio

from fleet_client import Client, ClientError, Denied, Message

DROPPED = "$SYS/broker/publish/messages/dropped"


class BrokerDrops:
    """`dropped` is None as long as the broker does not say."""

    def __init__(self, client: Client) -> None:
        self.dropped: int | None = None
        self._client = client

    async def watch(self) -> None:
        """Until cancelled, or until the broker denies it."""

        def note(message: Message) -> None:
            if message.payload.isdigit():
                self.dropped = int(message.payload)

        while True:
            try:
                async with self._client.listen([DROPPED], note):
                    await asyncio.Event().wait()
            except Denied:
                return
            except ClientError:
                await asyncio.sleep(1)
