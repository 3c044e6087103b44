"""The broker of a demo: the user's, else a mosquitto of our own, else iotcore. Ours listen on loopback only."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fleet_client import Client, ClientError, parse_url
from fleet_tools.errors import NO_BROKER, USAGE, FleetError
from fleet_tools.processes import Child, free_port, listens

# Not 0 for "no limit": some 2.0.x then drop every QoS 0 message.
MOSQUITTO_CONF = """\
# Made by `fleet demo` for this computer alone: loopback, no passwords, nothing kept.
listener {port} 127.0.0.1
allow_anonymous true
persistence false
set_tcp_nodelay true
max_packet_size 16384
max_inflight_messages 100
max_queued_messages 20000
max_queued_bytes 16777216
log_dest stdout
log_type error
log_type warning
log_type notice
"""

# rumqttd keeps a log per filter in memory: 2 segments of 1 MiB bound it. MQTT 3.1.1 and 5 have a port each.
IOTCORE_TOML = """\
id = 0

[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 1000
max_segment_size = 1048576
max_segment_count = 2

[v4.1]
name = "mqtt-3.1.1"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v4.1.connections]
connection_timeout_ms = 5000
max_payload_size = 4096
max_inflight_count = 100
dynamic_filters = true

[v5.1]
name = "mqtt-5"
listen = "127.0.0.1:{port5}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 5000
max_payload_size = 4096
max_inflight_count = 100
dynamic_filters = true
"""

INSTALL = (
    "no broker can be started here; install mosquitto (Debian, Ubuntu: apt install mosquitto; "
    "macOS: brew install mosquitto; Windows: winget install EclipseFoundation.Mosquitto) "
    "or the small one from PyPI: pip install iotcore"
)


@dataclass
class Broker:
    """`url` for whoever connects, `sentence` for the person, `child` if it is ours to stop."""

    url: str
    sentence: str
    child: Child | None = None
    protocol: Literal["auto", "5", "3.1.1"] = "auto"  # what the host's clients should speak there

    @property
    def public(self) -> str:
        return parse_url(self.url).public


def choose(url: str | None, port: int, folder: Path, say: Callable[[str], None], also: str | None = None) -> Broker:
    """The broker that will be used; it runs and listens when this returns. One of ours listens on loopback, and on
    the address `also` of this computer if somebody has asked for that."""
    if url:
        return _given(url)
    free = free_port(port)
    if free != port:
        say(f"port {port} is taken (by another broker?), so this one listens on {free}")
    broker = _mosquitto(free, folder, also) or (_iotcore(free, folder) if also is None else None)
    if broker is None:
        raise FleetError(INSTALL, NO_BROKER)
    assert broker.child is not None
    broker.child.start()
    wait_for_port(broker.child, free)
    return broker


def _given(url: str) -> Broker:
    """The user's, if it takes us."""
    try:
        public = parse_url(url).public
    except ValueError as error:
        raise FleetError(str(error), USAGE) from None

    async def greet() -> None:
        async with Client(url):
            pass

    try:
        asyncio.run(greet())
    except ClientError as error:
        raise FleetError(str(error), NO_BROKER) from None
    return Broker(url, f"using your broker at {public}; it is neither started nor stopped here")


def wait_for_port(child: Child, port: int, within: float = 10) -> None:
    deadline = time.monotonic() + within
    while not listens(port):
        if not child.running:
            raise FleetError(f"{child.name} ended at once:\n{child.tail()}", NO_BROKER)
        if time.monotonic() > deadline:
            raise FleetError(
                f"{child.name} does not listen on port {port} after {within:g} s:\n{child.tail()}", NO_BROKER
            )
        time.sleep(0.01)


def mosquitto_version(binary: str) -> tuple[int, ...]:
    """(2, 0, 21); (0,) if it does not say."""
    shown = subprocess.run([binary, "-h"], capture_output=True, text=True, timeout=5, check=False).stdout
    found = re.search(r"version (\d+)\.(\d+)\.(\d+)", shown)
    return tuple(int(part) for part in found.groups()) if found else (0,)


def _mosquitto(port: int, folder: Path, also: str | None) -> Broker | None:
    binary = shutil.which("mosquitto")
    if binary is None or (version := mosquitto_version(binary)) < (2,):
        return None
    config = folder / "mosquitto.conf"
    text = MOSQUITTO_CONF.format(port=port) + (f"listener {port} {also}\n" if also else "")
    if os.geteuid() == 0:
        text += "user root\n"  # it would drop to an account that cannot read this folder
    config.write_text(text)
    number = ".".join(str(part) for part in version)
    sentence = f"mosquitto {number} of this computer, on loopback, without passwords: only programs here can reach it"
    return Broker(
        f"mqtt://127.0.0.1:{port}", sentence, Child("mosquitto", [binary, "-c", str(config)], folder / "broker.log")
    )


def _iotcore(port: int, folder: Path) -> Broker | None:
    if importlib.util.find_spec("iotcore") is None:
        return None
    config = folder / "iotcore.toml"
    port5 = free_port(0)
    config.write_text(IOTCORE_TOML.format(port=port, port5=port5))
    # -P: a folder named iotcore where the user stands must not be run instead.
    quiet = ["--log-level", "CRITICAL"]  # a level lower it writes lines for every packet
    command = [sys.executable, "-P", "-m", "iotcore", "--config", str(config), *quiet]
    sbin = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")
    why = f"{sbin} is not on PATH" if sbin else "no mosquitto 2 on PATH"
    sentence = (
        f"{why}, so this is iotcore from PyPI: for trying things on this computer only. "
        f"Loopback, no passwords, nothing survives its end, MQTT 5 has its own port {port5}; a class needs mosquitto"
    )
    child = Child("iotcore", command, folder / "broker.log")
    return Broker(f"mqtt://127.0.0.1:{port}", sentence, child, protocol="3.1.1")
