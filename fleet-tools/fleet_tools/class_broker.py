"""The mosquitto of a class: which one is here, and its configuration, made from the one that we ship.

Whatever limits and habits broker/mosquitto.conf has, a class has them too; only where it listens, where its files are
and who may come in without a password are said here.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fleet_tools.broker import mosquitto_version
from fleet_tools.errors import NO_BROKER, FleetError
from fleet_tools.fetch import NODE

SHIPPED = NODE.parent / "broker" / "mosquitto.conf"
PLUGIN = "mosquitto_dynamic_security.so"
SBIN = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin:/usr/local/opt/mosquitto/sbin"  # often not on PATH
LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib", "/opt/homebrew/opt/mosquitto/lib")
SAFE_FROM = (2, 0, 19)
OWN_WEBSOCKETS = (2, 1)  # before, a library does them, which takes the name of an interface where others take addresses
LOOPBACK = "127.0.0.1"
# Said here for a class, whatever broker/mosquitto.conf says of them.
OURS = ("allow_anonymous", "plugin", "plugin_opt_config_file", "persistence_location", "log_dest", "user")
OF_A_LISTENER = ("max_connections",)  # counts for the listener above it, so each of ours gets it
NEVER = ("certfile", "keyfile", "cafile", "tls_version", "protocol", "socket_domain", "bind_interface")
HOW_TO_GET_IT = (
    "Debian, Ubuntu, Raspberry Pi: sudo apt install mosquitto; macOS: brew install mosquitto. "
    "With Docker, docker compose up brings one"
)


@dataclass(frozen=True)
class Mosquitto:
    """One that can run a class."""

    binary: str
    version: tuple[int, ...]
    plugin: Path

    @property
    def number(self) -> str:
        return ".".join(str(part) for part in self.version)

    @property
    def warning(self) -> str | None:
        """A sentence about an old one."""
        if self.version >= SAFE_FROM:
            return None
        return (
            f"this mosquitto is {self.number}; holes that strangers can use before they log in were closed until "
            "2.0.19. Debian 12 has them closed in its 2.0.11-1.2+deb12u2 as well, others of this number have not: "
            "update it (on Debian 12: sudo apt install -t bookworm-backports mosquitto)"
        )


@dataclass(frozen=True)
class Listeners:
    """Where the broker listens; a port that is None is not there. Without `lan` this computer alone gets in."""

    mqtt: int
    lan: bool = False
    mqtts: int | None = None
    certificate: tuple[Path, Path] | None = None  # of the server, and its key; needed for mqtts
    websockets: int | None = None

    @property
    def ports(self) -> tuple[int, ...]:
        return tuple(port for port in (self.mqtt, self.mqtts, self.websockets) if port is not None)


def find() -> Mosquitto:
    """FleetError with one sentence and the fix if a class cannot run here."""
    binary = shutil.which("mosquitto") or shutil.which("mosquitto", path=SBIN)
    if binary is None:
        raise FleetError(f"a class needs the broker mosquitto, and there is none here. {HOW_TO_GET_IT}", NO_BROKER)
    version = mosquitto_version(binary)
    number = ".".join(str(part) for part in version)
    if version < (2,):
        raise FleetError(f"{binary} is mosquitto {number}, and a class needs 2.0 or later. {HOW_TO_GET_IT}", NO_BROKER)
    plugin = find_plugin(Path(binary))
    if plugin is None:
        raise FleetError(
            f"{binary} is here, but not its plugin {PLUGIN}, which keeps the accounts. It belongs to the package "
            f"mosquitto of Debian, Ubuntu and Homebrew: install that. {HOW_TO_GET_IT}",
            NO_BROKER,
        )
    return Mosquitto(binary, version, plugin)


def find_plugin(binary: Path) -> Path | None:
    """Beside the binary's own libraries first: there may be two mosquittos. Debian has a folder for each processor."""
    own = binary.resolve().parent.parent / "lib"
    for folder in (own, *map(Path, LIBRARIES)):
        found = sorted(folder.glob(PLUGIN)) or sorted(folder.glob(f"*/{PLUGIN}"))
        if found:
            return found[0]
    return None


def configuration(
    mosquitto: Mosquitto, folder: Path, listeners: Listeners, anonymous: bool, shipped: str | None = None
) -> str:
    """The text of mosquitto.conf for a class whose broker keeps its files in `folder`."""
    kept, of_a_listener = _from(shipped if shipped is not None else read_shipped())
    lines = ["# Made by `fleet class start` from broker/mosquitto.conf at every start: what you change here is lost."]
    for listener in _listeners(mosquitto, listeners):
        lines += [*listener, *of_a_listener]
    lines += [
        f"allow_anonymous {'true' if anonymous else 'false'}",
        f"plugin {mosquitto.plugin}",
        f"plugin_opt_config_file {folder / 'dynamic-security.json'}",
        f"persistence_location {folder}/",
        "log_dest stdout",
    ]
    if os.geteuid() == 0:
        lines.append("user root")  # it would drop to an account that cannot read this folder
    return "\n".join([*lines, *kept, ""])


def read_shipped() -> str:
    try:
        return SHIPPED.read_text()
    except OSError as error:
        raise FleetError(f"{SHIPPED} cannot be read ({error.strerror}): it belongs to this project's files") from None


def _from(shipped: str) -> tuple[list[str], list[str]]:
    """(what counts for the whole broker, what counts for each listener)"""
    every: list[str] = []
    each: list[str] = []
    for line in shipped.splitlines():
        key = line.partition(" ")[0]
        if not line.strip() or key.startswith("#") or key in ("listener", *OURS, *NEVER):
            continue
        where = each if key in OF_A_LISTENER else every
        if line not in where:
            where.append(line)
    return every, each


def _listeners(mosquitto: Mosquitto, wanted: Listeners) -> Iterator[list[str]]:
    where = "" if wanted.lan else f" {LOOPBACK}"
    yield [f"listener {wanted.mqtt}{where}"]
    if wanted.mqtts is not None:
        assert wanted.certificate is not None
        cert, key = wanted.certificate
        yield [f"listener {wanted.mqtts}{where}", f"certfile {cert}", f"keyfile {key}", "tls_version tlsv1.2"]
    if wanted.websockets is not None:
        if not wanted.lan and mosquitto.version < OWN_WEBSOCKETS:
            where = " lo0" if sys.platform == "darwin" else " lo"  # given an address, 2.0 listens everywhere
        yield [f"listener {wanted.websockets}{where}", "protocol websockets"]
