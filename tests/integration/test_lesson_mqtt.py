"""Lesson 12 as its README says it: everybody hears the sensor on a real broker, and lets it buzz, alone or with all."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fleet_tools import workshop_lessons as lessons
from fleet_tools.processes import Child, stop
from fleet_tools.workshop_run import Program
from support.broker import Broker
from support.workshop import CHECK_DOES, typed

LESSON = lessons.find("mqtt")
LISTEN = ["mosquitto_sub -v -t 'fleet/1/kim/#'"]
COMMAND = ["fleet buzz kim --ms 400", "fleet buzz --all", "fleet ls"]


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker() as broker:
        yield broker


def test_what_it_says_to_type_is_known_here() -> None:
    assert [line for line in typed(LESSON) if line not in CHECK_DOES] == LISTEN + COMMAND


def test_everybody_hears_the_sensor_and_can_let_it_buzz(broker: Broker, tmp_path: Path) -> None:
    LESSON.lay("solution.py", tmp_path)
    config = tmp_path / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"port": broker.port}))
    program = Program(tmp_path, tmp_path / "program.log", heap="256k")
    words = [*shlex.split(LISTEN[0]), "-p", str(broker.port)]
    listener = Child("mosquitto_sub", words, tmp_path / "heard.log")
    try:
        listener.start()
        program.start()
        until(lambda: "fleet/1/kim/tele/fake" in listener.output(), program)
        alone, together, who = [fleet(line, broker) for line in COMMAND]
        assert "1 of 1 obeyed" in alone
        assert "1 of 1 obeyed" in together
        assert "kim" in who
        assert "online" in who
        until(lambda: listener.output().count("fleet/1/kim/ack {") == 2, program)
        said = program.lines
        assert [line for line in said if "BUZZ" in line] == ["BUZZ 400 ms", "BUZZ 300 ms"], said
    finally:
        program.stop()
        stop([listener], signal.SIGTERM, 5.0, lambda: False)


def fleet(line: str, broker: Broker) -> str:
    words = [sys.executable, "-m", "fleet_tools", *shlex.split(line)[1:], *(["--wait", "30"] if "buzz" in line else [])]
    env = {**os.environ, "FLEET_BROKER": broker.url}
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def until(true: Callable[[], bool], program: Program, within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while not true():
        assert program.error is None, program.error
        assert time.monotonic() < deadline, program.lines
        time.sleep(0.05)
