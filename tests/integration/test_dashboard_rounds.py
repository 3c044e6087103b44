"""Rounds with real nodes that tap simulated buttons, a real broker and a dashboard that is killed."""

import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess
from support.probe import Probe
from support.pupil import tap

# A wait that is long enough for a false start on a busy machine.
QUICK = """
title = "Quick"
rule = "Press when it beeps"
kind = "round"
seconds = 30
[score]
event = "press"
take = "reaction"
[signal]
wait_least_ms = 4000
wait_most_ms = 4000
"""


@pytest.fixture
def dashboard(broker: Broker) -> Iterator[DashboardProcess]:
    with DashboardProcess(broker.url) as running:
        yield running


def online(dashboard: DashboardProcess, *names: str) -> None:
    for name in names:
        dashboard.node(name, lambda node: node["state"] == "online" and node["meta"])


def start(dashboard: DashboardProcess, challenge: str, **more: Any) -> str:
    status, answer = dashboard.post("/api/rounds", {"challenge": challenge, "countdown": 0, **more})
    assert status == 202, answer
    return str(answer["id"])


def until(dashboard: DashboardProcess, state: str, within: float = 12) -> Any:
    """The round, once it is in this state."""
    found = dashboard.wait_for("/api/snapshot", lambda shown: (shown["round"] or {}).get("state") == state, within)
    return found["round"]


def test_a_round_is_played_retained_for_nodes_and_exported(broker: Broker, dashboard: DashboardProcess) -> None:
    with (
        NodeProcess(broker.url, "ada", name="=Ada", groups=["red"]) as ada,
        NodeProcess(broker.url, "bo", groups=["red"]) as bo,
        NodeProcess(broker.url, "cy", groups=["blue"]) as cy,
        Probe(broker.url, "fleet/1/_host/board/sprint") as probe,
    ):
        online(dashboard, "ada", "bo", "cy")
        tap(dashboard, cy)  # before the round
        name = start(dashboard, "sprint", seconds=60)
        until(dashboard, "running")
        tap(dashboard, ada, 2)
        tap(dashboard, bo)
        tap(dashboard, cy)
        with NodeProcess(broker.url, "dee") as dee:  # joins in the middle
            online(dashboard, "dee")
            tap(dashboard, dee, 3)
            dashboard.wait_for("/api/snapshot", lambda shown: shown["round"]["of"] == 4)
        assert dashboard.post(f"/api/rounds/{name}/stop", {}) == (200, {"done": "stopped"})
        shown = until(dashboard, "done")
        assert [[row[0], row[2]] for row in shown["top"]] == [["dee", 3], ["ada", 2], ["bo", 1], ["cy", 1]]
        assert [place for place, _ in shown["ranks"]] == [1, 2, 3, 3]
        assert [team[:3] for team in shown["teams"]] == [["red", 1.5, 2], ["blue", 1, 1]]
        result = dashboard.get(f"/api/rounds/{name}")
        assert [row["node"] for row in result["rows"]] == ["dee", "ada", "bo", "cy"]
        with urllib.request.urlopen(f"{dashboard.url}/api/rounds/{name}.csv") as answer:
            lines = answer.read().decode().splitlines()
        assert lines[2] == "2,ada,'=Ada,2,presses,red,"
        told = probe.expect("fleet/1/_host/board/sprint", lambda seen: seen.json()["top"][:1] == [["dee", "dee", 3]])
        assert told


def test_the_fastest_press_needs_a_signal_and_too_early_is_out(broker: Broker, dashboard: DashboardProcess) -> None:
    with NodeProcess(broker.url, "ada") as ada, NodeProcess(broker.url, "bo") as bo, NodeProcess(broker.url, "cy"):
        online(dashboard, "ada", "bo", "cy")
        (dashboard.data_dir / "challenges" / "quick.toml").write_text(QUICK)
        dashboard.wait_for("/api/challenges", lambda known: "Quick" in str(known))
        name = start(dashboard, "quick")
        until(dashboard, "ready")
        tap(dashboard, bo)
        until(dashboard, "running")
        time.sleep(0.2)  # a human is not faster
        ada.world("tap button-a")
        dashboard.wait_for("/api/snapshot", lambda shown: shown["round"]["top"])
        dashboard.post(f"/api/rounds/{name}/stop", {})
        until(dashboard, "done")
        result = dashboard.get(f"/api/rounds/{name}")
        assert [row["node"] for row in result["rows"]] == ["ada"]
        assert 100 <= result["rows"][0]["score"] < 30_000
        assert result["fouls"] == [{"node": "bo", "name": "bo", "why": "false start"}]


def test_a_result_and_a_broken_round_are_there_after_kill_9(broker: Broker, tmp_path: Path) -> None:
    with DashboardProcess(broker.url, data_dir=tmp_path) as dashboard, NodeProcess(broker.url, "ada") as ada:
        online(dashboard, "ada")
        done = start(dashboard, "hold", seconds=60)
        until(dashboard, "running")
        ada.world("tap button-a 400")
        dashboard.wait_for("/api/snapshot", lambda shown: shown["round"]["top"])
        dashboard.post(f"/api/rounds/{done}/stop", {})
        shown = until(dashboard, "done")
        dashboard.kill()  # the moment it is shown
        dashboard.start()
        result = dashboard.get(f"/api/rounds/{done}")
        assert [row["score"] for row in result["rows"]] == [shown["top"][0][2]]
        assert 300 < result["rows"][0]["score"] < 2000
        broken = start(dashboard, "sprint")
        dashboard.wait_for("/api/rounds", lambda listed: len(listed["rounds"]) == 2)
        dashboard.kill()
        dashboard.start()
        assert dashboard.get(f"/api/rounds/{broken}")["state"] == "broken"
        online(dashboard, "ada")
        again = start(dashboard, "sprint", seconds=60)
        tap(dashboard, ada, 2)
        dashboard.wait_for("/api/snapshot", lambda shown: shown["round"]["top"] == [["ada", "ada", 2]])
        assert dashboard.post(f"/api/rounds/{again}/stop", {})[0] == 200


def test_a_challenge_of_ones_own_is_there_without_a_restart_and_a_bad_one_is_said(
    broker: Broker, dashboard: DashboardProcess
) -> None:
    folder = dashboard.data_dir / "challenges"
    (folder / "bad.toml").write_text('title = "Bad"\nrule = "R"\nkind = "game"\n')
    (folder / "humid.toml").write_text(
        'title = "Most humid"\nrule = "Now"\nkind = "standing"\n[score]\nquantity = "humidity"\ntake = "last"\n'
    )
    with NodeProcess(broker.url, "ada") as ada:
        ada.world("set hum 55")
        dashboard.wait_for(
            "/api/snapshot",
            lambda shown: any(board["name"] == "humid" and board["top"] for board in shown["boards"]),
        )
    problems = dashboard.get("/api/challenges")["problems"]
    assert problems == [{"file": "bad.toml", "text": "bad.toml: kind is 'game'; it is one of round, standing"}]
    dashboard.wait_for_output("challenge bad.toml: kind is 'game'")
