"""Lesson 8 as its README says it: the receiver shows what is sent, and says what is wrong with a request."""

import json
import shlex
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGINT

import pytest

from fleet_tools import workshop_lessons as lessons
from fleet_tools.processes import Child, stop
from fleet_tools.workshop_run import Program
from support.broker import free_port
from support.workshop import CHECK_DOES, typed

LESSON = lessons.find("send")


class Receiver(Child):
    """The command of the README, at a port of our own."""

    def __init__(self, folder: Path) -> None:
        (line,) = [line for line in typed(LESSON) if line not in CHECK_DOES]
        assert line == "fleet workshop receiver"
        self.port = free_port()
        words = [sys.executable, "-m", "fleet_tools", *shlex.split(line)[1:], "--port", str(self.port)]
        super().__init__("receiver", words, folder / "receiver.log")

    def until(self, true: Callable[[str], bool], within: float = 60.0) -> str:
        deadline = time.monotonic() + within
        while not true(said := self.output()):
            assert self.running, said
            assert time.monotonic() < deadline, said
            time.sleep(0.02)
        return said


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    receiver = Receiver(tmp_path_factory.mktemp("receiver"))
    receiver.start()
    try:
        receiver.until(lambda said: "takes JSON by POST" in said)
        yield receiver
    finally:
        stop([receiver], SIGINT, 10.0, lambda: False)
    assert receiver.output().endswith("stopped\n")


def test_it_shows_what_the_lesson_sends(receiver: Receiver, tmp_path: Path) -> None:
    LESSON.lay("solution.py", tmp_path)
    config = tmp_path / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"port": receiver.port}))
    program = Program(tmp_path, tmp_path / "log", heap="128k")
    try:
        program.start()
        said = receiver.until(lambda said: '"n": 3' in said)
    finally:
        program.stop()
    first, _, third = [line.split("  ") for line in said.splitlines() if "/readings" in line][:3]
    assert first[1:3] == ["127.0.0.1", "/readings"]
    assert (json.loads(first[3])["n"], json.loads(third[3])["n"]) == (1, 3)


@pytest.mark.parametrize(
    ("request_", "status", "sentence"),
    [
        ("POST /a HTTP/1.0\r\nContent-Length: 4\r\n\r\nnope", 400, "this is no JSON: b'nope'"),
        ("POST /a HTTP/1.0\r\nContent-Length: 9\r\n\r\n{}", 400, "Content-Length says 9 bytes, and only 2 came"),
        ("POST /a HTTP/1.0\r\n\r\n{}", 411, "Content-Length is missing"),
        ("POST /a HTTP/1.0\r\nContent-Length: 4097\r\n\r\n", 411, "up to 4096"),
        ("GET /a HTTP/1.0\r\n\r\n", 405, "this takes POST only"),
        ("BREW /a HTTP/1.0\r\n\r\n", 501, "Unsupported method ('BREW')"),
    ],
)
def test_it_says_what_is_wrong_with_a_request(receiver: Receiver, request_: str, status: int, sentence: str) -> None:
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=60) as sock:
        sock.sendall(request_.encode())
        sock.shutdown(socket.SHUT_WR)
        answer = sock.makefile("rb").read().decode()
    assert f" {status} " in answer.splitlines()[0]
    receiver.until(lambda said: sentence in said)


def test_what_would_command_a_terminal_is_shown_as_text(receiver: Receiver) -> None:
    url = f"http://127.0.0.1:{receiver.port}/%1b"
    urllib.request.urlopen(urllib.request.Request(url, b'{"\\u001b[2J": "\\u001b"}'), timeout=60).close()
    said = receiver.until(lambda said: "u001b" in said)
    assert "\x1b" not in said
    with pytest.raises(urllib.error.HTTPError) as wrong:
        urllib.request.urlopen(urllib.request.Request(url, b"\x1b[2J"), timeout=60)
    wrong.value.close()
    assert "\x1b" not in receiver.until(lambda said: "x1b[2J" in said)


def test_a_port_that_is_taken_is_said(receiver: Receiver, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "fleet_tools", "workshop", "receiver", "--port", str(receiver.port)]
    second = Child("second", words, tmp_path / "log")
    second.start()
    deadline = time.monotonic() + 60
    while second.running and time.monotonic() < deadline:
        time.sleep(0.02)
    stop([second], SIGINT, 1.0, lambda: False)
    assert second.code == 1
    assert f"port {receiver.port} cannot be had (Address already in use): --port takes another one" in second.output()
