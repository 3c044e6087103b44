"""What happened, as a real fleet makes it happen: noted with its reason, kept over a restart, and played again."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_schema import payloads, topics
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess
from support.probe import Probe

WITHIN = 60.0


@pytest.fixture
def dashboard(broker: Broker) -> Iterator[DashboardProcess]:
    with DashboardProcess(broker.url, wait=False) as running:
        running.wait_until_ready(WITHIN)
        yield running


def happened(dashboard: DashboardProcess, accept: Callable[[dict[str, Any]], bool], query: str = "") -> dict[str, Any]:
    """The newest row that `accept` likes, as soon as there is one."""

    def liked(answer: dict[str, Any]) -> bool:
        return any(accept(row) for row in answer["happenings"])

    answer = dashboard.wait_for(f"/api/timeline?{query}", liked, WITHIN)
    return next(row for row in answer["happenings"] if accept(row))


def is_(kind: str, word: str, **more: Any) -> Callable[[dict[str, Any]], bool]:
    wanted = {"kind": kind, "word": word, **more}
    return lambda row: all(row[key] == value for key, value in wanted.items())


def alert(dashboard: DashboardProcess, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the row of an alert, what the page says to do about it), while it is open as well."""
    row = happened(dashboard, is_("alert", "raised", about=kind), "kind=alert")
    open_now = dashboard.get("/api/snapshot")["alerts"]
    assert [one["text"] for one in open_now if one["kind"] == kind] == [row["text"]]
    return row, dashboard.get("/api/timeline")["guide"][kind]


def test_a_node_that_is_killed_is_born_lost_and_born_again_with_the_reason(
    broker: Broker, dashboard: DashboardProcess
) -> None:
    with NodeProcess(broker.url, "ada", keepalive=2) as ada:
        born = happened(dashboard, is_("birth", "new", node="ada"), "node=ada")
        ada.kill()
        lost = happened(dashboard, is_("state", "lost"), "node=ada")
        assert "without a goodbye" in lost["text"]
        ada.start()
        again = happened(dashboard, is_("birth", "boot"), "node=ada")
        assert again["boot"] != born["boot"] == lost["boot"]
        assert born["t"] <= lost["t"] <= again["t"]
        ada.quit()
        assert happened(dashboard, is_("state", "offline"), "node=ada")["text"] == "said goodbye"
    assert "give it power" in dashboard.get("/api/timeline")["guide"]["lost"]["do"]


def test_two_nodes_with_one_id_are_an_alert_that_names_both_boots_and_says_how_to_tell_them_apart(
    broker: Broker, dashboard: DashboardProcess
) -> None:
    with NodeProcess(broker.url, "ada"), NodeProcess(broker.url, "ada"):
        row, guide = alert(dashboard, "duplicate-id")
        boots = {one["boot"] for one in dashboard.get("/api/timeline?node=ada")["happenings"] if one["boot"]}
    assert all(boot in row["text"] for boot in boots), (row, boots)
    assert len(boots) == 2
    assert "another id" in row["text"]
    assert "Press reset on one of the two" in guide["do"]


def test_a_retained_command_is_an_alert_that_names_its_topic(broker: Broker, dashboard: DashboardProcess) -> None:
    with Probe(broker.url, "fleet/1/_all/cmd/#") as probe:
        topic = topics.command_topic("fleet", "_all", "buzz")
        probe.publish(topic, b"300", retain=True)
        row, guide = alert(dashboard, "retained-command")
    assert topic in row["text"]
    assert "it was cleared" in row["text"]
    assert "leave `-r` (retain) out" in guide["do"]


