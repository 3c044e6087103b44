"""A node that joins has only its id: the dashboard tells it what the roster calls it, and nobody who chose a name."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess
from support.probe import Probe

ROSTER = [
    {"id": "ada", "name": "Ada Lovelace", "group": "red"},
    {"id": "ben", "name": "Ben"},
    {"id": "eve", "name": "Eve", "revoked": True},
]


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    path = tmp_path / "class.json"
    path.write_text(json.dumps({"schema": 1, "base": "fleet", "nodes": ROSTER}))
    return path


@pytest.fixture
def dashboard(broker: Broker, roster: Path) -> Iterator[DashboardProcess]:
    with DashboardProcess(broker.url, environment={"FLEET_ROSTER": str(roster)}) as dashboard:
        yield dashboard


def called(name: str, *groups: str) -> Any:
    return lambda node: node["name"] == name and node["groups"] == list(groups)


def names_told(probe: Probe, node: str) -> list[str]:
    return [one.json()["name"] for one in probe.seen(f"fleet/1/{node}/cmd/name")]


def test_a_node_without_a_name_gets_name_and_group_once(broker: Broker, dashboard: DashboardProcess) -> None:
    with Probe(broker.url, "fleet/1/+/cmd/+") as probe, NodeProcess(broker.url, "ada") as node:
        dashboard.node("ada", called("Ada Lovelace", "red"), within=30)
        node.expect("it works")
        probe.settle()
        assert names_told(probe, "ada") == ["Ada Lovelace"]
        assert len(probe.seen("fleet/1/ada/cmd/groups")) == 1


def test_a_name_and_a_group_that_somebody_chose_are_left(broker: Broker, dashboard: DashboardProcess) -> None:
    with (
        Probe(broker.url, "fleet/1/+/cmd/+") as probe,
        NodeProcess(broker.url, "ada", name="Countess", groups=["blue"]),
        NodeProcess(broker.url, "ben"),
    ):
        dashboard.node("ada", called("Countess", "blue"), within=30)
        dashboard.node("ben", called("Ben"), within=30)  # who was told after her
        probe.settle()
        assert probe.seen("fleet/1/ada/cmd/+") == []


def test_who_is_revoked_or_not_on_the_roster_is_told_nothing(broker: Broker, dashboard: DashboardProcess) -> None:
    with (
        Probe(broker.url, "fleet/1/+/cmd/+") as probe,
        NodeProcess(broker.url, "eve"),
        NodeProcess(broker.url, "guest"),
        NodeProcess(broker.url, "ben"),
    ):
        dashboard.node("ben", called("Ben"), within=30)
        dashboard.node("eve", called("eve"), within=30)
        dashboard.node("guest", called("guest"), within=30)
        probe.settle()
        assert names_told(probe, "eve") == names_told(probe, "guest") == []


def test_who_was_here_before_the_roster_changed_is_told_as_well(
    broker: Broker, dashboard: DashboardProcess, roster: Path
) -> None:
    with NodeProcess(broker.url, "guest"):
        dashboard.node("guest", called("guest"), within=30)
        entry = {"id": "guest", "name": "Grace Hopper"}
        roster.write_text(json.dumps({"schema": 1, "base": "fleet", "nodes": [*ROSTER, entry]}))
        dashboard.node("guest", called("Grace Hopper"), within=30)
