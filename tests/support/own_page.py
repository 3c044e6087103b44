"""The page that a node serves, asked as browsers and others ask: raw requests, and its events as they come."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

WAIT_S = 30.0
SCRIPT = Path(__file__).with_name("upy_page_node.py")


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)


def request(port: int, method: str, path: str, body: str = "", **headers: str) -> bytes:
    """As the node's own page asks; `headers` replace or, if empty, remove its own. `_` stands for `-`."""
    own = {"host": f"127.0.0.1:{port}", "origin": f"http://127.0.0.1:{port}"}
    if method == "POST":
        own |= {"content-type": "application/json", "content-length": str(len(body.encode()))}
    own |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in own.items() if value)]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def raw(port: int, sent: bytes) -> bytes:
    """What comes until the node closes; b"" if it only closes."""
    with connect(port) as link:
        try:
            link.sendall(sent)
            came = b""
            while piece := link.recv(4096):
                came += piece
        except ConnectionError:
            pass  # it closed before it had read all
        return came


def ask(port: int, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str, str]:
    """(status, head, body)"""
    head, _, rest = raw(port, request(port, method, path, body, **headers)).decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 "), head
    return int(head.split()[1]), head, rest


def command(port: int, name: str, args: object = None) -> dict[str, Any]:
    status, _, body = ask(port, "POST", f"/cmd/{name}", json.dumps(args or {}))
    assert status == 200, body
    ack: dict[str, Any] = json.loads(body)
    return ack


class Viewer:
    """One that looks at /live; `status` is what it was answered."""

    def __init__(self, port: int) -> None:
        self._link = connect(port)
        self._link.sendall(request(port, "GET", "/live"))
        self._file = self._link.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        while self._file.readline().strip():
            pass

    def events(self) -> Iterator[tuple[str, str]]:
        """(kind, data) of each, until the node closes."""
        kind = ""
        for line in self._file:
            text = line.decode().rstrip("\n")
            if text.startswith("event: "):
                kind = text[7:]
            elif text.startswith("data: "):
                yield kind, text[6:]

    def expect(self, kind: str, accept: Callable[[str], bool] = lambda data: True) -> str:
        deadline = time.monotonic() + WAIT_S
        others = []
        for came, data in self.events():
            if came == kind and accept(data):
                return data
            others.append(f"{came} {data[:100]}")
            assert time.monotonic() < deadline, f"no such {kind}; what came: {others[-20:]}"
        raise AssertionError(f"the node closed; what came: {others[-20:]}")

    def state(self, accept: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.expect("state", lambda data: accept(json.loads(data))))
        return found

    def close(self) -> None:
        self._file.close()
        self._link.close()

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
