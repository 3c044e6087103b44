"""Who has trouble: each trouble happens to somebody of a class of thirty on a real broker, and the roll names it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_dashboard.trouble import RULES
from support import tiers
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.probe import Probe
from support.troubled_class import IDS, ROSTER, TROUBLES, TroubledClass

PATIENCE = 150.0  # readings are called missing after half a minute, on an idle machine
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def roster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("class") / "class.json"
    path.write_text(json.dumps(ROSTER))
    return path


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


@pytest.fixture(scope="module")
def dashboard(broker: Broker, roster: Path) -> Iterator[DashboardProcess]:
    environment = {"FLEET_ROSTER": str(roster)}
    with DashboardProcess(broker.url, environment=environment) as running, TroubledClass(broker.url):
        yield running


def kinds(roll: dict[str, Any]) -> dict[str, str]:
    return {row["id"]: row["kind"] for row in roll["nodes"]}


@pytest.fixture(scope="module")
def roll(dashboard: DashboardProcess) -> dict[str, Any]:
    """As soon as all the troubles are there."""
    expected = {**dict.fromkeys(IDS, "fine"), **TROUBLES}

    def wrong(found: dict[str, Any]) -> list[str]:
        seen = kinds(found)
        return [f"{node}: {seen.get(node)}, not {kind}" for node, kind in expected.items() if seen.get(node) != kind]

    try:
        found: dict[str, Any] = dashboard.wait_for("/api/roll", lambda found: not wrong(found), PATIENCE)
    except AssertionError:
        raise AssertionError(f"not yet as it is: {wrong(dashboard.get('/api/roll'))}") from None
    return found


def test_each_trouble_is_named_and_nobody_else_is_blamed(roll: dict[str, Any]) -> None:
    table = ["| id | trouble | what the teacher saw | and what to do |", "|---|---|---|---|"]
    for row in roll["nodes"]:
        if row["kind"] != "fine":
            table.append(f"| {row['id']} | {row['kind']} | {row['why']} | {row['do']} |")
    folder = tiers.ROOT / "tests" / "artifacts"
    folder.mkdir(exist_ok=True)
    what = f"A class of thirty in which each trouble happened to somebody: {roll['headline']}."
    (folder / "troubles.md").write_text("\n".join(["# What the teacher saw", "", what, "", *table, ""]))
    print("\n".join(table))
    assert {rule.kind for rule in RULES} == {*TROUBLES.values(), "fine"}, "a trouble that nobody has"
    assert roll["headline"] == "15 of 32 fine, 15 need you, 2 away"
    levels = [row["level"] for row in roll["nodes"]]
    assert levels == sorted(levels, key=["help", "away", "fine", "out"].index), "those with trouble are not first"


@pytest.mark.parametrize(
    ("node", "parts"),
    [
        ("3b-03", ("esp32 app 1.0 (boot aaaa)", "rp2 app 1.0 (boot bbbb)")),
        ("3b-05", ("messages a second", "200 are taken")),
        ("3b-07", ("never seen",)),
        ("3b-09", ("lost", "no goodbye")),
        ("3b-13", ("`up` counts 1 in a second",)),
        ("3b-15", ("`ts` is 2 h behind",)),
        ("3b-16", ("`up` went back by 4 s",)),
        ("3b-17", ("F-TELE-3", "hist is 1 or absent")),
        ("3b-21", ("41 readings",)),
        ("3b-30", ("no `status` and no `meta` came",)),
        ("mallory", ("breaks F-ENV-1",)),
    ],
)
def test_the_sentence_names_what_it_is(roll: dict[str, Any], node: str, parts: tuple[str, ...]) -> None:
    row = next(row for row in roll["nodes"] if row["id"] == node)
    assert all(part in row["why"] for part in parts), row["why"]


def test_who_speaks_without_a_hello_is_not_called_lost(roll: dict[str, Any]) -> None:
    assert next(row["state"] for row in roll["nodes"] if row["id"] == "3b-30") == "online"


def test_who_is_on_the_roster_has_a_name_before_he_ever_spoke(roll: dict[str, Any]) -> None:
    row = next(row for row in roll["nodes"] if row["id"] == "3b-07")
    assert (row["name"], row["groups"], row["state"], row["since"]) == ("Greta", ["red"], "never", None)


def test_every_trouble_that_others_should_know_of_is_an_alert_on_the_broker(
    roll: dict[str, Any], broker: Broker
) -> None:
    with Probe(broker.url, "fleet/1/_host/alert/+", "fleet/1/+/cmd/+") as probe:
        for name in ("duplicate-3b-03", "flood-3b-05", "silent-3b-11", "clock-3b-16", "schema-3b-17", "retained-3b-19"):
            seen = probe.expect(f"fleet/1/_host/alert/{name}", lambda seen: bool(seen.payload), 30)
            print(seen.json()["text"])
        probe.settle()
        commands = [one for one in probe.seen("fleet/1/3b-19/cmd/+") if one.retain and one.payload]
    assert len(commands) <= 1, "the retained command is still there"  # it is published again and again


def test_fleet_roll_says_the_same_and_that_somebody_needs_help(
    dashboard: DashboardProcess, roll: dict[str, Any]
) -> None:
    def fleet(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "fleet_tools", "roll", "--dashboard", dashboard.url, *arguments]
        path = os.pathsep.join(str(tiers.ROOT / part) for part in ("node", "fleet-tools"))
        environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    asked = fleet("--json")
    told = json.loads(asked.stdout)
    now = dashboard.get("/api/roll")
    assert asked.returncode == 3
    assert told["code"] == 3
    assert kinds(told) == kinds(now)
    shown = fleet()
    assert shown.returncode == 3
    assert shown.stdout.startswith(now["headline"])
    assert "two boards with this id: esp32 app 1.0 (boot aaaa) and rp2 app 1.0 (boot bbbb)" in shown.stdout
    assert "Ada" in shown.stdout


def test_the_roster_may_change_and_a_bad_one_is_a_sentence(
    dashboard: DashboardProcess, roll: dict[str, Any], roster: Path
) -> None:
    more = {**ROSTER, "nodes": [*ROSTER["nodes"], {"id": "guest", "name": "The Guest"}]}
    roster.write_text(json.dumps(more))
    found = dashboard.wait_for("/api/roll", lambda found: kinds(found)["guest"] == "fine", 30)
    assert next(row["name"] for row in found["nodes"] if row["id"] == "guest") == "The Guest"
    roster.write_text("{")
    found = dashboard.wait_for("/api/roll", lambda found: found["problem"], 30)
    assert "not JSON" in found["problem"]
    assert kinds(found)["guest"] == "fine", "the roster from before does not count"
    roster.write_text(json.dumps(ROSTER))
    dashboard.wait_for("/api/roll", lambda found: not found["problem"], 30)
