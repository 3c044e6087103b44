"""Containers of the node image in which nodes with program slots run (support/slot_nodes.py), and what they said."""

import contextlib
import json
import subprocess
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from support import tiers
from support.image import HARDENED

ROOM = 1 << 20  # bytes of the flash that is nearly full: two programs and a little
UID = 1885


class SlotContainer:
    """`nodes` is {id: what slot_nodes.py shall know of it}. It runs until the block ends, and nothing is left of it."""

    def __init__(self, project: str, number: int, nodes: Mapping[str, Mapping[str, Any]]) -> None:
        self._name = f"{project}-slots-{number}"
        self._network = f"{project}_default"
        self.nodes = nodes
        self._lines: list[dict[str, Any]] = []
        self._other: list[str] = []
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "SlotContainer":
        folders = ("/tmp", f"/flash:uid={UID},mode=700", f"/full:uid={UID},mode=700,size={ROOM}")
        more = [word for folder in folders for word in ("--tmpfs", folder)]
        self._process = subprocess.Popen(
            [
                *("docker", "run", "--rm", "--init", "--interactive", "--no-healthcheck", "--name", self._name),
                *("--network", self._network, *HARDENED, *more, "--volume", f"{tiers.ROOT / 'tests'}:/tests:ro"),
                *("sensor-fleet-node", "python", "-B", "/tests/support/slot_nodes.py"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        self._send(self.nodes)
        return self

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with self._lock:
                try:
                    self._lines.append(json.loads(line))
                except ValueError:
                    self._other.append(line.rstrip())

    def _send(self, what: Any) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        print(json.dumps(what), file=self._process.stdin, flush=True)

    def order(self, node: str, do: str, **more: Any) -> None:
        self._send({"node": node, "do": do, **more})

    def told(self, node: str) -> list[dict[str, Any]]:
        with self._lock:
            return [line for line in self._lines if line["node"] == node]

    def tail(self) -> str:
        return "\n".join([*map(str, self._lines[-40:]), *self._other[-40:]])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            print(f"--- {self._name} ---\n{self.tail()}")
        subprocess.run(["docker", "rm", "--force", self._name], capture_output=True, check=False)
        assert self._process is not None
        self._process.wait(30)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()