def test_a_payload_that_breaks_the_contract_is_an_alert_with_the_rule(
    broker: Broker, dashboard: DashboardProcess, probe: Probe
) -> None:
    with NodeProcess(broker.url, "ada"):
        happened(dashboard, is_("birth", "new", node="ada"))
        probe.publish(topics.node_topic("fleet", "ada", "tele", "sht4x"), b'{"boot":"9f3a","seq":0,"up":0,"v":[]}')
        row, guide = alert(dashboard, "schema")
    assert row["node"] == "ada"
    assert "F-TELE-1" in row["text"] or "F-TELE-2" in row["text"], row["text"]
    assert "docs/topics.md" in guide["do"]


def test_a_command_is_noted_with_who_answered_and_streamed(broker: Broker, dashboard: DashboardProcess) -> None:
    with NodeProcess(broker.url, "ada"):
        dashboard.node("ada", lambda node: node["state"] == "online" and node["meta"], WITHIN)
        dashboard.post("/api/commands", {"target": "_all", "name": "buzz", "args": {"ms": 50}})
        row = happened(dashboard, is_("command", "sent", about="buzz"))
    assert (row["node"], row["text"]) == ("_all", "ms=50: 1 of 1 answered")


def test_a_restart_goes_on_with_the_list_and_says_that_the_dashboard_was_away(broker: Broker, tmp_path: Path) -> None:
    with NodeProcess(broker.url, "ada"), DashboardProcess(broker.url, data_dir=tmp_path, wait=False) as dashboard:
        dashboard.wait_until_ready(WITHIN)
        born = happened(dashboard, is_("birth", "new", node="ada"))
        dashboard.kill()
        dashboard.start(WITHIN)
        dashboard.node("ada", lambda node: node["state"] == "online", WITHIN)
        dashboard.stop(within=WITHIN)
        dashboard.start(WITHIN)
        dashboard.node("ada", lambda node: node["state"] == "online", WITHIN)
        rows = dashboard.get("/api/timeline")["happenings"]
        words = [row["word"] for row in rows[::-1] if row["kind"] == "host"]
        assert [row for row in rows if row["kind"] == "birth"] == [born], "it stayed online, which is nothing new"
    # The first one may have been killed before its row was on the disk, but not before ada's.
    assert words == ["started", "died", "started", "stopped", "started"]


def test_a_broker_that_goes_away_and_comes_back_is_noted(broker: Broker, dashboard: DashboardProcess) -> None:
    dashboard.wait_for("/api/health", lambda health: health.get("ok"), WITHIN)
    broker.stop()
    happened(dashboard, is_("host", "link-lost"))
    broker.start()
    happened(dashboard, is_("host", "link-back"))


def test_what_was_measured_is_replayed_at_the_time_at_which_it_was_measured(
    broker: Broker, dashboard: DashboardProcess, probe: Probe
) -> None:
    """Readings that come late are in their place, and the last value before the span is there at its beginning."""

    def say(kind: str, fields: dict[str, Any], name: str | None = None, retain: bool = False) -> None:
        probe.publish(topics.node_topic("fleet", "ada", kind, name), payloads.encode(kind, fields), retain=retain)

    say("status", {"state": "online", "boot": "9f3a", "conn": 1}, retain=True)
    for seq, up in ((3, 31_000), (0, 1000), (2, 21_000), (1, 11_000)):
        late = {"hist": 1} if seq < 3 else {}
        say("tele", {"boot": "9f3a", "seq": seq, "up": up, "v": {"temp": float(seq)}, **late}, "sht4x")
    dashboard.wait_for("/api/stats", lambda stats: stats["rows"] == 4, WITHIN)
    at = dashboard.node("ada")["t"]["sht4x"]
    found = dashboard.get(f"/api/replay?from={at - 15_000}&to={at + 1}&state=1")
    (ada,) = found["state"]["nodes"]
    assert (ada["id"], ada["v"], ada["t"]) == ("ada", {"sht4x": {"temp": 1.0}}, {"sht4x": at - 20_000})
    assert [[t - at, *rest] for t, *rest in found["values"]] == [
        *([-10_000, "ada", "sht4x", [2.0]], [0, "ada", "sht4x", [3.0]])
    ]
