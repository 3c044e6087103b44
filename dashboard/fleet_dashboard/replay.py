"""A past span played again: what of it may be asked, and how much of it is told at once. Owns nothing."""

from __future__ import annotations

from typing import Any

from fleet_dashboard import store_replay
from fleet_dashboard.store import Store

MAX_SPAN_MS = 6 * 3600 * 1000
MAX_EVERY_S = 60
MARKS = 300
WHAT = "this span"


class Replay:
    """ValueError with one sentence for a span that makes no sense, StoreError if it cannot be read in time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def chunk(self, start: int, end: int, every_s: int = 1, with_state: bool = False) -> dict[str, Any]:
        """{"from","to","every","fields","values","events","happenings"} and with `with_state` "state": the fleet just
        before `from`. `to` is where the next chunk begins. At most the last value of a sensor, and the last event of a
        node, in each `every_s` seconds."""
        _judge(start, end)
        if not 1 <= every_s <= MAX_EVERY_S:
            raise ValueError(f"every is 1 to {MAX_EVERY_S} s")
        found = await self._store.look(
            lambda database: store_replay.chunk(database, start, end, every_s * 1000, with_state), WHAT
        )
        answer = {
            **{"from": found.start, "to": found.end, "every": every_s, "fields": found.fields, "values": found.values},
            **{"events": found.events, "happenings": found.happenings},
        }
        return answer if found.state is None else {**answer, "state": found.state}

    async def marks(self, start: int, end: int) -> dict[str, Any]:
        """{"from","to","happenings","events","stored_from","expired_before"}: what the scrubber shows of a span."""
        _judge(start, end)
        width = max(1000, (end - start) // MARKS)
        found = await self._store.look(lambda database: store_replay.marks(database, start, end, width), WHAT)
        return {"from": start, "to": end, "width": width, **found}


def _judge(start: int, end: int) -> None:
    if not start < end:
        raise ValueError("from lies before to; both are UTC in ms")
    if end - start > MAX_SPAN_MS:
        raise ValueError(f"a replay is at most {MAX_SPAN_MS // 3_600_000} hours; choose a shorter span")
