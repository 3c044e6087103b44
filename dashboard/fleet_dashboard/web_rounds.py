"""HTTP for challenges: what there is, start and stop a round, results. Guarded like every other route (web.Guard)."""

from __future__ import annotations

from typing import Any, Protocol

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from fleet_dashboard.answers import failure, is_foreign, json_response, read_body
from fleet_dashboard.challenge import ChallengeError
from fleet_dashboard.commands import BadCommand
from fleet_dashboard.results import to_csv


class Rounds(Protocol):
    """What these routes ask; the arena is one."""

    def challenges(self) -> dict[str, Any]: ...
    def start(self, fields: dict[str, Any]) -> str: ...
    def stop(self, name: str) -> str | None: ...
    def results(self) -> list[dict[str, Any]]: ...
    async def result(self, name: str) -> dict[str, Any] | None: ...


class RoundPages:
    def __init__(self, rounds: Rounds) -> None:
        self._rounds = rounds

    def routes(self) -> list[Route]:
        return [
            Route("/api/challenges", self.challenges),
            Route("/api/rounds", self.results),
            Route("/api/rounds", self.start, methods=["POST"]),
            Route("/api/rounds/{name}/stop", self.stop, methods=["POST"]),
            Route("/api/rounds/{name}.csv", self.csv),
            Route("/api/rounds/{name}", self.result),
        ]

    async def challenges(self, request: Request) -> Response:
        return json_response(self._rounds.challenges())

    async def start(self, request: Request) -> Response:
        """{"challenge", "seconds"?, "countdown"?, "question"?}; answers 202 {"id"}."""
        try:
            fields = orjson.loads(await read_body(request))
            if not isinstance(fields, dict):
                raise ChallengeError('the body is a JSON object like {"challenge": "sprint"}')
            return json_response({"id": self._rounds.start(fields)}, 202)
        except orjson.JSONDecodeError:
            return failure(400, 'the body is not JSON; it is like {"challenge": "sprint"}')
        except (ChallengeError, BadCommand, ClientDisconnect) as error:
            return failure(400, str(error))

    async def stop(self, request: Request) -> Response:
        done = self._rounds.stop(request.path_params["name"])
        return failure(404, "this round is not on") if done is None else json_response({"done": done})

    async def results(self, request: Request) -> Response:
        return json_response({"rounds": self._rounds.results()})

    async def result(self, request: Request) -> Response:
        found = await self._rounds.result(request.path_params["name"])
        return failure(404, "no such round") if found is None else json_response(found)

    async def csv(self, request: Request) -> Response:
        if is_foreign(request):
            return failure(403, "exports are not started by foreign pages")
        name = request.path_params["name"]
        found = await self._rounds.result(name)
        if found is None:
            return failure(404, "no such round")
        headers = {
            "cache-control": "no-store",
            "content-disposition": f'attachment; filename="{found["challenge"]}-{name}.csv"',
        }
        return Response(to_csv(found), 200, headers, "text/csv; charset=utf-8")
