"""What the database needs beside commits: rollups, and what has expired, slice by slice. Starts no task: the service
runs `run`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from fleet_dashboard.keep import Keep
from fleet_dashboard.store import Store, StoreError

EVERY_S = 1.0
EXPIRE_S = 60.0
PAUSE_S = 0.02  # between two slices, so that commits have most of the writer's time
AGAIN_S = 10.0  # after one that failed
FIRST_S = 5.0  # a computer without a clock of its own finds the time soon after it started


class Upkeep:
    """`now` is UTC ms; while `is_behind` says so, ingest needs all there is."""

    def __init__(self, store: Store, keep: Keep, now: Callable[[], int], is_behind: Callable[[], bool]) -> None:
        self._store = store
        self._keep = keep
        self._now = now
        self._is_behind = is_behind

    async def run(self) -> None:
        """For ever."""
        loop = asyncio.get_running_loop()
        expire_at = loop.time() + FIRST_S
        complained = ""
        while True:
            pause = EVERY_S
            due = loop.time() >= expire_at
            if not self._is_behind():
                try:
                    if await self._store.tend(self._now(), self._keep if due else None):
                        pause = PAUSE_S
                    elif due:
                        expire_at = loop.time() + EXPIRE_S
                    complained = ""
                except StoreError as error:
                    pause = AGAIN_S
                    if str(error) != complained:
                        complained = str(error)
                        print(f"rollups wait: {complained}", file=sys.stderr, flush=True)
            await asyncio.sleep(pause)
