"""A student who joins with a ticket: `fleet join` as a process, and every line that it shows with its time."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType

from support import tiers

TABLE = tiers.ROOT / "tests" / "artifacts" / "joining.md"
_rows: dict[str, tuple[str, float]] = {}


class Student:
    """`with Student(folder, ticket) as student:` has typed it; `how` are more words of the command line."""

    def __init__(self, folder: Path, ticket: str, *how: str) -> None:
        self._ticket = ticket
        self._how = how
        self._folder = folder
        self._lines: list[tuple[float, str]] = []
        self._news = threading.Condition()

    def saw(self, title: str, within: float = 30.0, since: float = 0.0) -> tuple[str, float]:
        """(the sentence on the screen that begins with `title`, seconds from the start of the node to it)."""
        deadline = time.monotonic() + within
        with self._news:
            while True:
                began = next((at for at, line in self._lines if "goes to" in line), 0.0)
                for at, line in self._lines:
                    if at > since and line.startswith((">> ", "OK ")) and line[3:].startswith(title):
                        return line[3:], at - max(began, since)
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._news.wait(left)
            raise AssertionError(f"the student did not see {title!r} within {within} s, but:\n{self.screen}")

    @property
    def screen(self) -> str:
        return "\n".join(line for _, line in self._lines) or "nothing"

    def leaves(self) -> int:
        """Ctrl-C; the exit code."""
        self._process.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self, within: float = 30.0) -> int:
        code = self._process.wait(within)
        self._thread.join(within)
        return code

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                with self._news:
                    self._lines.append((time.monotonic(), line.rstrip("\n")))
                    self._news.notify_all()

    def __enter__(self) -> "Student":
        env = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")}
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", "fleet_tools", "join", *self._how],
            env={**env, "XDG_STATE_HOME": str(self._folder), "NO_COLOR": "1", "PYTHONPATH": _path()},
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdin is not None
        with self._process.stdin as stdin:
            stdin.write(self._ticket + "\n")
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
        if error is not None:
            print(f"--- what the student saw ---\n{self.screen}")


def _path() -> str:
    return os.pathsep.join(str(tiers.ROOT / part) for part in ("node", "fleet-tools", "dashboard"))


def note(trouble: str, sentence: str, seconds: float) -> None:
    """A row of the table that is written at the end of the run."""
    _rows[trouble] = (sentence, seconds)


def write() -> Path | None:
    """None if nobody joined in this run."""
    if not _rows:
        return None
    parts = [
        "# What a student saw who could not join, in this run\n\n| what was wrong | what the student saw | after |\n"
    ]
    parts.append("|---|---|---|\n")
    parts += [f"| {trouble} | {sentence} | {seconds:.1f} s |\n" for trouble, (sentence, seconds) in _rows.items()]
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text("".join(parts))
    return TABLE
