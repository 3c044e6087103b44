"""Somebody on the same network who has no account and makes trouble at the broker's door."""

import socket
import threading
import time
import uuid
from collections import Counter
from types import TracebackType
from typing import Self

from support import raw


class Nuisance(threading.Thread):
    """Goes on until its block ends; `per_second` says then how often it did it."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.per_second = 0.0
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self.join(30)


class Guesser(Nuisance):
    """`with Guesser(port, "grace") as guesser:` tries passwords at full speed; `answers` counts what it was told."""

    def __init__(self, port: int, user: str) -> None:
        super().__init__()
        self.answers = Counter[str]()
        self._port, self._user = port, user

    def run(self) -> None:
        began = time.monotonic()
        while not self._over.is_set():
            self.answers[self._try()] += 1
        self.per_second = self.answers.total() / (time.monotonic() - began)

    def _try(self) -> str:
        try:
            with raw.open_socket(self._port) as sock:
                sock.sendall(raw.connect(self._user, self._user, uuid.uuid4().hex))
                said = sock.recv(4)
        except OSError as error:
            return type(error).__name__
        if said[:2] != b"\x20\x02":
            return "closed"
        return "refused" if said[3] else "LET IN"


class Knocker(Nuisance):
    """`with Knocker(port, 1000) as knocker:` connects so often a second, if it can, and hangs up at once."""

    def __init__(self, port: int, per_second: float) -> None:
        super().__init__()
        self._port, self._goal = port, per_second

    def run(self) -> None:
        began, knocks = time.monotonic(), 0
        while not self._over.is_set():
            try:
                raw.open_socket(self._port).close()
            except OSError:
                pass
            knocks += 1
            self._over.wait(max(0.0, began + knocks / self._goal - time.monotonic()))
        self.per_second = knocks / (time.monotonic() - began)


class Silent:
    """`with Silent(port) as silent:` opens connections and says nothing on them; `fill` until the broker has enough."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.sockets: list[socket.socket] = []

    def fill(self, most: int = 5000) -> int:
        """How many connections the broker holds for us when it takes no more."""
        while len(self.sockets) < most:
            before = len(self.sockets)
            for _ in range(50):
                self.sockets.append(raw.open_socket(self._port))
            time.sleep(0.2)
            self.sockets = [sock for sock in self.sockets if self._is_open(sock)]
            if len(self.sockets) - before < 50:
                return len(self.sockets)
        raise AssertionError(f"the broker took {most} connections that say nothing")

    def leave(self) -> None:
        for sock in self.sockets:
            sock.close()

    @staticmethod
    def _is_open(sock: socket.socket) -> bool:
        sock.setblocking(False)
        try:
            if sock.recv(1):
                return True
        except BlockingIOError:
            return True
        except OSError:
            pass
        sock.close()
        return False

    def __enter__(self) -> "Silent":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()
