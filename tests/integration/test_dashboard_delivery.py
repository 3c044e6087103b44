"""Every reading once, or it is known why not: the dashboard asks for holes, and says what a node may forget."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_schema import payloads, topics
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.probe import Probe, Seen

META = {
    "schema": "1.1",
    "name": "Ada",
    "board": "unix",
    "fw": "1.29.0",
    "app": "0.2.0",
    "period": 2000,
    "groups": [],
    "sensors": {"sht4x": {"temp": ["Cel", "temperature"]}},
    "inputs": {"button-a": ["press"]},
    "commands": {},
}
STORED = topics.host_topic("fleet", "stored", "ada")


class Node:
    """Says what a node would say, under numbers that the test chooses."""

    def __init__(self, probe: Probe, boot: str = "9f3a", node: str = "ada") -> None:
        self.probe, self.boot, self.node = probe, boot, node
        self.began = time.monotonic()

    def say(self, kind: str, seq: int, of: str | None = None, retain: bool = False, **fields: Any) -> None:
        up = int((time.monotonic() - self.began) * 1000)
        envelope = {"boot": self.boot, "seq": seq, "up": fields.pop("up", up)}
        topic = topics.node_topic("fleet", self.node, kind, of)
        qos = 0 if kind in ("health", "journal", "log") else 1
        self.probe.publish(topic, payloads.encode(kind, {**envelope, **fields}), qos, retain)

    def birth(self, seq: int = 0) -> None:
        topic = topics.node_topic("fleet", self.node, "status")
        status = {"state": "online", "boot": self.boot, "conn": 1}
        self.probe.publish(topic, payloads.encode("status", status), retain=True)
        self.say("meta", seq, retain=True, **META)

    def reading(self, *numbers: int, boot: str | None = None, **more: Any) -> None:
        for seq in numbers:
            fields = {"boot": boot or self.boot, **more, "v": {"temp": seq / 2}}
            self.say("tele", seq, "sht4x", **fields)

    def journal(self, seq: int, *rows: tuple[str, int, int, int], more: bool = False) -> None:
        self.say("journal", seq, kept=[list(row) for row in rows], **({"more": 1} if more else {}))

    def told(self, seq: int, boot: str | None = None, within: float = 20.0) -> Seen:
        """Wait until the host says that everything below `seq` is settled."""

        def fits(seen: Seen) -> bool:
            fields = seen.json()
            return fields["boot"] == (boot or self.boot) and fields["seq"] == seq

        return self.probe.expect(STORED, fits, within)

    def asked(self, miss: list[list[int]], boot: str | None = None, since: int = 0) -> Seen:
        def fits(seen: Seen) -> bool:
            return seen.json()["boot"] == (boot or self.boot) and seen.json().get("miss") == miss

        return self.probe.expect(STORED, fits, 20, since)


@pytest.fixture
def dashboard(broker: Broker) -> Iterator[DashboardProcess]:
    with DashboardProcess(broker.url) as running:
        yield running


@pytest.fixture
def ada(probe: Probe) -> Node:
    return Node(probe)


def numbers(data: Path, boot: str = "9f3a") -> list[int]:
    """Of the readings of a boot that another program finds in the database."""
    with contextlib.closing(sqlite3.connect(data / "fleet.db")) as database:
        rows = database.execute("SELECT seq FROM reading WHERE boot = ? ORDER BY seq", (boot,))
        return [row[0] for row in rows]


def account(dashboard: DashboardProcess, accept: Any = bool, boot: str = "9f3a", check: bool = True) -> dict[str, Any]:
    """What the dashboard says became of the readings of a boot, as soon as `accept` likes it."""
    found: dict[str, Any] = {}

    def liked(answer: Any) -> bool:
        for node in answer["nodes"]:
            for one in node["boots"]:
                if one["boot"] == boot:
                    found.update(one)
                    return bool(accept(one))
        return False

    dashboard.wait_for("/api/delivery", liked, within=20)
    sums = sum(found[key] for key in ("stored", "missing", "dropped", "gone", "before"))
    assert not check or found["taken"] == sums
    return found


def test_a_hole_is_asked_for_and_filled_and_then_all_is_settled(
    dashboard: DashboardProcess, ada: Node, probe: Probe
) -> None:
    ada.birth()
    ada.journal(0, ("9f3a", 0, 0, 0))
    ada.reading(0, 1, 4, 5)
    ada.told(2)
    assert account(dashboard, lambda one: one["stored"] == 4)["ranges"] == [[2, 3]]
    ada.asked([[2, 3]])
    ada.reading(2, 3, hist=1)
    ada.told(6)
    assert numbers(dashboard.data_dir) == [0, 1, 2, 3, 4, 5]
    assert account(dashboard)["missing"] == 0


def test_what_the_node_has_no_more_is_gone_and_what_it_dropped_is_told_apart(
    dashboard: DashboardProcess, ada: Node
) -> None:
    ada.birth()
    ada.reading(0, 1, 9)
    ada.journal(10, ("9f3a", 6, 10, 3))
    ada.asked([[6, 8]])
    book = account(dashboard, lambda one: one["gone"] or one["dropped"])
    assert (book["dropped"], book["gone"], book["missing"], book["ranges"]) == (3, 1, 3, [[6, 8]])
    ada.reading(6, 7, 8, hist=1)
    ada.told(10)
    assert dashboard.node("ada")["counts"]["gone"] == 1
    ada.reading(3, hist=1)  # after all: it was on its way through the broker
    book = account(dashboard, lambda one: one["stored"] == 7)
    assert (book["dropped"], book["gone"]) == (2, 1)


def test_earlier_boots_are_asked_for_the_oldest_first_and_all_are_answered(
    dashboard: DashboardProcess, ada: Node, probe: Probe
) -> None:
    ada.birth()
    ada.reading(0)
    ada.journal(1, ("9f38", 0, 40, 0), ("9f39", 5, 7, 0), ("9f3a", 0, 1, 0))
    first = ada.asked([[0, 31]], boot="9f38")
    for name in ("9f39", "9f3a"):
        probe.expect(STORED, lambda seen, name=name: seen.json()["boot"] == name)  # type: ignore[misc]
    ada.reading(*range(32), boot="9f38", hist=1, up=1000)
    ada.asked([[32, 39]], boot="9f38")
    ada.reading(*range(32, 40), boot="9f38", hist=1, up=2000)
    assert ada.asked([[5, 6]], boot="9f39").at > first.at
    ada.reading(5, 6, boot="9f39", hist=1, up=100)
    for name, top in (("9f38", 40), ("9f39", 7), ("9f3a", 1)):
        ada.told(top, name, within=20)
    assert account(dashboard, boot="9f39")["before"] == 5, "an earlier host had those"
    assert not account(dashboard, boot="9f38")["timed"]


@pytest.mark.rule("F-SEQ-2")
def test_what_comes_twice_is_stored_once_and_counted(dashboard: DashboardProcess, ada: Node) -> None:
    ada.birth()
    ada.reading(0, 1, 2, 1, 1)
    ada.reading(0, hist=1)
    book = account(dashboard, lambda one: one["twice"] == 3)
    assert (book["stored"], book["missing"], numbers(dashboard.data_dir)) == (3, 0, [0, 1, 2])
    stats = dashboard.get("/api/stats")
    bad = sum(stats["bad"].values())
    assert stats["messages"] == stats["kept"] + stats["duplicates"] + stats["ignored"] + bad


def test_a_dashboard_that_starts_in_between_asks_for_what_the_one_before_was_missing(
    broker: Broker, ada: Node, probe: Probe, tmp_path: Path
) -> None:
    with DashboardProcess(broker.url, data_dir=tmp_path) as dashboard:
        ada.birth()
        ada.reading(0, 1, 5, boot="9f39")
        ada.reading(0, 3)
        account(dashboard, lambda one: one["missing"] == 2)
        dashboard.kill()
        ada.reading(4)  # the broker keeps it
        dashboard.start()
        mark = probe.mark()
        ada.journal(5, ("9f39", 2, 5, 0), ("9f3a", 0, 5, 0))
        ada.asked([[2, 4]], "9f39", mark)
        ada.reading(2, 3, 4, boot="9f39", hist=1)
        ada.asked([[1, 2]], since=mark)
        ada.reading(1, 2, hist=1)
        ada.told(5)
        ada.told(6, "9f39")
        book = account(dashboard, lambda one: one["missing"] == 0)
        assert book["twice"] <= 2, "0 and 3 come again, if they were stored and not yet acknowledged when it was killed"
    assert (numbers(tmp_path, "9f39"), numbers(tmp_path)) == ([*range(6)], [*range(5)])


def test_an_empty_database_takes_what_came_before_it_for_that_and_not_for_lost(
    dashboard: DashboardProcess, ada: Node
) -> None:
    ada.birth(seq=1000)
    ada.reading(1000)
    ada.journal(1001, ("9f3a", 998, 1001, 0))
    ada.asked([[998, 999]])
    ada.reading(998, 999, hist=1)
    ada.told(1001)
    book = account(dashboard)
    assert (book["taken"], book["stored"], book["before"], book["gone"]) == (1001, 3, 998, 0)


@pytest.mark.rule("F-SEQ-4")
def test_what_was_told_as_settled_survives_kill_9_at_any_moment(broker: Broker, tmp_path: Path) -> None:
    """The node forgets what it was told; the database of a host that was killed has it."""
    dashboard = DashboardProcess(broker.url, data_dir=tmp_path)
    with Probe(broker.url) as probe, dashboard:
        ada = Node(probe)
        ada.birth()
        seq = 0
        for round_ in range(6):
            deadline = time.monotonic() + 1.1 + 0.07 * round_
            while time.monotonic() < deadline:
                ada.reading(seq)
                seq += 1
            dashboard.kill()
            told = max([one.json()["seq"] for one in probe.seen(STORED) if one.payload], default=0)
            stored = set(numbers(tmp_path))
            assert set(range(told)) <= stored, "told that it is settled, but it is not there"
            dashboard.start()
            ada.journal(seq, ("9f3a", told, seq, 0))
        assert told > 0, "nothing was ever settled"
        account(dashboard, lambda one: one["stored"] == seq)
        assert numbers(tmp_path) == list(range(seq))


def test_a_node_of_contract_1_0_is_stored_and_never_told_anything(
    dashboard: DashboardProcess, ada: Node, probe: Probe
) -> None:
    ada.say("meta", 0, retain=True, **META | {"schema": "1.0"})
    ada.reading(1)
    ada.say("health", 2, mem=1)
    ada.reading(3)
    book = account(dashboard, lambda one: one["stored"] == 2 and not one["counted"], check=False)
    assert book["boot"] == "9f3a"
    assert dashboard.node("ada")["counts"]["missing"] == 0
    ada.say("health", 4, mem=1)
    dashboard.node("ada", lambda node: node["counts"]["received"] == 5)
    assert probe.seen(STORED) == []


def test_a_broker_that_is_frozen_or_gone_never_stops_the_telling_for_good(
    dashboard: DashboardProcess, broker: Broker, ada: Node, probe: Probe
) -> None:
    ada.birth()
    ada.reading(0)
    ada.told(1)
    broker.stop()
    dashboard.wait_for("/api/snapshot", lambda snapshot: not snapshot["broker"]["connected"])
    broker.start()
    dashboard.wait_for("/api/snapshot", lambda snapshot: snapshot["broker"]["connected"], within=20)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not any(one.json()["seq"] == 3 for one in probe.seen(STORED)):
        with contextlib.suppress(RuntimeError, ValueError):
            ada.reading(1, 2)
            ada.journal(3, ("9f3a", 1, 3, 0))
        time.sleep(0.5)
    ada.told(3)
