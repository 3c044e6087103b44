"""HTTP for what was: the timeline, and replays. Only reads, so who may look may ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fleet_dashboard import store_happenings
from fleet_dashboard.alerts import GUIDE
from fleet_dashboard.answers import failure, json_response, whole
from fleet_dashboard.happenings import KINDS
from fleet_dashboard.nodes import Node
from fleet_dashboard.replay import Replay
from fleet_dashboard.store import Store, StoreError

HOUR_MS = 3_600_000
EVER = 1 << 53
PAGE = 100
ADVICE = {kind: asdict(guide) for kind, guide in GUIDE.items()}


class TimePages:
    """`nodes` tells who is in a group now."""

    def __init__(self, store: Store, nodes: Mapping[str, Node], now_ms: Callable[[], int]) -> None:
        self._store = store
        self._nodes = nodes
        self._now_ms = now_ms
        self._replay = Replay(store)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/timeline", self.timeline),
            Route("/api/replay", self.chunk),
            Route("/api/replay/marks", self.marks),
        ]

    async def timeline(self, request: Request) -> Response:
        return await _answer(self._timeline(request))

    async def _timeline(self, request: Request) -> dict[str, Any]:
        query = request.query_params
        span = whole(query.get("from"), "from", -EVER), whole(query.get("to"), "to", EVER)
        limit = whole(query.get("limit"), "limit", PAGE)
        if not span[0] < span[1] or not 1 <= limit <= store_happenings.MAX_PAGE:
            raise ValueError(f"from lies before to, and limit is 1 to {store_happenings.MAX_PAGE}")
        kinds = query["kind"].split(",") if query.get("kind") else None
        if kinds is not None and not set(kinds) <= set(KINDS):
            raise ValueError(f"kind is one or more of {', '.join(KINDS)}, with commas")
        who = self._who(query.get("node"), query.get("group"))
        before = _cursor(query.get("before"))
        found = await self._store.look(
            lambda database: store_happenings.page(database, span, who, kinds, before, limit), "the timeline"
        )
        last = found[-1] if len(found) == limit else None
        return {
            "now": self._now_ms(),
            "happenings": found,
            "before": f"{last['t']}.{last['id']}" if last else None,
            "guide": ADVICE,
        }

    def _who(self, node: str | None, group: str | None) -> list[str] | None:
        if node:
            return [node]
        if group:
            return [name for name, one in self._nodes.items() if group in one.groups] + [f"_{group}"]
        return None

    async def chunk(self, request: Request) -> Response:
        query = request.query_params

        async def found() -> dict[str, Any]:
            start, end = self._span(request)
            every = whole(query.get("every"), "every", 1)
            return await self._replay.chunk(start, end, every, query.get("state") == "1")

        return await _answer(found())

    async def marks(self, request: Request) -> Response:
        async def found() -> dict[str, Any]:
            return {"now": self._now_ms(), "guide": ADVICE, **await self._replay.marks(*self._span(request))}

        return await _answer(found())

    def _span(self, request: Request) -> tuple[int, int]:
        query = request.query_params
        end = whole(query.get("to"), "to", self._now_ms() + 1)
        return whole(query.get("from"), "from", end - HOUR_MS), end


def _cursor(text: str | None) -> tuple[int, int] | None:
    if not text:
        return None
    ts, _, number = text.partition(".")
    return whole(ts, "before", 0), whole(number or "x", "before", 0)


async def _answer(work: Any) -> Response:
    """What `work` finds, or the one sentence why it does not."""
    try:
        return json_response(await work)
    except ValueError as error:
        return failure(400, str(error))
    except StoreError as error:
        return failure(503, str(error))
