"""What the dashboard knows beyond the broker (since when, last heard, health): asked over HTTP, never needed."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

TIMEOUT_S = 1.0


def get(url: str | None, path: str) -> dict[str, Any] | None:
    """The JSON document at `path`, or None when no dashboard is configured or it does not answer at once."""
    if not url or not url.startswith(("http://", "https://")):
        return None
    try:
        with urllib.request.urlopen(url.rstrip("/") + path, timeout=TIMEOUT_S) as answer:
            document = json.load(answer)
    except (OSError, ValueError, urllib.error.URLError):
        return None
    return document if isinstance(document, dict) else None


def nodes(url: str | None) -> dict[str, dict[str, Any]]:
    """{node: its entry in the dashboard's snapshot}; empty without a dashboard."""
    document = get(url, "/api/snapshot")
    entries = document.get("nodes", []) if document else []
    return {one["id"]: one for one in entries if isinstance(one, dict) and isinstance(one.get("id"), str)}
