"""Lesson 13 as its README says it: the node with the learner's sensor is seen and obeys, and its button is typed."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet_tools import workshop_lessons as lessons
from fleet_tools.processes import micropython
from fleet_tools.workshop_check import Check
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.workshop import CHECK_DOES, PATIENCE, typed

LESSON = lessons.find("fleet")
LINES = ["fleet ls", "fleet info kim", "fleet buzz --all"]


def test_the_node_with_the_learners_sensor_is_seen_and_obeys_and_its_button_is_typed(tmp_path: Path) -> None:
    assert [line for line in typed(LESSON) if line not in CHECK_DOES] == LINES
    LESSON.lay("solution.py", tmp_path)
    config = tmp_path / "config.json"
    with Broker() as broker, (tmp_path / "heard").open("w+") as heard, (tmp_path / "said").open("w+") as said:
        told = json.loads(config.read_text())
        told["broker"]["port"] = broker.port
        config.write_text(json.dumps(told))
        words = ["mosquitto_sub", "-v", "-p", str(broker.port), "-t", "fleet/1/kim/#"]
        listener = subprocess.Popen(words, stdout=heard)
        node = subprocess.Popen(
            [micropython(), "main.py"], cwd=tmp_path, stdin=subprocess.PIPE, stdout=said, stderr=said, text=True
        )
        try:

            def until(true: Callable[[], bool]) -> None:
                deadline = time.monotonic() + 60
                while not true():
                    assert node.poll() is None, Path(said.name).read_text()
                    assert time.monotonic() < deadline, Path(heard.name).read_text()
                    time.sleep(0.05)

            until(lambda: "fleet/1/kim/tele/fake" in Path(heard.name).read_text())
            who, info, buzz = [fleet(line, broker) for line in LINES]
            assert "Kim" in who
            assert "red" in who
            assert "fake" in info
            assert "1 of 1 obeyed" in buzz
            assert node.stdin is not None
            typed_there = next(part for part in LESSON.readme.split("`") if part.startswith("tap "))
            node.stdin.write(typed_there + "\n")
            node.stdin.flush()
            until(lambda: '"event_type":"press"' in Path(heard.name).read_text())
        finally:
            if node.stdin is not None:
                node.stdin.close()
            for process in (node, listener):
                process.kill()
                process.wait()


def test_a_broker_and_a_wall_that_run_already_are_taken_as_config_json_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    LESSON.lay("solution.py", tmp_path)
    config = tmp_path / "config.json"
    told = json.loads(config.read_text())
    names = {"FLEET_HTTP_NAMES": "127.1"}
    with Broker() as broker, DashboardProcess(broker.url, environment=names) as wall:
        # another way to write 127.0.0.1, which the check does not take for this computer
        told["broker"] = {"host": "127.1", "port": broker.port, "http": int(wall.url.rsplit(":", 1)[1])}
        config.write_text(json.dumps(told))
        monkeypatch.setenv("FLEET_BROKER", broker.url)
        monkeypatch.setenv("FLEET_NODE", "not-kim")  # config.json counts
        assert Check(LESSON, tmp_path, patience=PATIENCE).run() is None
        assert os.environ["FLEET_NODE"] == "not-kim"
        assert wall.node("kim")["name"] == "Kim"


def fleet(line: str, broker: Broker) -> str:
    words = [sys.executable, "-m", "fleet_tools", *shlex.split(line)[1:], *(["--wait", "30"] if "buzz" in line else [])]
    env = {**os.environ, "FLEET_BROKER": broker.url}
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
