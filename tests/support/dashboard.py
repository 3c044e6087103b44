"""A real dashboard process of one's own: a free port, a data folder, its output in the failure."""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

from support import rights, tiers

# For a dashboard on which a few nodes do what no node does: thousands of messages a second each.
ANY_RATE = MappingProxyType({"FLEET_NODE_RATE": "0"})


class DashboardProcess:
    """`with DashboardProcess(broker.url) as dashboard:` is ready when the block begins: it listens and has subscribed.

    With `wait=False` the block begins at once. A `data_dir` of one's own outlives the process, for a second one.
    `environment` is added to its own, `prefix` stands before its command.
    """

    def __init__(
        self,
        broker_url: str,
        *,
        base: str = "fleet",
        data_dir: Path | None = None,
        wait: bool = True,
        environment: Mapping[str, str] = MappingProxyType({}),
        prefix: Sequence[str] = (),
    ) -> None:
        self._own = tempfile.TemporaryDirectory(prefix="fleet-dashboard-") if data_dir is None else None
        self.data_dir = data_dir or Path(self._own.name if self._own else "")
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(str(tiers.ROOT / part) for part in ("node", "fleet-tools", "dashboard")),
            "FLEET_BROKER": broker_url,
            "FLEET_BASE": base,
            "FLEET_DATA": str(self.data_dir),
            "FLEET_HTTP_HOST": "127.0.0.1",
            "FLEET_HTTP_PORT": "0",
            "FLEET_TEACHER_CODE": rights.CODE,
            **environment,
        }
        self._prefix = list(prefix)
        self.url = ""
        self._wait = wait
        self._said: list[str] = []
        self._news = threading.Condition()
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "the dashboard is not running"
        return self._process.pid

    @property
    def output(self) -> str:
        with self._news:
            return "\n".join(self._said)

    def launch(self) -> None:
        """Start the process without waiting for it to be ready."""
        self._said.clear()
        rights.hand_out_token(self.data_dir)
        self._process = subprocess.Popen(
            [*self._prefix, sys.executable, "-m", "fleet_dashboard"],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()

    def start(self, within: float = 30.0) -> None:
        self.launch()
        self.wait_until_ready(within)

    def wait_until_ready(self, within: float = 30.0) -> None:
        self.url = self.wait_for_output("dashboard http://", within).removeprefix("dashboard ")

    def wait_for_output(self, beginning: str, within: float = 30.0) -> str:
        """The first line of its output that begins so."""
        deadline = time.monotonic() + within
        with self._news:
            while True:
                for line in self._said:
                    if line.startswith(beginning):
                        return line
                left = deadline - time.monotonic()
                if left <= 0 or not self._news.wait(left):
                    said = "\n".join(self._said) or "nothing"
                    raise AssertionError(f"the dashboard did not say {beginning!r} within {within} s; it said:\n{said}")

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                with self._news:
                    self._said.append(line.rstrip())
                    self._news.notify_all()

    def stop(self, how: signal.Signals = signal.SIGTERM, within: float = 20.0) -> tuple[int, float]:
        """(exit code, seconds it took)."""
        assert self._process is not None, "the dashboard is not running"
        began = time.monotonic()
        self._process.send_signal(how)
        code = self._process.wait(within)
        self._process = None
        return code, time.monotonic() - began

    def kill(self) -> None:
        """As a power cut would."""
        self.stop(signal.SIGKILL, 10)

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def fill_disk(self) -> None:
        """From now on no file of it can be written beyond its first byte: to SQLite that is a disk that is full."""
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))

    def free_disk(self) -> None:
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    @property
    def database(self) -> Path:
        return self.data_dir / "fleet.db"

    def __enter__(self) -> "DashboardProcess":
        try:
            self.start() if self._wait else self.launch()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.kill()
        if error is not None:
            print(f"--- dashboard {self.url} ---\n" + "\n".join(self._said[-40:]))
        if self._own is not None:
            self._own.cleanup()

    # -- asking it -------------------------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        """The JSON behind a path of the HTTP API."""
        with urllib.request.urlopen(self.url + path, timeout=20) as answer:
            return json.load(answer)

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """(status, JSON), as the teacher unless the headers say who asks."""
        headers = rights.TEACHER if headers is None else headers
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def wait_for(self, path: str, accept: Callable[[Any], Any], within: float = 20.0) -> Any:
        """The first answer of `path` that `accept` likes; else a failure that shows the last one."""
        deadline = time.monotonic() + within
        last: Any = None
        while time.monotonic() < deadline:
            try:
                last = self.get(path)
            except urllib.error.HTTPError as error:
                with error:
                    last = {"error": error.code}
            except OSError as error:  # it starts, or it is frozen
                assert self._process is None or self._process.poll() is None, f"it ended; it said:\n{self.output}"
                last = error
            if not isinstance(last, OSError) and accept(last):
                return last
            time.sleep(0.02)
        raise AssertionError(f"{path} did not become what was expected within {within} s; the last answer:\n{last}")

    def node(self, name: str, accept: Callable[[Any], Any] = bool, within: float = 20.0) -> Any:
        """The node as soon as `accept` likes it."""

        def find(snapshot: Any) -> Any:
            return next((node for node in snapshot["nodes"] if node["id"] == name), None)

        def liked(snapshot: Any) -> bool:
            node = find(snapshot)
            return node is not None and bool(accept(node))

        return find(self.wait_for("/api/snapshot", liked, within))
