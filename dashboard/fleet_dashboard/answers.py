"""What every part of the HTTP API answers alike, and how it reads a body and a number of a query."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from fleet_dashboard.commands import BadCommand

MAX_BODY = 4096


def json_response(document: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, {"cache-control": "no-store"}, "application/json")


def failure(status: int, sentence: str) -> Response:
    return json_response({"error": sentence}, status)


def whole(text: str | None, name: str, default: int) -> int:
    """ValueError with one sentence."""
    if text is None or text == "":
        return default
    try:
        value = int(text)
    except ValueError:
        raise ValueError(f"{name} is a whole number") from None
    if abs(value) > 1 << 53:
        raise ValueError(f"{name} is too large")
    return value


async def read_body(request: Request) -> bytes:
    """BadCommand over 4 KiB, before more of it is read."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise BadCommand("the body is over 4096 bytes")
    return body


def is_foreign(request: Request) -> bool:
    """A page of somebody else cannot read the answer, but it could make us work for it."""
    return request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
