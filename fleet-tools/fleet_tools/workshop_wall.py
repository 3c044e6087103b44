"""beside = ["mqtt", "wall"] of check.toml: a real dashboard at the check's own broker, and what it shows of the node.

[[run.wall]]                            # in this order, after all that [[run.mqtt]] says; {node} and so on as there
says = "it is online, with its name"    # in words
node = {state = "online"}               # as /api/nodes/<node> tells it; or:
board = "warmest"                       # the node has a place on this leaderboard

With a broker of another computer its dashboard is asked, at port 8080 or the "http" of "broker" in config.json.
"""

from __future__ import annotations

import json
import signal
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fleet_tools import workshop_expect as expect
from fleet_tools.dashboard_child import dashboard_child, ready_line
from fleet_tools.errors import FleetError
from fleet_tools.processes import Child, stop
from fleet_tools.workshop_mqtt import Config
from fleet_tools.workshop_run import POLL_S, Program, Trouble

READY_S = 30.0
SHOW_S = 20.0  # for one thing on the wall, on this computer
BOARD_S = 60.0


class Beside:
    """See workshop_run.Beside."""

    def __init__(self, port: str | None, patience: float) -> None:
        self._show_s = (BOARD_S if port else SHOW_S) * patience
        self._ready_s = READY_S * patience
        self._stack = ExitStack()
        self._url = ""  # of the dashboard, once it is known
        self._child: Child | None = None  # ours; it gets ready while the node already speaks

    def __enter__(self) -> Self:
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="fleet-workshop-")))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def prepare(self, place: Path, declared: dict[str, Any]) -> None:
        self._config = Config(place)  # "mqtt" stands first: the check's broker is in it
        if not self._config.is_ours:
            self._url = f"http://{self._config.host}:{self._config.http}"
            return
        env = {
            "FLEET_BROKER": self._config.url,
            "FLEET_BASE": self._config.names["base"],
            "FLEET_DATA": str(self._folder / "data"),
            "FLEET_HTTP_HOST": "127.0.0.1",
            "FLEET_HTTP_PORT": "0",
        }
        child = dashboard_child(env, self._folder / "dashboard.log")
        self._stack.callback(stop, [child], signal.SIGKILL, 5.0, lambda: False)  # what it has stored goes with it
        child.start()
        self._child = child

    def _wait_until_ready(self, child: Child) -> str:
        deadline = time.monotonic() + self._ready_s
        while (url := ready_line(child.output())) is None:
            if not child.running or time.monotonic() > deadline:
                raise FleetError(f"the dashboard of the check does not start:\n{child.tail()}")
            time.sleep(POLL_S)
        return url

    def before(self, run: dict[str, Any]) -> None:
        """It has no more than what the node will say."""

    def during(self, run: dict[str, Any], program: Program) -> Iterator[str]:
        if self._child is not None and not self._url:
            self._url = self._wait_until_ready(self._child)
        for step in self._config.fill(run.get("wall", [])):
            self._see(step, program)
            yield f"the wall: {step['says']}"

    def _see(self, step: dict[str, Any], program: Program) -> None:
        deadline = time.monotonic() + self._show_s
        while wrong := self._differs(step):
            over = not program.running or program.error
            if over or time.monotonic() > deadline:
                if error := program.error:
                    wrong = f"{wrong}; the program said `{error}`"
                raise Trouble(f"on the wall, that {step['says']}", wrong)
            time.sleep(POLL_S * 5)

    def _differs(self, step: dict[str, Any]) -> str | None:
        node = self._config.names["node"]
        if "board" in step:
            boards = self._ask("/api/snapshot").get("boards", [])
            found = [board for board in boards if board["name"] == step["board"]]
            places = [row[0] for board in found for row in board["top"]]
            return None if node in places else f"{node} has no place there: {', '.join(places) or 'nobody has one'}"
        return expect.value(step["node"], self._ask(f"/api/nodes/{node}"))

    def _ask(self, path: str) -> Any:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self._url + path, timeout=self._show_s) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    return {}  # it has not heard of the node yet
                said = error.read(200).decode(errors="replace")
                raise FleetError(f"the wall at {self._url} refuses with status {error.code}: {said}") from None
        except (OSError, ValueError) as error:
            why = getattr(error, "reason", error)
            raise FleetError(
                f"there is no wall at {self._url} ({why}): is the dashboard of that class running?"
            ) from None
