"""Where the classes of this computer are, and which of them runs: all of them that every verb of `fleet` must know."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RUNNING = "running.json"


def root(env: Mapping[str, str] = os.environ) -> Path:
    """The folder of the classes."""
    if env.get("FLEET_CLASSES"):
        return Path(env["FLEET_CLASSES"]).expanduser()
    home = Path(env.get("HOME", "~")).expanduser()
    return Path(env.get("XDG_DATA_HOME") or home / ".local" / "share") / "sensor-fleet" / "classes"


def said(running: Path) -> dict[str, Any]:
    """The document of a running.json; empty if there is none that can be read."""
    try:
        found = json.loads(running.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
