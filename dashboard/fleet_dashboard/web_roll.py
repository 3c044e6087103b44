"""HTTP for the roll of the class. Only reads, so who may look may ask."""

from __future__ import annotations

from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fleet_dashboard.answers import json_response


class Class(Protocol):
    """What this route asks; the roll is one."""

    def view(self) -> dict[str, Any]: ...


class RollPages:
    def __init__(self, roll: Class) -> None:
        self._roll = roll

    def routes(self) -> list[Route]:
        return [Route("/api/roll", self.roll)]

    async def roll(self, request: Request) -> Response:
        return json_response(self._roll.view())
