"""HTTP for the teacher's login: in, out, and who am I."""

from __future__ import annotations

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from fleet_dashboard import guard
from fleet_dashboard.answers import failure, json_response, read_body
from fleet_dashboard.commands import BadCommand
from fleet_dashboard.rights import SESSION_S, Rights, TooManyTries, WrongCode

BODY = 'the body is {"code": "..."}'


class RightPages:
    def __init__(self, rights: Rights) -> None:
        self._rights = rights

    def routes(self) -> list[Route]:
        return [
            Route("/api/me", self.me),
            Route("/api/login", self.login, methods=["POST"]),
            Route("/api/logout", self.logout, methods=["POST"]),
        ]

    async def me(self, request: Request) -> Response:
        return json_response({"role": guard.role_of(self._rights, request.headers) or "viewer"})

    async def login(self, request: Request) -> Response:
        try:
            fields = orjson.loads(await read_body(request))
            code = fields.get("code") if isinstance(fields, dict) else None
            if not isinstance(code, str):
                return failure(400, BODY)
            session = self._rights.login(code, request.client.host if request.client else "")
        except orjson.JSONDecodeError:
            return failure(400, BODY)
        except (BadCommand, ClientDisconnect) as error:
            return failure(400, str(error))
        except WrongCode as error:
            return failure(401, str(error))
        except TooManyTries as error:
            answer = failure(429, str(error))
            answer.headers["retry-after"] = str(error.seconds)
            return answer
        answer = json_response({"role": "teacher"})
        name = guard.cookie_name(request.headers)
        answer.set_cookie(name, session, max_age=SESSION_S, path="/", httponly=True, samesite="strict")
        return answer

    async def logout(self, request: Request) -> Response:
        session = guard.session_of(request.headers)
        if session:
            self._rights.logout(session)
        answer = json_response({"role": "viewer"})
        answer.delete_cookie(guard.cookie_name(request.headers), path="/", httponly=True, samesite="strict")
        return answer
