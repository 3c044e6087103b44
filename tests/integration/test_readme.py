"""README.md, word by word: what it tells a newcomer to type is typed, what it links to is there."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from fleet_schema import commands, payloads, topics
from support import tiers
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess
from support.probe import Probe

README = (tiers.ROOT / "README.md").read_text()


def shell_lines() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", README, flags=re.M | re.S)
    lines = [line.split("  #")[0].split(" # ")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def has_all(node: Any) -> bool:
    """Also what it took before there was a dashboard."""
    return bool(node["counts"]["received"] > 5 and node["counts"]["missing"] == 0)


@pytest.fixture(scope="module")
def dashboard(fleet: Broker) -> Iterator[DashboardProcess]:
    with DashboardProcess(fleet.url) as dashboard:
        for name in ("ada", "grace"):
            dashboard.node(name, has_all, within=30)
        yield dashboard


@pytest.fixture(scope="module")
def fleet() -> Iterator[Broker]:
    with (
        Broker() as broker,
        Probe(broker.url, "fleet/1/#") as probe,
        NodeProcess(broker.url, "ada"),
        NodeProcess(broker.url, "grace"),
    ):
        probe.expect("fleet/1/ada/tele/sht4x")
        probe.expect("fleet/1/grace/tele/sht4x")
        yield broker


FLEET = ".venv/bin/fleet "
# What needs a class or a board: the file that types it.
ELSEWHERE = {
    "class ": "test_classroom_page.py",
    "join": "test_f32_join.py",
    "roll": "test_classroom_page.py",
    "deploy ": "test_deploy.py",
    "ota ": "test_ota.py",
    "workshop ": "test_workshop.py",
}


def typed_elsewhere(line: str) -> str | None:
    words = line.removeprefix(FLEET)
    return next((file for begin, file in ELSEWHERE.items() if words.startswith(begin)), None)


def here(line: str) -> bool:
    return line.startswith(FLEET) and not typed_elsewhere(line)


@pytest.mark.parametrize("line", [line for line in shell_lines() if here(line)])
def test_a_line_of_the_fleet_command_works(fleet: Broker, dashboard: DashboardProcess, line: str) -> None:
    words = [sys.executable, "-m", "fleet_tools", *shlex.split(line)[1:]]
    if "watch" in words:
        words += ["-n", "3"]
    env = {**os.environ, "FLEET_BROKER": fleet.url, "FLEET_DASHBOARD": dashboard.url}
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert "ada" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith("mosquitto_sub ")])
def test_a_line_of_mosquitto_sub_shows_the_fleet(fleet: Broker, line: str) -> None:
    words = [*shlex.split(line), "-p", str(fleet.port), "-C", "20", "-W", "10"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert "fleet/1/ada/meta" in done.stdout, done.stdout + done.stderr


def test_every_kind_of_line_is_one_that_some_test_types() -> None:
    """The Docker lines are typed by the compose tier; `make demo` and `make workshop` by whoever changes them."""
    known = ("make demo", "make workshop", ".venv/bin/fleet ", "mosquitto_sub ", "docker compose ", "cp node/")
    assert [line for line in shell_lines() if not line.startswith(known)] == []
    places = ("compose/test_compose.py", "support/composed.py")
    typed = "".join((tiers.ROOT / "tests" / place).read_text() for place in places)
    for line in shell_lines():
        if line.startswith("docker compose exec "):
            words = shlex.split(line)[4:]
            assert ", ".join(f'"{word}"' for word in words) in typed, f"the compose tier does not type: {line}"


def test_what_needs_a_class_is_typed_as_the_page_for_teachers_says_it() -> None:
    page = (tiers.ROOT / "docs" / "classroom.md").read_text()
    lines = [line.removeprefix(".venv/bin/") for line in shell_lines() if typed_elsewhere(line)]
    assert len(lines) == 9
    for line in lines:
        if line.startswith("fleet class new"):
            line = line.split(" --")[0]
        assert line.startswith(("fleet deploy ", "fleet ota ", "fleet workshop ")) or line in page, (
            f"docs/classroom.md does not say: {line}"
        )


def test_the_files_a_board_gets_by_hand_are_there() -> None:
    boards = (tiers.ROOT / "docs" / "boards.md").read_text()
    (line,) = [line for line in boards.splitlines() if line.startswith("mpremote cp ")]
    for word in shlex.split(line):
        if word.startswith("node/") and word != "node/config.json":  # made by the line before
            assert (tiers.ROOT / word).exists(), word


def test_the_topics_and_payloads_of_the_table_are_legal() -> None:
    cells = re.findall(r"^\| (`fleet/1/.*?) \| (.*?) \|", README, flags=re.M)
    assert len(cells) == 6
    for topic_cell, says in cells:
        for topic in re.findall(r"`([^`]+)`", topic_cell):
            _, kind, name = topics.parse("fleet", topic)
        for example in re.findall(r"`(\{[^`…]*\})`", says):
            if kind == "cmd":
                commands.decode_command(example.encode(), commands.STANDARD[str(name)])
            else:
                payloads.decode(kind, example.encode())
