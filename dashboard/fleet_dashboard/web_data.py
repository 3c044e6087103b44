"""HTTP for other programs: exports, Prometheus, and the description of the API. No SQL, no MQTT, no state."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from fleet_dashboard import metrics, openapi
from fleet_dashboard.answers import failure, is_foreign, json_response, whole
from fleet_dashboard.export import KINDS, MEDIA, Busy, Exports, NotInstalled, Wanted
from fleet_dashboard.store import StoreError

EVER = 1 << 53
FOREIGN = "exports and backups are not started by foreign pages"


class Fleet(Protocol):
    """What this part needs of the service."""

    exports: Exports

    def snapshot(self) -> dict[str, Any]: ...
    def stats(self) -> dict[str, Any]: ...
    def health(self) -> dict[str, Any]: ...
    def now_ms(self) -> int: ...


class DataPages:
    """`everything` gives all routes of the application, for their description."""

    def __init__(self, fleet: Fleet, everything: Callable[[], list[BaseRoute]]) -> None:
        self._fleet = fleet
        self._everything = everything

    def routes(self) -> list[BaseRoute]:
        exports = [Route(f"/api/export/{kind}.{form}", self.export) for kind in KINDS for form in MEDIA]
        exports.append(Route("/api/backup", self.backup))
        return [*exports, Route("/api/openapi.json", self.openapi), Route("/metrics", self.metrics)]

    async def export(self, request: Request) -> Response:
        if is_foreign(request):
            return failure(403, FOREIGN)
        query = request.query_params
        kind, _, form = request.url.path.rpartition("/")[2].partition(".")
        try:
            start, end = whole(query.get("from"), "from", -EVER), whole(query.get("to"), "to", self._fleet.now_ms() + 1)
            if not start < end:
                raise ValueError("from lies before to; both are UTC in ms")
            wanted = Wanted(kind, form, query.get("node") or None, query.get("sensor") or None, start, end)
            if wanted.sensor and kind == "events":
                raise ValueError("events are not of a sensor; leave sensor out")
            pieces = await self._fleet.exports.stream(wanted)
        except ValueError as error:
            return failure(400, str(error))
        except NotInstalled as error:
            return failure(501, str(error))
        except (Busy, StoreError) as error:
            return failure(503, str(error))
        if pieces is None:
            return failure(404, "no such node or sensor")
        headers = {
            "cache-control": "no-store",
            "content-disposition": f'attachment; filename="{wanted.file_name}"',  # its parts are names of the contract
        }
        return StreamingResponse(pieces, 200, headers, MEDIA[form])

    async def backup(self, request: Request) -> Response:
        if is_foreign(request):
            return failure(403, FOREIGN)
        try:
            pieces = await self._fleet.exports.backup()
        except (Busy, StoreError) as error:
            return failure(503, str(error))
        headers = {"cache-control": "no-store", "content-disposition": 'attachment; filename="fleet.db"'}
        return StreamingResponse(pieces, 200, headers, "application/vnd.sqlite3")

    async def openapi(self, request: Request) -> Response:
        return json_response(openapi.document(self._everything(), importlib.metadata.version("sensor-fleet")))

    async def metrics(self, request: Request) -> Response:
        fleet = self._fleet
        text = metrics.text(fleet.stats(), bool(fleet.health()["broker"]), fleet.snapshot()["nodes"])
        return Response(text, 200, {"cache-control": "no-store"}, metrics.MEDIA)
