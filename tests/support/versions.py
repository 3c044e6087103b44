"""Nodes and hosts of earlier versions of the contract (tests/vectors/versions), ready to run."""

import re
import tarfile
from pathlib import Path

from fleet_schema import SCHEMA
from support import tiers
from support.vectors import FOLDER

NOW = "now"
ARCHIVES = FOLDER / "versions"
RELEASED = sorted({re.sub(r".*-|\.tar\.xz", "", path.name) for path in ARCHIVES.glob("*.tar.xz")})


def schema(version: str) -> str:
    return SCHEMA if version == NOW else version


def unpack(what: str, version: str, folder: Path) -> Path:
    """The folder in which this version of a `node` or `host` lies, as it lay in the repository."""
    place = folder / f"{what}-{version}"
    with tarfile.open(ARCHIVES / f"{what}-{version}.tar.xz") as archive:
        archive.extractall(place, filter="data")
    return place


def node_program(version: str, folder: Path) -> Path | None:
    """Its main.py, with the MQTT library of today beside it; None for the node of today."""
    if version == NOW:
        return None
    place = unpack("node", version, folder) / "node"
    (place / "lib").symlink_to(tiers.NODE / "lib")
    return place / "main.py"


def host_environment(version: str, folder: Path) -> dict[str, str]:
    """What makes a DashboardProcess run the host of this version."""
    if version == NOW:
        return {}
    place = unpack("host", version, folder)
    return {"PYTHONPATH": ":".join(str(place / part) for part in ("node", "fleet-tools", "dashboard"))}
