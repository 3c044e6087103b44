"""What the dashboard knows beyond the broker (since when, last heard, health, delivery), asked over HTTP.

Most verbs do without it: `get` and `nodes` give nothing where there is none. `require` is for those that cannot.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from fleet_tools.errors import FleetError

TIMEOUT_S = 1.0
PATIENCE_S = 15.0  # it may have to count the rows of a large database


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


def require(url: str | None, path: str) -> dict[str, Any]:
    """The JSON document at `path`; FleetError with one sentence when there is none to be had."""
    if not url:
        raise FleetError("this needs the dashboard: start one with `fleet demo`, or name yours with FLEET_DASHBOARD")
    if not url.startswith(("http://", "https://")):
        raise FleetError(f"the dashboard {url!r} is not an address like http://127.0.0.1:8080")
    try:
        with urllib.request.urlopen(url.rstrip("/") + path, timeout=PATIENCE_S) as answer:
            document = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise FleetError(refusal(url, error)) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", error)
        hint = "start it with `fleet demo` or `docker compose up`, or correct FLEET_DASHBOARD"
        raise FleetError(f"no dashboard answers at {url} ({why}); {hint}") from None
    if not isinstance(document, dict):
        raise FleetError(f"what answers at {url} is not our dashboard")
    return document


def refusal(url: str, error: urllib.error.HTTPError) -> str:
    """One sentence, in its own words if it has some."""
    try:
        said = json.load(error)["error"]
    except (OSError, ValueError, KeyError, TypeError):
        said = error.reason
        if error.code == 404:
            return f"the dashboard at {url} does not know what this asks for: it is of an older version, or not ours"
    return f"the dashboard at {url} answers {error.code}: {said}"


def nodes(url: str | None) -> dict[str, dict[str, Any]]:
    """{node: its entry in the dashboard's snapshot}; empty without a dashboard."""
    document = get(url, "/api/snapshot")
    entries = document.get("nodes", []) if document else []
    return {one["id"]: one for one in entries if isinstance(one, dict) and isinstance(one.get("id"), str)}
