"""The way in: from the broker to committed rows, and only then the acknowledgement.

Owns the connection that takes everything in and what was not acknowledged yet. Starts no task: the service runs
`take`, `commit` and `subscribe`.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable

from fleet_client import Address, Client, ClientError, Denied, Message
from fleet_dashboard.ingest import Ingest
from fleet_dashboard.ledger import Ledger
from fleet_dashboard.store import Store, StoreError
from fleet_schema import topics

COMMIT_ROWS = 400  # well below the 1,000 that the broker sends ahead, so that it never has to wait for us
COMMIT_S = 0.025  # and with fewer, this long after the first
DURABLE_S = 1.0  # so often, at most, a commit waits for the disk, and the nodes can be told what is settled
MAX_PENDING = 20_000  # rows; with more we stop taking messages, and the broker keeps them
BEHIND = 4 * COMMIT_ROWS
COALESCE_S = 0.005
AGAIN_S = 1.0  # after a commit that failed


class Intake:
    """`client` is to be entered by the owner. `store_failed` gets a sentence whenever a commit fails."""

    def __init__(
        self,
        broker: Address,
        base: str,
        store: Store,
        ingest: Ingest,
        ledger: Ledger,
        *,
        on_link: Callable[[str | None], None],
        store_failed: Callable[[str], None],
    ) -> None:
        """`on_link` is called with None when the link is up and with the reason when it is down."""
        self.client = Client(
            broker,
            base=base,
            client_id=f"fleet-ingest-{store.instance}",
            protocol="3.1.1",  # half the cost of 5 on our side
            clean=False,  # the broker keeps for us what comes while we restart
            manual_ack=True,
            persist=True,
            coalesce_s=COALESCE_S,
            on_connect=lambda: on_link(None),
            on_disconnect=on_link,
        )
        self._store = store
        self._ingest = ingest
        self._ledger = ledger
        self._store_failed = store_failed
        self._unacknowledged: list[Message] = []
        self._work = asyncio.Event()  # something waits for a commit
        self._full = asyncio.Event()  # so much that the commit should not wait
        self._room = asyncio.Event()  # not too much
        self._closing = False  # the next commit is the last
        self._durable_at = -DURABLE_S

    @property
    def is_behind(self) -> bool:
        """Is more waiting than should? Then this is no time to ask for even more."""
        return self._store.backlog > BEHIND

    async def subscribe(self) -> None:
        """Returns when everything of the base comes in; says why as long as it does not."""
        complained = ""
        while True:
            try:
                await self.client.subscribe(topics.everything(self.client.base), qos=1)
                return
            except Denied as error:
                why = f"{error}; the dashboard's account must be allowed to read everything of its base"
            except ClientError as error:
                why = str(error)
            if why != complained and not why.endswith("not connected yet"):
                complained = why
                print(f"waiting for the broker: {why}", file=sys.stderr, flush=True)
            await asyncio.sleep(0.1)

    async def take(self) -> None:
        """For ever: what came in goes through ingest into the store's next commit."""
        self._room.set()
        async for batch in self.client.batches():
            self._ingest.take(batch)
            self._unacknowledged += batch
            self.commit_soon()
            if self._store.pending >= COMMIT_ROWS:
                self._full.set()
            if self._store.backlog > MAX_PENDING:
                self._room.clear()
            await self._room.wait()

    def commit_soon(self) -> None:
        self._work.set()

    async def commit(self) -> None:
        """Until `finish`. Never cancelled, so that no batch is ever half way."""
        while not self._closing or self._work.is_set():
            await self._work.wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), COMMIT_S)
            self._work.clear()
            self._full.clear()
            batch, self._unacknowledged = self._unacknowledged, []
            now = asyncio.get_running_loop().time()
            durable = self._closing or (self._ledger.unsettled and now - self._durable_at >= DURABLE_S)
            if durable:
                self._durable_at = now
            try:
                await self._store.commit(durable)
            except StoreError as error:
                # Nothing is lost: the rows stay, nothing is acknowledged, and the broker keeps what follows.
                self._unacknowledged = batch + self._unacknowledged
                self._store_failed(str(error))
                if not self._closing:
                    await asyncio.sleep(AGAIN_S)
                    self._work.set()
            else:
                self.client.acknowledge(batch)
                self._room.set()

    def finish(self) -> None:
        """One last commit; `take` has ended."""
        self._closing = True
        self._work.set()
        self._full.set()
