"""The dashboard as a process of ours, for `fleet demo` and `fleet class start`; and how a person here types `fleet`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from fleet_tools.processes import Child


def dashboard_child(env: Mapping[str, str], log: Path, leashed: bool = False) -> Child:
    """Not started yet; `env` are its FLEET_* settings. -P: a folder where the user stands must not be run instead."""
    return Child("dashboard", [sys.executable, "-P", "-m", "fleet_dashboard"], log, env, leashed)


def ready_line(output: str) -> str | None:
    """The URL in the line `dashboard http://...`"""
    for line in output.splitlines():
        if line.startswith("dashboard http://"):
            return line.split()[1]
    return None


def command_line() -> str:
    """How the person in this folder types `fleet`."""
    ours = Path(sys.executable).with_name("fleet")
    found = shutil.which("fleet")
    if not ours.exists() or (found and Path(found).resolve() == ours.resolve()):
        return "fleet"
    try:
        return str(ours.relative_to(Path.cwd()))
    except ValueError:
        return str(ours)
