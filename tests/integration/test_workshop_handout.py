"""The hand-out of the workshop: what it says to type is typed, at a broker with a node, and at a board."""

import contextlib
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_schema import commands, topics
from fleet_tools import cli
from fleet_tools import workshop_handout as handout
from support import tiers
from support.board import VirtualBoard, isolation
from support.broker import Broker
from support.mpremote import mpremote
from support.node import NodeProcess
from support.probe import Probe


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker() as running, Probe(running.url, "fleet/1/#") as probe, NodeProcess(running.url, handout.NODE):
        probe.expect("fleet/1/ada/tele/sht4x", within=60)
        yield running


def test_every_line_of_mosquitto_does_what_stands_beside_it(broker: Broker) -> None:
    """All listen first; then what commands is typed: each of them hears something."""
    lines = [line for line, _ in handout.mosquitto("fleet", "127.0.0.1")]
    hear = [line for line in lines if line.startswith("mosquitto_sub ")]
    say = [line for line in lines if line.startswith("mosquitto_pub ")]
    assert len(hear) + len(say) == len(lines)
    with Probe(broker.url, "fleet/1/ada/ack") as probe, contextlib.ExitStack() as ears:
        heard = {line: ears.enter_context(listening(line, broker)) for line in hear}
        for line in say:
            since = probe.mark()
            subprocess.run([*shlex.split(line), "-p", str(broker.port)], check=True, timeout=60)
            name = topics.parse("fleet", shlex.split(line)[shlex.split(line).index("-t") + 1])[2]
            ack = probe.expect("fleet/1/ada/ack", within=60, since=since).json()
            assert (ack["cmd"], ack["st"] in ("ok", "done")) == (name, True), ack
        for line, process in heard.items():
            assert process.stdout is not None
            out = process.stdout.read()  # until it ends: with the first message, or after -W seconds
            assert re.search(r"^fleet/1/", out, re.M), f"{line}: {out}"


@contextlib.contextmanager
def listening(line: str, broker: Broker) -> Iterator[subprocess.Popen[str]]:
    """mosquitto_sub, subscribed: it says so with -d. It ends with the first message."""
    command = [*shlex.split(line), "-d", "-p", str(broker.port), "-C", "1", "-W", "60"]
    process = subprocess.Popen(["stdbuf", "-oL", *command], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        while "SUBACK" not in (said := process.stdout.readline()):
            assert said, f"{line} was not subscribed"
        yield process
    finally:
        process.kill()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


def test_every_topic_is_one_that_the_node_uses_and_none_is_forgotten() -> None:
    assert {*handout.KINDS, *handout.INNER} == set(topics.NODE_KINDS)
    for topic, _ in handout.kinds("3b"):
        assert topics.parse("3b", f"3b/{topics.MAJOR}/{topic}")[0] == handout.NODE
    assert [name for name, _ in handout.standard()] == list(commands.STANDARD)


@pytest.fixture(scope="module")
def board() -> Iterator[VirtualBoard]:
    tiers.require(isolation.missing() is None, str(isolation.missing()), "integration")
    with VirtualBoard() as running:
        yield running


def test_every_line_of_mpremote_works_at_a_board(
    board: VirtualBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.py").write_text("print('it', 'runs')\n")
    shows = {"run": "it runs", "mount": "it runs", "fs ls": "main.py", "fs cat": "print('it', 'runs')", "exec": "2"}
    typed = [words for words, _ in handout.MPREMOTE]
    assert typed[0] == "repl"  # needs a person: test_mpremote_commands.py types it
    for words in typed[1:]:
        said = mpremote(board, *shlex.split(words))
        wanted = next((text for begin, text in shows.items() if words.startswith(begin)), "")
        assert wanted in said, words


def test_its_asyncio_runs_as_it_stands_there(tmp_path: Path) -> None:
    tiers.require(tiers.micropython(), "there is no micropython", "integration")
    (tmp_path / "main.py").write_text(handout.ASYNCIO)
    done = subprocess.run(
        [str(tiers.micropython()), "main.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"(blink\n){2,6}", done.stdout)


def test_it_is_written_for_a_class_and_holds_no_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "handout.html"
    assert cli.run(["workshop", "handout", "-o", str(out), "--base", "3b", "--at", "10.0.0.5"]) == 0
    assert "mosquitto_sub -h 10.0.0.5 -v -t &#x27;3b/1/#&#x27;" in out.read_text()
    assert cli.run(["workshop", "handout", "-o", str(out), "--base", "Room 3"]) == 2
    assert "is no base of topics" in capsys.readouterr().err
