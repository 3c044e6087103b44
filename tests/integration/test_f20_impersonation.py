"""F20: nobody acts as another. Every attempt of support/attempts.py on this machine's mosquitto, and a real dashboard.

The same list runs against the Docker image in tests/compose/test_faults_image.py.
"""

import json
from collections.abc import Iterator

import pytest

from fleet_schema import payloads, topics
from support import attacks, impersonation, tiers
from support.attempts import ATTEMPTS
from support.classroom import Classroom
from support.dashboard import DashboardProcess
from support.node import NodeProcess


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Classroom]:
    room = impersonation.classroom(tmp_path_factory.mktemp("accounts"))
    with room.broker():
        yield room


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=str)
def test_nobody_acts_as_another(classroom: Classroom, attempt: impersonation.Attempt) -> None:
    attempt.judge(classroom, f"mosquitto {tiers.mosquitto_version()}")


FORGED = {
    "status": {"state": "offline", "boot": "ffff", "conn": 99},
    "meta": {"schema": "1.1", "name": "Evil", "board": "unix", "period": 100, "sensors": {}, "commands": {}},
    "tele": {"v": {"temp": 99.9, "hum": 99.9}},
    "event": {"event_type": "press", "n": 999},
    "ack": {"id": "x", "cmd": "buzz", "st": "ok"},
}


def forgery(topic: str) -> bytes:
    """What a node might say on this topic, and nothing that a reader would refuse for its form."""
    kind = next((part for part in topic.split("/") if part in FORGED), "tele")
    envelope = {} if kind == "status" else {"boot": "ffff", "seq": 100_000, "up": 1_000_000}
    return json.dumps({**envelope, **FORGED[kind]}).encode()


def test_a_dashboard_takes_nothing_that_a_node_says_for_what_another_said(classroom: Classroom) -> None:
    with (
        DashboardProcess(classroom.url("dashboard")) as dashboard,
        NodeProcess(classroom.url("grace"), "grace", period=200, sensors=["sht4x"]),
        classroom.login("ada") as ada,
    ):
        dashboard.node("grace", lambda node: node["state"] == "online" and node["v"] and node["meta"], within=30)
        before = dashboard.node("grace")
        for template in attacks.FORBIDDEN_TOPICS:
            topic = attacks.named(template, "ada", "grace")
            for retain in (False, True):
                ada.publish(topic, forgery(topic), retain)
        own = {"boot": "0001", "seq": 0, "up": 100, "v": {"temp": 20.5}}
        ada.publish(topics.node_topic("fleet", "ada", "tele", "sht4x"), payloads.encode("tele", own))
        dashboard.node("ada", lambda node: node["v"] == {"sht4x": {"temp": 20.5}}, within=30)
        after = dashboard.node("grace", lambda node: node["last"] > before["last"], within=30)
        known = {node["id"] for node in dashboard.get("/api/snapshot")["nodes"]}
        stats = dashboard.get("/api/stats")
    for key in ("name", "state", "boot", "conn", "event", "meta"):
        assert after[key] == before[key], f"{key} of grace became {after[key]}"
    assert after["v"]["sht4x"]["temp"] < 90
    assert known == {"grace", "ada"}
    assert not stats["bad"], f"it reached the dashboard and was refused only there: {stats['bad']}"
