"""The gate before all routes: whose name and whose page, and which role. Puts the security headers on every answer.

What changes something is refused here unless it comes from a teacher, so that a new route is closed until it is opened.
"""

from __future__ import annotations

import ipaddress
from typing import Protocol
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleet_client.credentials import Role
from fleet_dashboard.answers import failure

HEADERS = {
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
SAFE = ("GET", "HEAD")
TEACHER_READS = ("/api/backup",)  # the whole database
OPEN_WRITES = ("/api/login",)
COOKIE = "fleet_teacher"


class Rights(Protocol):
    """What the gate asks; rights.Rights is one."""

    def role_of_session(self, session: str) -> Role: ...
    def role_of_token(self, token: str) -> Role | None: ...


def needs_teacher(method: str, path: str) -> bool:
    return path in TEACHER_READS if method in SAFE else path not in OPEN_WRITES


def cookie_name(headers: Headers) -> str:
    """Cookies know no ports, and two classes may have their dashboards on two ports of one computer."""
    port = urlsplit(f"//{headers.get('host', '')}").port
    return f"{COOKIE}_{port}" if port else COOKIE


def session_of(headers: Headers) -> str | None:
    return cookie_parser(headers.get("cookie", "")).get(cookie_name(headers))


def token_of(headers: Headers) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def role_of(rights: Rights, headers: Headers) -> Role | None:
    """A token decides if there is one, and None is one that nobody made; else the browser's session."""
    token = token_of(headers)
    if token is not None:
        return rights.role_of_token(token)
    session = session_of(headers)
    return rights.role_of_session(session) if session else "viewer"


class Guard:
    """Refuses foreign names, foreign pages, and viewers who would change something."""

    def __init__(self, app: ASGIApp, names: tuple[str, ...], rights: Rights) -> None:
        self._app = app
        self._names = ("localhost", *names)
        self._rights = rights

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self.stranger(scope["method"], headers) or self.viewer(scope["method"], scope["path"], headers)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)  # a file to keep has a stricter policy of its own
            await send(message)

        await (refused or self._app)(scope, receive, guarded)

    def stranger(self, method: str, headers: Headers) -> Response | None:
        """A name or a page that is not ours. A numeric address cannot be rebound, so all of those are ours."""
        host = headers.get("host", "")
        try:
            name, _ = (urlsplit(f"//{host}").hostname or "").lower(), urlsplit(f"//{host}").port
        except ValueError:
            return failure(403, "the Host header is not a host")
        if name not in self._names and not _is_address(name):
            return failure(403, f"this dashboard is not called {name!r}; FLEET_HTTP_NAMES can say that it is")
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"http://{host.lower()}":
            return failure(403, "this is for our own pages only")
        # Browsers send this to addresses that they trust, like 127.0.0.1. A link to us may be anywhere.
        asked_by = headers.get("sec-fetch-site", "none")
        is_link = method in SAFE and headers.get("sec-fetch-mode") == "navigate"
        if asked_by not in ("none", "same-origin") and not is_link:
            return failure(403, "this is for our own pages only")
        return None

    def viewer(self, method: str, path: str, headers: Headers) -> Response | None:
        """Somebody who may only look, where a teacher is needed."""
        if any(char < " " for char in path):  # a route ends with `$`, which a newline passes: not the path we compare
            return failure(404, "there is no such path")
        if not needs_teacher(method, path):
            return None
        role = role_of(self._rights, headers)
        if role is None:
            return _unknown("this token is not known; `fleet token new` makes one")
        if role == "viewer":
            if token_of(headers) is not None:
                return failure(403, "this token may look, not command")
            return _unknown("only the teacher may do this: log in, or send a token of `fleet token new`")
        if token_of(headers) is None and method not in SAFE and headers.get("origin") is None:
            return failure(403, "a login counts for our own pages only; programs send a token of `fleet token new`")
        return None


def _unknown(sentence: str) -> Response:
    answer = failure(401, sentence)
    answer.headers["www-authenticate"] = "Bearer"  # every 401 names a way in; this one opens no window in a browser
    return answer


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
