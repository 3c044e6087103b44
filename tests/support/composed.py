"""The whole fleet in Docker, as the user types it: a Compose project of one's own."""

import json
import os
import re
import shlex
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from support import tiers
from support.broker import free_port

NODES = [f"sim-{number}" for number in range(1, 11)]


class Fleet:
    """A Compose project with a name and ports of its own; `down` removes all of it."""

    def __init__(self) -> None:
        self.project = f"fleet-test-{uuid.uuid4().hex[:8]}"
        self.mqtt, self.mqtts, self.http = free_port(), free_port(), free_port()
        self.at_first: set[str] = set()
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("FLEET_", "COMPOSE_"))},
            "COMPOSE_PROJECT_NAME": self.project,
            "FLEET_MQTT_PORT": str(self.mqtt),
            "FLEET_HTTP_PORT": str(self.http),
            "FLEET_MQTTS_PORT": str(self.mqtts),
            "FLEET_BOARDS": "ada grace",
        }

    def run(self, *command: str, within: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=tiers.ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=within,
            check=False,
        )

    def compose(self, *arguments: str, within: float = 120) -> str:
        """Standard output; a failure that shows both outputs if the exit code is not 0."""
        done = self.run("docker", "compose", "--profile", "sim", *arguments, within=within)
        assert done.returncode == 0, (
            f"docker compose {shlex.join(arguments)}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        )
        return done.stdout

    def lines(self) -> str:
        return self.compose("exec", "-T", "dashboard", "fleet", "accounts", "show")

    def password(self, name: str) -> str:
        if name in ("ada", "grace"):
            return self.board(name)
        found = re.search(rf"(?:-u {name} -P |mqtt://{name}:)([0-9a-f]+)", self.lines())
        assert found, f"no password of {name} in:\n{self.lines()}"
        return found[1]

    def board(self, name: str) -> str:
        return str(json.loads(self.compose("run", "--rm", "-T", "accounts", "show", name))["broker"]["password"])

    def url(self, name: str) -> str:
        return f"mqtt://{name}:{self.password(name)}@127.0.0.1:{self.mqtt}"

    def snapshot(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/api/snapshot", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def states(self) -> dict[str, str]:
        return {node["id"]: node["state"] for node in self.snapshot()["nodes"] if node["id"] in NODES}

    def saved_at(self) -> str:
        return self.compose("exec", "-T", "broker", "stat", "-c", "%Y", "/var/lib/mosquitto/mosquitto.db")

    def wait_for_a_save(self) -> None:
        before = self.saved_at()
        wait_until(lambda: self.saved_at() > before, self.saved_at)

    def left_over(self) -> dict[str, str]:
        label = f"label=com.docker.compose.project={self.project}"
        asked = {
            "containers": ("docker", "ps", "--all", "--quiet", "--filter", label),
            "volumes": ("docker", "volume", "ls", "--quiet", "--filter", label),
            "networks": ("docker", "network", "ls", "--quiet", "--filter", label),
        }
        return {what: found for what, command in asked.items() if (found := self.run(*command).stdout)}


def wait_until(true: Callable[[], bool], what: Callable[[], object], within: float = 60) -> None:
    """Asks until it holds; a connection that is refused meanwhile is an answer like another."""
    deadline = time.monotonic() + within
    while True:
        try:
            if true():
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within} s; now: {what()}")
        time.sleep(0.3)
