"""What the broker itself dropped, where it tells: data that was lost before it could reach us. Starts no task: the
service runs `watch`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fleet_client import Client, ClientError, Denied, Message

DROPPED = "$SYS/broker/publish/messages/dropped"


class BrokerDrops:
    """`dropped` is None as long as the broker does not say. `grew(more)` is called when there are more than before."""

    def __init__(self, client: Client, grew: Callable[[int], None]) -> None:
        self.dropped: int | None = None
        self._client = client
        self._grew = grew

    async def watch(self) -> None:
        """Until cancelled, or until the broker denies it."""

        def note(message: Message) -> None:
            if not message.payload.isdigit():
                return
            before, self.dropped = self.dropped, int(message.payload)
            if before is not None and self.dropped > before:  # less: the broker was started again
                self._grew(self.dropped - before)

        while True:
            try:
                async with self._client.listen([DROPPED], note):
                    await asyncio.Event().wait()
            except Denied:
                return
            except ClientError:
                await asyncio.sleep(1)
