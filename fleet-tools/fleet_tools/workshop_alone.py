"""A learner's program that is on its board for good: the board is reset, and starts it by itself.

The check only looks. What lies on the board was copied there by the learner, and goes on when the check is over.
"""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path

from fleet_tools.board import Board
from fleet_tools.board_line import lines
from fleet_tools.workshop_run import Program, Trouble

END = "\x04"  # with which a board ends its answer, here to the reset


class Alone(Program):
    """`main.py` on the flash of the board at `port`, which must be that of `folder`."""

    def __init__(self, folder: Path, log: Path, *, port: str) -> None:
        super().__init__(folder, log, heap="", port=port)
        self._at = port
        self._wanted = hashlib.sha256((folder / "main.py").read_bytes()).hexdigest()
        self._ended = threading.Event()
        self._ear = threading.Thread(target=self._listen, name=f"lesson on {port}", daemon=True)
        self._reset_at = 0.0

    def start(self) -> None:
        with Board(self._at) as board:
            found = board.hashes((), ("main.py",)).get("main.py")
            if found == self._wanted:
                board.reset()
        if found != self._wanted:
            raise Trouble(
                "your main.py on the flash of the board, so that it starts when the power comes",
                "it has another main.py" if found else "it has no main.py",
            )
        self._reset_at = time.monotonic()
        self._ear.start()

    def _listen(self) -> None:
        with self._log.open("a") as log:
            for line in lines(self._at, self._ended, lambda why: None):
                print(line.lstrip(END), file=log, flush=True)

    @property
    def running(self) -> bool:
        return self._ear.is_alive()

    @property
    def started(self) -> float:
        return self._reset_at

    def stop(self) -> None:
        """Of our listening; the board goes on."""
        self._ended.set()
        if self._ear.is_alive():
            self._ear.join(5.0)
