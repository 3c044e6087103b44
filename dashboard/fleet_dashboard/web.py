"""HTTP for the browser: pages, JSON and one event stream. Starlette routes only: no SQL, no MQTT, no state.

Who may ask what is decided before any of it, in guard.py.
"""

from __future__ import annotations

import hashlib
import importlib.resources
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from fleet_dashboard.answers import failure, json_response, read_body, whole
from fleet_dashboard.commands import BadCommand
from fleet_dashboard.export import Exports
from fleet_dashboard.guard import Guard
from fleet_dashboard.live import MAX_VIEWERS
from fleet_dashboard.rights import Rights
from fleet_dashboard.store import StoreError
from fleet_dashboard.web_data import DataPages
from fleet_dashboard.web_rights import RightPages

STATIC = Path(__file__).with_name("static")
# One document; app.js shows what belongs to the path.
PLACES = ("/", "/node/{node}", "/class", "/leaderboard", "/commands", "/timeline", "/replay", "/report", "/join")
DAY_MS = 24 * 3600 * 1000
# uPlot 1.6.31 as PyPI's youplot 1.0.0 ships it: what the browser runs is what was looked at.
VENDOR = {
    "uplot.js": (
        "uplot.iife.min.js",
        "text/javascript",
        "2d27e8ad3d228164525ce213f9dc716f39b4e3aee0cc773fb3491c96cf4921a2",
    ),
    "uplot.css": (
        "uplot.min.css",
        "text/css",
        "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    ),
}


class Fleet(Protocol):
    """What the pages show and do; the service is one."""

    exports: Exports
    rights: Rights

    def snapshot(self) -> dict[str, Any]: ...
    def stats(self) -> dict[str, Any]: ...
    def health(self) -> dict[str, Any]: ...
    def viewers(self) -> int: ...
    def watch(self) -> AsyncIterator[bytes]: ...
    async def node(self, name: str) -> dict[str, Any] | None: ...
    async def series(self, node: str, sensor: str, start: int, end: int, points: int) -> dict[str, Any] | None: ...
    async def delivery(self, since: int) -> dict[str, Any]: ...
    def command(self, target: Any, name: Any, args: Any) -> dict[str, Any]: ...
    def rollcall(self, name: str) -> dict[str, Any] | None: ...
    def now_ms(self) -> int: ...


class Pages:
    """The handlers, in the order of the API's description. `further` are routes of other parts."""

    def __init__(self, fleet: Fleet, further: Sequence[BaseRoute] = ()) -> None:
        self._fleet = fleet
        self._further = further
        self._vendor = {name: _vendor_file(*what) for name, what in VENDOR.items()}

    def routes(self) -> list[BaseRoute]:
        return [
            *(Route(path, self.page) for path in PLACES),
            Route("/static/vendor/{name}", self.vendor),
            Mount("/static", StaticFiles(directory=STATIC, check_dir=False)),
            Route("/api/snapshot", self.snapshot),
            Route("/api/stream", self.stream),
            Route("/api/nodes/{node}", self.node),
            Route("/api/nodes/{node}/series", self.series),
            Route("/api/delivery", self.delivery),
            Route("/api/commands", self.command, methods=["POST"]),
            Route("/api/commands/{name}", self.rollcall),
            Route("/api/health", self.health),
            Route("/api/stats", self.stats),
            *self._further,
            *RightPages(self._fleet.rights).routes(),
            *DataPages(self._fleet, self.routes).routes(),
        ]

    async def page(self, request: Request) -> Response:
        index = STATIC / "index.html"
        if not index.exists():
            return PlainTextResponse("the pages are not installed", 404)
        return FileResponse(index, headers={"cache-control": "no-cache"})

    async def vendor(self, request: Request) -> Response:
        found = self._vendor.get(request.path_params["name"])
        if found is None:
            return PlainTextResponse("not there: the page draws without it", 404)
        return Response(found[0], media_type=found[1], headers={"cache-control": "max-age=86400"})

    async def snapshot(self, request: Request) -> Response:
        return json_response(self._fleet.snapshot())

    async def stream(self, request: Request) -> Response:
        if self._fleet.viewers() >= MAX_VIEWERS:
            return failure(503, f"{MAX_VIEWERS} pages are watching already; close one")
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._fleet.watch(), 200, headers, "text/event-stream")

    async def node(self, request: Request) -> Response:
        try:
            node = await self._fleet.node(request.path_params["node"])
        except StoreError as error:
            return failure(503, str(error))
        return failure(404, "no such node") if node is None else json_response(node)

    async def series(self, request: Request) -> Response:
        query = request.query_params
        now = self._fleet.now_ms()
        try:
            end = whole(query.get("to"), "to", now + 1)
            start = whole(query.get("from"), "from", end - DAY_MS)
            points = whole(query.get("points"), "points", 600)
            if "sensor" not in query or not start < end or points < 1:
                raise ValueError("series needs sensor=.., from < to (UTC in ms) and points from 1")
            found = await self._fleet.series(request.path_params["node"], query["sensor"], start, end, points)
        except ValueError as error:
            return failure(400, str(error))
        except StoreError as error:
            return failure(503, str(error))
        return failure(404, "no such node") if found is None else json_response(found)

    async def delivery(self, request: Request) -> Response:
        try:
            since = whole(request.query_params.get("since"), "since", 0)
            return json_response(await self._fleet.delivery(since))
        except ValueError as error:
            return failure(400, str(error))
        except StoreError as error:
            return failure(503, str(error))

    async def command(self, request: Request) -> Response:
        try:
            body = await read_body(request)
            fields = orjson.loads(body)
            if not isinstance(fields, dict):
                raise BadCommand('the body is a JSON object {"target","name","args"}')
            answer = self._fleet.command(fields.get("target"), fields.get("name"), fields.get("args", {}))
        except orjson.JSONDecodeError:
            return failure(400, 'the body is not JSON; it is {"target","name","args"}')
        except (BadCommand, ClientDisconnect) as error:
            return failure(400, str(error))
        return json_response(answer, 202)

    async def rollcall(self, request: Request) -> Response:
        call = self._fleet.rollcall(request.path_params["name"])
        return failure(404, "no such command, or too long ago") if call is None else json_response(call)

    async def health(self, request: Request) -> Response:
        health = self._fleet.health()
        return json_response(health, 200 if health["ok"] else 503)

    async def stats(self, request: Request) -> Response:
        return json_response(self._fleet.stats())


def _vendor_file(name: str, kind: str, digest: str) -> tuple[bytes, str] | None:
    """The bytes of a file of the package youplot, if it is installed and exactly what we know."""
    try:
        data = (importlib.resources.files("youplot") / "vendor" / name).read_bytes()
    except (ModuleNotFoundError, OSError):
        return None
    return (data, kind) if hashlib.sha256(data).hexdigest() == digest else None


def application(fleet: Fleet, names: tuple[str, ...], further: Sequence[BaseRoute] = ()) -> ASGIApp:
    """Everything behind one guard; pages and answers are compressed, event streams are not."""
    small = Middleware(GZipMiddleware, minimum_size=1000)
    return Guard(Starlette(routes=Pages(fleet, further).routes(), middleware=[small]), names, fleet.rights)
