"""What a teacher is told, and that it ends when its cause does."""

from collections import Counter

from fleet_dashboard.alerts import FADE_MS, MAX_ALERTS, Alerts
from fleet_dashboard.announce import alert_payload, board_payload, last_payload
from fleet_dashboard.culprits import Culprit
from fleet_dashboard.nodes import Node
from fleet_schema import payloads, topics


def node(name: str = "ada") -> Node:
    made = Node(name, 1, 0)
    made.presence.status({"state": "online", "boot": "aaaa", "conn": 1}, 1000)
    return made


def test_a_silent_node_is_told_once_and_ends_when_it_speaks() -> None:
    alerts, ada = Alerts(), node()
    ada.presence.tick(100_000, 2000, 0)
    for now in (100_000, 101_000):
        alerts.judge_node(ada, now, now)
    changes = alerts.take_changes()
    assert changes["silent-ada"] is not None
    assert alerts.take_changes() == {}
    ada.presence.heard(102_000)
    alerts.judge_node(ada, 102_000, 0)
    assert alerts.take_changes() == {"silent-ada": None}


def test_two_boards_with_one_id_are_told_and_one_restart_is_not() -> None:
    alerts, ada = Alerts(), node()
    for now, boot in ((2000, "bbbb"), (3000, "aaaa")):
        ada.presence.claim(boot, now)
        alerts.judge_node(ada, now, now)
    assert alerts.view() == []
    ada.presence.claim("bbbb", 4000)
    alerts.judge_node(ada, 4000, 4000)
    assert [alert["kind"] for alert in alerts.view()] == ["duplicate-id"]


def test_broken_rules_are_told_with_the_worst_ones_and_fade() -> None:
    alerts = Alerts()
    culprit = Culprit(Counter({"F-TELE-2": 5, "F-ENV-1": 1}), "F-ENV-1: boot is 4 lower-case hex digits", 1000)
    alerts.judge_culprit("ada", culprit, 1000, 1)
    assert "F-TELE-2 x 5" in alerts.view()[0]["text"]
    alerts.fade(999 + FADE_MS)
    assert alerts.active
    alerts.fade(1000 + FADE_MS)
    assert alerts.take_changes() == {"schema-ada": None}


def test_alerts_are_bounded_and_go_with_their_node() -> None:
    alerts = Alerts()
    for number in range(2 * MAX_ALERTS):
        alerts.tell("silent", f"n-{number}", "text", number)
    assert len(alerts.active) == MAX_ALERTS
    alerts.forget("n-0")
    assert "silent-n-0" not in alerts.active


def test_every_alert_has_a_legal_topic() -> None:
    alerts = Alerts()
    for kind in ("silent", "schema", "duplicate-id", "retained-command"):
        for who in ("n" * 20, "_all", "_" + "g" * 16):
            alerts.tell(kind, who, "text", 1)
    alerts.tell("store", "", "the disk is full", 1)
    assert len(alerts.active) == 13
    for name in alerts.active:
        topics.parse("fleet", topics.host_topic("fleet", "alert", name))


def test_what_the_host_says_keeps_the_contract() -> None:
    alert = {"id": "silent-ada", "ts": 5, "kind": "silent", "node": "", "text": "Zoë " * 100}
    assert payloads.decode("host_alert", alert_payload(alert))["node"] is None
    board = {"title": "T", "unit": "Cel", "top": [[f"n-{place}", "\U0001f600" * 32, 1.5] for place in range(10)]}
    assert 3 <= len(payloads.decode("host_board", board_payload(board))["top"]) < 10
    ada = node()
    ada.values, ada.times = {"sht4x": {"temp": 1.5, "hum": None}}, {"sht4x": 77}
    last = payloads.decode("host_last", last_payload(ada, 2000, 0))
    assert last == {"ts": 77, "boot": "aaaa", "v": {"sht4x": {"temp": 1.5, "hum": None}}, "q": "stale"}
    ada.presence.heard(2000)
    assert payloads.decode("host_last", last_payload(ada, 2000, 0))["q"] == "good"
