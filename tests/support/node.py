"""A real node of one's own: the Unix port as a subprocess, its world on its stdin, its words in the failure."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

from support import tiers
from support.history import last_boot

# A loop that blocks on the network is held for seconds here; alone on a machine the worst lag is 5 to 10 ms (printed).
# What lies between is other processes on the same cores, which no test should fail for.
LOOSE_LAG_MS = 200
# The same beside other fleets: half of the processor for a moment costs a node hundreds of ms, all innocent. A loop
# that waits for the network waits for a second at least, with the shortest keepalive there is.
BUSY_LAG_MS = 900
RESET_EXIT = 75  # of a process whose chip was reset: node/sim/machine


class NodeProcess:
    """`with NodeProcess(broker.url, "ada") as node:` runs node/main.py; `settings` are keys of its config.json.

    Nobody presses its button but the test, and its loop is looked at every 5 ms. With FLEET_UMQTT=folder it
    runs on the umqtt.simple of that folder instead of node/lib.

    `flash=True` gives it a journal that outlives its process, as flash does. `history` is the file in which it notes
    each reading as it takes it. `reborn=True`: a machine.reset() starts it again, as a chip does by itself.
    `script` is run in place of node/main.py, which is its argument; `environment` is added to the node's own.
    """

    def __init__(
        self,
        url: str,
        node: str = "ada",
        *,
        heap: str | None = None,
        binary: str | None = None,
        flash: bool = False,
        history: Path | None = None,
        reborn: bool = False,
        script: Path | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
        **settings: Any,
    ) -> None:
        self.id = node
        self.resets = 0  # machine.reset() that were followed by a new start
        self.history = history
        self._dir = tempfile.TemporaryDirectory(prefix="fleet-node-")
        self.directory = Path(self._dir.name)
        self.state = self.directory / "state.json"
        self.journal = self.directory / "journal"
        defaults = {"period": 200, "lag_tick": 5, "jitter": 0, "sensors": ["sht4x"], "state": str(self.state)}
        config = self.directory / "config.json"
        config.write_text(json.dumps({"node": node, **defaults, **settings}))
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("FLEET_")},
            "FLEET_CONFIG": str(config),
            "FLEET_BROKER": url,
            "FLEET_LIFE": "0",
            **({"FLEET_JOURNAL": str(self.journal)} if flash else {}),
            **({"FLEET_HISTORY": str(history)} if history else {}),
            **environment,
        }
        micropython = binary or tiers.micropython()
        assert micropython is not None
        main = str(self._folder() / "main.py")
        self._command = [micropython, *(["-X", f"heapsize={heap}"] if heap else [])]
        self._command += [str(script), main] if script else [main]
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._process: subprocess.Popen[str] | None = None
        self._reborn = reborn
        self._noted = 0  # bytes of its history when it was started
        self._hands = threading.RLock()  # whoever starts or ends the process

    def _folder(self) -> Path:
        """The node folder, or one like it with another lib."""
        umqtt = os.environ.get("FLEET_UMQTT")
        if not umqtt:
            return tiers.NODE
        folder = self.directory / "node"
        folder.mkdir()
        for name in ("main.py", "fleet_node", "fleet_schema", "sim"):
            (folder / name).symlink_to(tiers.NODE / name)
        shutil.copytree(umqtt, folder / "lib")
        return folder

    @property
    def pid(self) -> int:
        assert self._process is not None, "the node is not running"
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Does it run, or is it just being reborn?"""
        with self._hands:
            return self._process is not None and self._process.poll() in (None, RESET_EXIT)

    @property
    def output(self) -> str:
        with self._news:
            return "\n".join(self._lines)

    def start(self) -> None:
        with self._hands:
            assert self._process is None, "the node is running"
            self._noted = self.history.stat().st_size if self.history and self.history.exists() else 0
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,  # a Ctrl-C at the terminal of the tests is not for the node
            )
            threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                with self._news:
                    self._lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        if self._reborn and process.wait() == RESET_EXIT:
            with self._hands:
                if self._process is process:  # nobody has ended it meanwhile
                    self.wait()
                    self.resets += 1
                    self.start()

    def world(self, line: str) -> None:
        """One control line of the simulated world, such as `tap button-a`."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def mark(self) -> int:
        """A position for `expect(..., since=mark)`: what was said before does not count."""
        with self._news:
            return len(self._lines)

    def said(self, since: int) -> list[str]:
        """The lines since a mark."""
        with self._news:
            return self._lines[since:]

    def expect(
        self, text: str, within: float = 20.0, accept: Callable[[str], bool] | None = None, since: int = 0
    ) -> str:
        """The first line the node said that contains `text`; else a failure with all that it said."""
        deadline = time.monotonic() + within
        with self._news:
            while True:
                for line in self._lines[since:]:
                    if text in line and (accept is None or accept(line)):
                        return line
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._news.wait(left)
            said = "\n".join(self._lines) or "nothing"
        raise AssertionError(f"the node did not say {text!r} within {within} s; it said:\n{said}")

    def quit(self) -> int:
        """A clean goodbye; the worst loop lag in ms that it reports."""
        self.world("quit")
        line = self.expect("worst loop lag")
        assert self.wait() == 0, self.output
        found = re.search(r"worst loop lag (\d+) ms", line)
        assert found is not None
        return int(found[1])

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.kill(self.pid, signal.SIGINT)

    def kill(self) -> None:
        """As a power cut would."""
        with self._hands:
            assert self._process is not None
            self._process.kill()
            self.wait(10)

    def freeze(self) -> None:
        with self._hands:
            assert self._process is not None
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        with self._hands:
            assert self._process is not None
            self._process.send_signal(signal.SIGCONT)

    @property
    def boot(self) -> str | None:
        """The boot of the last reading it noted since it was started; None before the first."""
        return last_boot(self.history, self._noted) if self.history is not None else None

    def wait(self, within: float = 20.0) -> int:
        """Its exit code, once it has ended."""
        assert self._process is not None, "the node is not running"
        code = self._process.wait(within)
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        self._process = None
        return code

    def __enter__(self) -> "NodeProcess":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reborn = False
        with self._hands:
            if self._process is not None:
                self.kill()
        if error is not None:
            print(f"--- node {self.id} ---\n{self.output}")
        self._dir.cleanup()
