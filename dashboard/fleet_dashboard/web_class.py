"""HTTP for the class controls that are no command. Guarded like every other route (web.Guard)."""

from __future__ import annotations

from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fleet_dashboard.answers import failure, json_response
from fleet_dashboard.classroom import ForgetError


class Class(Protocol):
    """What these routes ask; the classroom is one."""

    async def forget(self, name: str) -> None: ...


class ClassPages:
    def __init__(self, classroom: Class) -> None:
        self._classroom = classroom

    def routes(self) -> list[Route]:
        return [Route("/api/nodes/{node}/forget", self.forget, methods=["POST"])]

    async def forget(self, request: Request) -> Response:
        """Answers 200 when the broker has it; the page is told by the stream."""
        node = request.path_params["node"]
        try:
            await self._classroom.forget(node)
        except ForgetError as error:
            return failure(error.status, str(error))
        return json_response({"forgotten": node})
