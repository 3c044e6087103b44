"""Real nodes on the dashboard: from the simulated I2C bus to the HTTP API."""

from collections.abc import Iterator

import pytest

from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess


@pytest.fixture
def dashboard(broker: Broker) -> Iterator[DashboardProcess]:
    with DashboardProcess(broker.url) as running:
        yield running


def test_what_the_sensor_measures_is_on_the_page_and_in_the_history(
    broker: Broker, dashboard: DashboardProcess
) -> None:
    with NodeProcess(broker.url, "ada") as ada:
        ada.world("set temp 31.5")
        node = dashboard.node("ada", lambda node: abs(node["v"].get("sht4x", {}).get("temp", 0) - 31.5) < 0.2)
        assert (node["state"], node["counts"]["missing"], node["counts"]["bad"]) == ("online", 0, 0)
        assert node["lag_ms"] < 1000
        dashboard.wait_for("/api/nodes/ada/series?sensor=sht4x", lambda series: len(series["t"]) > 3)
        board = dashboard.wait_for(
            "/api/snapshot",
            lambda snapshot: any(board["top"] for board in snapshot["boards"] if board["unit"] == "Cel"),
        )["boards"]
        assert next(board for board in board if board["name"] == "warmest")["top"][0][0] == "ada"


def test_a_press_is_an_event_and_a_point(broker: Broker, dashboard: DashboardProcess) -> None:
    with NodeProcess(broker.url, "ada") as ada:
        dashboard.node("ada", lambda node: node["state"] == "online")
        ada.world("tap button-a")
        node = dashboard.wait_for("/api/nodes/ada", lambda node: node.get("events"))
        assert node["events"][-1]["type"] == "press"
        boards = dashboard.wait_for("/api/snapshot", lambda snapshot: snapshot["boards"][0]["top"])["boards"]
        assert boards[0]["top"] == [["ada", node["name"], 1]]


def test_every_node_answers_a_command_from_the_page(broker: Broker, dashboard: DashboardProcess) -> None:
    with NodeProcess(broker.url, "ada"), NodeProcess(broker.url, "bob"):
        dashboard.wait_for(
            "/api/snapshot",
            lambda snapshot: [node["state"] for node in snapshot["nodes"] if node["meta"]] == ["online"] * 2,
        )
        status, answer = dashboard.post("/api/commands", {"target": "_all", "name": "echo", "args": {"text": "hi"}})
        assert (status, answer["expected"]) == (202, ["ada", "bob"])
        call = dashboard.wait_for(f"/api/commands/{answer['id']}", lambda call: call["done"])
        assert [(row["st"], row["re"]) for row in call["rows"]] == [("done", "hi")] * 2
        assert all(row["ms"] < 2000 for row in call["rows"])


def test_a_node_that_is_killed_is_lost_and_one_that_leaves_said_goodbye(
    broker: Broker, dashboard: DashboardProcess
) -> None:
    with NodeProcess(broker.url, "ada") as ada, NodeProcess(broker.url, "bob") as bob:
        for name in ("ada", "bob"):
            dashboard.node(name, lambda node: node["state"] == "online")
        ada.kill()
        dashboard.node("ada", lambda node: node["state"] == "lost", within=20)
        bob.quit()
        dashboard.node("bob", lambda node: node["state"] == "offline")


def test_nothing_is_lost_when_the_broker_is_killed_under_a_node(broker: Broker, dashboard: DashboardProcess) -> None:
    with NodeProcess(broker.url, "ada"):
        dashboard.node("ada", lambda node: node["counts"]["received"] > 5)
        broker.kill()
        dashboard.wait_for("/api/snapshot", lambda snapshot: not snapshot["broker"]["connected"])
        broker.start()
        before = dashboard.get("/api/stats")["rows"]
        dashboard.wait_for("/api/stats", lambda stats: stats["rows"] > before + 10, within=30)
        node = dashboard.node("ada", lambda node: node["state"] == "online" and not node["counts"]["missing"])
        assert (node["counts"]["gone"], node["counts"]["dropped"]) == (0, 0)
        assert node["counts"]["bad"] == 0
