"""The roll puts together what others know: roster, registry, floods, broken rules; and who has trouble comes first."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fleet_client import Message
from fleet_dashboard.alerts import Alerts
from fleet_dashboard.clock import WallClock
from fleet_dashboard.ingest import Ingest
from fleet_dashboard.ledger import Ledger
from fleet_dashboard.nodes import Registry
from fleet_dashboard.queries import Condition
from fleet_dashboard.roll import Roll
from fleet_dashboard.roster import Roster
from fleet_dashboard.store import Store
from fleet_schema import payloads, topics


class Nobody:
    """A listener that does not listen."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


class Class:
    """An ingest with its roll, and a clock that is set by hand."""

    def __init__(self, store: Store, roster: Path) -> None:
        self.now = 1_000_000
        self.clock = WallClock(lambda: 1_800_000_000_000 + self.now, lambda: self.now)
        self.registry, self.alerts, self.condition = Registry(), Alerts(), Condition(linked_since=1)
        ledger = Ledger(store, self.clock)
        self.ingest = Ingest("fleet", store, self.registry, ledger, self.clock, Nobody())
        self.roll = Roll(Roster(roster), self.registry, self.ingest, self.alerts, self.clock, self.condition)
        self.roll.roster.refresh()

    def says(self, node: str, kind: str, fields: dict[str, Any], name: str | None = None) -> None:
        payload = payloads.encode(kind, fields)
        topic = topics.node_topic("fleet", node, kind, name)
        self.ingest.take([Message(topic, payload, 1, False, False, 0, arrived=self.now)])

    def here(self, node: str, seq: int = 0) -> None:
        self.says(node, "status", {"state": "online", "boot": "0001", "conn": 1})
        meta = {"schema": "1.2", "name": node.title(), "board": "unix", "app": "1.0", "period": 1000}
        self.says(node, "meta", {"boot": "0001", "seq": seq, "up": self.now - 900_000, **meta})
        self.reads(node, seq)

    def reads(self, node: str, seq: int) -> None:
        self.says(node, "tele", {"boot": "0001", "seq": seq, "up": self.now - 900_000, "v": {"temp": 1.5}}, "sht4x")

    def rows(self) -> list[tuple[str, str, str]]:
        """(id, state, kind) after so long that nothing is answered from memory."""
        self.now += 600
        return [(row["id"], row["state"], row["kind"]) for row in self.roll.view()["nodes"]]


@pytest.fixture
async def school(tmp_path: Path) -> AsyncIterator[Class]:
    path = tmp_path / "class.json"
    nodes = [{"id": "n-10", "name": "Ten"}, {"id": "n-2", "name": "Two"}, {"id": "gone", "revoked": True}]
    path.write_text(json.dumps({"nodes": nodes}))
    store = Store(tmp_path / "fleet.db")
    await store.open()
    yield Class(store, path)
    await store.close()


async def test_who_was_never_seen_comes_first_and_in_the_order_of_people(school: Class) -> None:
    assert school.rows() == [("n-2", "never", "never"), ("n-10", "never", "never"), ("gone", "never", "revoked")]
    view = school.roll.view()
    assert view["headline"] == "0 of 2 fine, 2 need you"
    assert [row["name"] for row in view["nodes"]] == ["Two", "Ten", "gone"]
    school.here("n-2")
    assert school.rows()[0] == ("n-10", "never", "never")
    assert school.rows()[1] == ("n-2", "online", "fine")


async def test_a_program_made_by_hand_is_told_what_it_lacks_from_its_first_reading(school: Class) -> None:
    school.reads("n-2", 0)
    assert ("n-2", "online", "no-hello") in school.rows()
    school.here("n-2", 1)
    assert ("n-2", "online", "fine") in school.rows()


async def test_readings_are_missed_only_after_a_while_and_no_more_when_they_came(school: Class) -> None:
    school.here("n-2")
    school.reads("n-2", 5)
    for _ in range(20):
        assert ("n-2", "online", "fine") in school.rows()
        school.roll.second(school.now)
        school.now += 400
    school.now += 30_000
    school.reads("n-2", 6)
    assert ("n-2", "online", "missing") in school.rows()
    for seq in range(1, 5):
        school.reads("n-2", seq)
    school.roll.second(school.now)
    assert ("n-2", "online", "fine") in school.rows()


async def test_who_only_breaks_rules_is_on_the_roll_though_it_is_no_node(school: Class) -> None:
    bad = Message("fleet/1/eve/tele/sht4x", b"21.5", 1, False, False, 0, arrived=school.now)
    school.ingest.take([bad])
    assert ("eve", "never", "schema") in school.rows()
    school.now += 61_000
    assert "eve" not in [name for name, _, _ in school.rows()]


async def test_what_concerns_nobody_alone_is_a_note_and_a_lost_broker_is_said(school: Class) -> None:
    school.alerts.tell("store", "", "the disk is full", 1)
    school.condition.linked_since = None
    school.now += 600
    view = school.roll.view()
    assert view["notes"] == ["the disk is full"]
    assert view["connected"] is False
