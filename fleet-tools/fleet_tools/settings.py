"""Which broker, base and dashboard a verb talks to, and where each of these was found.

Flag, environment, ./fleet.toml, a demo that runs in this folder, a class that runs on this computer, the user's own
file, defaults: the first wins.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from fleet_schema import topics
from fleet_tools import class_root
from fleet_tools.errors import USAGE, FleetError

DEFAULTS = {"broker": "mqtt://127.0.0.1:1883", "base": "fleet", "protocol": "auto"}
KEYS = ("broker", "base", "dashboard", "protocol")
PROTOCOLS = ("auto", "5", "3.1.1")
DEMO_FILE = Path(".demo") / "fleet.toml"


@dataclass(frozen=True)
class Settings:
    """`origin` says for each key where its value came from."""

    broker: str
    base: str
    dashboard: str | None
    protocol: Literal["auto", "5", "3.1.1"]
    origin: Mapping[str, str]


def load(
    broker: str | None = None,
    base: str | None = None,
    dashboard: str | None = None,
    *,
    env: Mapping[str, str] = os.environ,
    folder: Path | None = None,
) -> Settings:
    """FleetError with one sentence if a file cannot be read or a value is not legal."""
    values: dict[str, str] = {}
    origin: dict[str, str] = {}
    flags = {"broker": broker, "base": base, "dashboard": dashboard}
    for where, found in _sources(flags, env, folder or Path.cwd()):
        for key in KEYS:
            value = found.get(key)
            if key not in values and value:
                if not isinstance(value, str):
                    raise FleetError(f"{key} in {where} is not text", USAGE)
                values[key], origin[key] = value, where
    if not topics.is_base(values["base"]):
        raise FleetError(
            f"the base {values['base']!r} ({origin['base']}) is not one: use a-z, 0-9 and -, at most 16 characters",
            USAGE,
        )
    if values["protocol"] not in PROTOCOLS:
        raise FleetError(f"the protocol ({origin['protocol']}) is one of {', '.join(PROTOCOLS)}", USAGE)
    protocol = cast(Literal["auto", "5", "3.1.1"], values["protocol"])
    return Settings(values["broker"], values["base"], values.get("dashboard"), protocol, origin)


def _sources(
    flags: Mapping[str, str | None], env: Mapping[str, str], folder: Path
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "given on the command line", flags
    yield "from the environment", {key: env.get("FLEET_" + key.upper()) for key in KEYS}
    yield "from ./fleet.toml", read_toml(folder / "fleet.toml")
    demo = read_toml(folder / DEMO_FILE)
    if demo and is_running(demo.get("pid")):
        yield "from the demo that runs in this folder", demo
    yield from _class_that_runs(env)
    home = env.get("XDG_CONFIG_HOME") or str(Path(env.get("HOME", "~")).expanduser() / ".config")
    own = Path(home) / "sensor-fleet" / "config.toml"
    yield f"from {own}", read_toml(own)
    yield "by default", DEFAULTS


def _class_that_runs(env: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The teacher's account of the class that `fleet class start` runs on this computer. Of several, none: which one
    is meant has to be said."""
    found = sorted(class_root.root(env).glob(f"*/{class_root.RUNNING}"))
    running = [path.parent for path in found if is_running(class_root.said(path).get("pid"))]
    if len(running) == 1:
        own = read_toml(running[0] / "credentials" / "tools" / "sensor-fleet" / "config.toml")
        yield f"from class {running[0].name}, which runs on this computer", own


def read_toml(path: Path) -> dict[str, Any]:
    """Empty if there is no such file."""
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise FleetError(f"{path} is not TOML: {error}", USAGE) from None
    except (OSError, UnicodeDecodeError) as error:
        raise FleetError(f"{path} cannot be read: {error}", USAGE) from None


def is_running(pid: Any) -> bool:
    """Whether a process of this id lives: a demo that was killed leaves its file behind."""
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
