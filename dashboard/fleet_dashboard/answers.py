"""What every part of the HTTP API answers alike, and how it reads a number of a query."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response


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
