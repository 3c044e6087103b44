"""Accounts and rows are one: what is counted is in the database, once, also after any restart and under any name."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fleet_client import Message
from fleet_dashboard.boot import Boot
from fleet_dashboard.clock import WallClock
from fleet_dashboard.ingest import Ingest
from fleet_dashboard.ledger import EARLY_MS, Ledger
from fleet_dashboard.nodes import MAX_BOOTS, Node, Registry
from fleet_dashboard.store import Store, StoreError
from fleet_dashboard.tally import Event
from fleet_schema import payloads, topics


class Host:
    """Ingest, ledger and store as the service puts them together, with clocks that are set by hand."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_000_000
        self.utc0 = time.time_ns() // 1_000_000 - self.now  # what was not seen for a day is not restored
        self.path = folder / "fleet.db"

    async def start(self) -> None:
        """A process; after `stop` or without, then as after kill -9."""
        self.store = Store(self.path)
        self.registry = Registry()
        self.clock = WallClock(lambda: self.utc0 + self.now, lambda: self.now)
        self.ledger = Ledger(self.store, self.clock)
        self.ingest = Ingest("fleet", self.store, self.registry, self.ledger, self.clock, self)
        for known in await self.store.open():
            self.ledger.restore(self.registry, known)

    async def stop(self) -> None:
        self.ledger.settle(self.registry.nodes.values())
        await self.store.close()

    def event(self, node: Node, event: dict[str, Any]) -> None: ...
    def scored(self, node: Node, boot: Boot, event: Event) -> None: ...
    def acked(self, node: Node, boot: Boot, up: int, name: str | None, state: str) -> None: ...
    def meta_changed(self, node: Node) -> None: ...
    def command_seen(self, target: str, name: str, payload: bytes) -> None: ...
    def speaks_though_gone(self, node: Node) -> None: ...
    def host_document(self, kind: str, name: str | None, payload: bytes) -> None: ...
    def forgotten(self, node: Node) -> None: ...

    def say(self, kind: str, fields: dict[str, Any], name: str | None = None, retain: bool = False) -> None:
        topic = topics.node_topic("fleet", "ada", kind, name)
        message = Message(topic, payloads.encode(kind, fields), 1, retain, False, self.utc0 + self.now, 0, 0, self.now)
        self.ingest.take([message])

    def readings(self, boot: str, *numbers: int, up: int | None = None, **more: Any) -> None:
        for seq in numbers:
            taken = self.now - 900_000 if up is None else up + 1000 * seq
            self.say("tele", {"boot": boot, "seq": seq, "up": taken, **more, "v": {"temp": seq / 2}}, "sht4x")

    def journal(self, boot: str, seq: int, *rows: tuple[str, int, int, int], up: int | None = None) -> None:
        envelope = {"boot": boot, "seq": seq, "up": self.now - 900_000 if up is None else up}
        self.say("journal", {**envelope, "kept": [list(row) for row in rows]})

    @property
    def ada(self) -> Node:
        return self.registry.nodes["ada"]

    async def books(self) -> dict[str, dict[str, Any]]:
        """{boot: what the API says of it}."""
        found = (await self.store.delivery("ada")).get("ada", [])
        for one in found:
            sums = sum(one[key] for key in ("stored", "missing", "dropped", "gone", "before"))
            assert one["taken"] == sums or not one["counted"]
        return {one["boot"]: one for one in found}

    async def times(self) -> list[int]:
        series = await self.store.series("ada", "sht4x", 0, self.utc0 * 2, 5000)
        return [int(ts) for ts in series["t"]]


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    host = Host(tmp_path)
    await host.start()
    yield host
    await host.store.close()


def boots_in(path: Path) -> list[tuple[str, int]]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT boot, next_seq FROM boot ORDER BY id").fetchall()


async def test_an_account_is_written_with_the_rows_that_it_counts(host: Host) -> None:
    host.readings("000a", 0, 1, 5)
    assert await host.books() == {}
    await host.store.commit()
    book = (await host.books())["000a"]
    assert (book["taken"], book["stored"], book["missing"], book["ranges"]) == (6, 3, 3, [[2, 4]])
    host.readings("000a", 3)
    assert (await host.books())["000a"]["stored"] == 3
    await host.store.commit()
    assert (await host.books())["000a"]["ranges"] == [[2, 2], [4, 4]]


async def test_a_commit_that_fails_loses_neither_rows_nor_their_account(host: Host) -> None:
    host.readings("000a", 0, 1)
    with contextlib.closing(sqlite3.connect(host.path, isolation_level=None)) as other:
        other.execute("ALTER TABLE sample RENAME TO away")
        for seq in (3, 4):
            with pytest.raises(StoreError):
                await host.store.commit(durable=True)
            assert host.ada.boots["000a"].account.tellable == 0
            host.readings("000a", seq)
        other.execute("ALTER TABLE away RENAME TO sample")
    await host.store.commit(durable=True)
    book = (await host.books())["000a"]
    assert (book["taken"], book["stored"], book["ranges"]) == (5, 4, [[2, 2]])
    assert host.ada.boots["000a"].account.tellable == 2


@pytest.mark.rule("F-SEQ-4")
async def test_only_a_durable_commit_settles_and_only_what_was_in_it(host: Host) -> None:
    host.readings("000a", 0, 1)
    account = host.ada.boots["000a"].account
    await host.store.commit()
    assert account.tellable == 0
    writing = asyncio.ensure_future(host.store.commit(durable=True))
    await asyncio.sleep(0)
    host.readings("000a", 2)  # too late for this one
    await writing
    assert (account.tellable, account.lowest) == (2, 3)
    await host.store.commit()
    assert account.tellable == 2
    await host.store.commit(durable=True)
    assert account.tellable == 3
    assert not host.ledger.unsettled


async def test_a_restart_goes_on_with_the_same_account_and_all_of_it_is_settled(host: Host) -> None:
    host.say("meta", META | {"boot": "000a", "seq": 0, "up": 1}, retain=True)
    host.readings("000a", 0, 1, 5, 5)
    host.journal("000a", 6, ("000a", 3, 6, 1))
    await host.stop()
    again = Host(host.path.parent)
    await again.start()
    before = (await again.books())["000a"]
    assert (before["missing"], before["dropped"], before["twice"], before["counted"]) == (2, 1, 1, True)
    account = again.ada.boots["000a"].account
    assert (account.tellable, list(account.missing)) == (3, [(3, 4)])
    again.readings("000a", 5, 3)
    await again.store.commit()
    book = (await again.books())["000a"]
    assert (book["stored"], book["twice"], book["ranges"]) == (4, 2, [[4, 4]])
    await again.stop()


@pytest.mark.rule("F-SEQ-2")
async def test_boots_that_left_memory_come_back_with_their_account_and_never_as_a_second_row(host: Host) -> None:
    names = [f"{number:04x}" for number in range(3 * MAX_BOOTS)]
    for committed in (False, True):
        for name in names:
            host.readings(name, 0, 2)
        if committed:
            await host.store.commit()
    for name in names:
        host.readings(name, 0, 1, 2, hist=1)
    host.ledger.trim(host.ada)
    await host.store.commit()
    assert boots_in(host.path) == [(name, 3) for name in names]
    assert len(host.ada.boots) == MAX_BOOTS
    assert {book["twice"] for book in (await host.books()).values()} == {4}
    assert host.ada.view(0)["counts"]["missing"] == 0


async def test_boots_of_long_ago_are_found_again_and_settled_by_a_journal(host: Host) -> None:
    names = [f"{number:04x}" for number in range(5 * MAX_BOOTS)]
    for name in names:
        host.readings(name, 0, 2)
    await host.stop()
    again = Host(host.path.parent)
    await again.start()
    assert again.ada.view(0)["counts"]["missing"] == len(names)
    again.now += 60_000
    for _ in range(2):  # 64 at a time
        again.journal("ffff", 0, (names[3], 1, 2, 0), ("ffff", 0, 0, 0))
        await again.store.commit()
    counts = again.ada.view(0)["counts"]
    assert (counts["missing"], counts["gone"]) == (1, len(names) - 1)
    assert len(again.ada.boots) <= MAX_BOOTS
    await again.stop()


async def test_with_two_boards_of_one_name_neither_gives_up_what_the_other_has(host: Host) -> None:
    for _ in range(3):
        for name in ("000a", "000b"):
            account = host.ada.boots[name].account if "ada" in host.registry.nodes and name in host.ada.boots else None
            host.readings(name, (account.next if account else 0) + 1)
            host.now += 1000
    host.now += 50_000
    host.journal("000b", 6, ("000b", 0, 6, 0))
    assert host.ada.boots["000a"].account.missing.count == 3


async def test_a_node_that_was_forgotten_comes_back_with_its_account(host: Host) -> None:
    host.readings("000a", 0, 2)
    for kind in ("status", "meta"):
        host.ingest.take([Message(topics.node_topic("fleet", "ada", kind), b"", 1, False, False, 0)])
    assert "ada" not in host.registry.nodes
    host.readings("000a", 1, 2)
    assert host.ingest.duplicates == 1
    await host.store.commit()
    assert boots_in(host.path) == [("000a", 3)]


async def test_a_database_that_does_not_answer_costs_a_message_and_not_the_service(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.readings("000a", 0)

    def broken(*_: object) -> None:
        raise StoreError("the database cannot be read")

    with monkeypatch.context() as patch:
        patch.setattr(host.store, "find_boot", broken)
        host.readings("000b", 0)
    host.readings("000b", 0, 1)
    assert (host.ingest.ignored, host.ingest.kept) == (1, 3)


META = {
    "schema": "1.1",
    "name": "Ada",
    "board": "unix",
    "fw": "1",
    "app": "1",
    "period": 2000,
    "sensors": {},
    "inputs": {},
    "commands": {},
}


async def test_a_node_of_contract_1_0_is_stored_but_not_judged(host: Host) -> None:
    host.say("meta", META | {"schema": "1.0", "boot": "000a", "seq": 0, "up": 1}, retain=True)
    for seq in range(1, 3000, 2):  # its health takes every second number
        host.readings("000a", seq)
    await host.store.commit()
    book = (await host.books())["000a"]
    assert (book["counted"], book["stored"]) == (False, 1500)
    assert (host.ada.view(0)["counts"]["missing"], host.ada.boots["000a"].account.tellable) == (0, 0)
    host.readings("000a", 1, 3)
    assert host.ingest.duplicates == 2


async def test_a_bad_reading_does_not_keep_those_behind_it_from_being_settled(host: Host) -> None:
    host.readings("000a", 0)
    bad = b'{"boot":"000a","seq":1,"up":5,"v":{"temp":"hot"}}'
    host.ingest.take([Message(topics.node_topic("fleet", "ada", "tele", "sht4x"), bad, 1, False, False, 0)])
    host.readings("000a", 2)
    await host.store.commit(durable=True)
    book = (await host.books())["000a"]
    assert (book["stored"], book["gone"], host.ada.boots["000a"].account.tellable) == (2, 1, 3)


# -- times ---------------------------------------------------------------------------------------------------------


async def test_boots_that_were_never_heard_live_are_placed_before_the_next_one(host: Host) -> None:
    """The node was on three times while nobody listened; its journal gives the order."""
    host.now = 5_000_000
    host.readings("000c", 0, up=300_000)
    began = host.utc0 + host.now - 300_000
    host.journal("000c", 1, ("000a", 0, 3, 0), ("000b", 0, 3, 0), ("000c", 0, 1, 0), up=300_000)
    for name in ("000a", "000b"):
        host.readings(name, 0, 1, 2, up=50_000, hist=1)
    for _ in range(5):
        host.now += 1000
        host.ledger.settle([host.ada])
        await host.store.commit()
    assert await host.times() == [
        *(began - 52_000 - 2000 + 1000 * seq for seq in range(3)),
        *(began - 2000 + 1000 * seq for seq in range(3)),
        began + 300_000,
    ]
    books = await host.books()
    assert [(name, book["timed"]) for name, book in books.items()] == [
        ("000c", True),
        ("000b", False),
        ("000a", False),
    ]
    assert host.ada.view(host.clock.step)["t"]["sht4x"] == began + 300_000
    assert host.ada.values["sht4x"] == {"temp": 0.0}


async def test_an_earlier_boots_readings_never_replace_what_the_present_one_says(host: Host) -> None:
    host.readings("000a", 0)
    host.now += 1000
    host.readings("000b", 7)
    host.now += 1000
    host.readings("000a", 5, hist=1)
    assert host.ada.values["sht4x"] == {"temp": 3.5}
    host.readings("000b", 6, hist=1)
    assert host.ada.values["sht4x"] == {"temp": 3.5}, "within a boot the numbers decide"
    host.readings("000b", 8)
    assert host.ada.values["sht4x"] == {"temp": 4.0}


@pytest.mark.parametrize("by_ms", [3_600_000, -3_600_000, 315_360_000_000, -315_360_000_000])
async def test_when_the_hosts_clock_is_set_what_is_shown_moves_with_it(host: Host, by_ms: int) -> None:
    host.now += 2 * EARLY_MS
    host.readings("000a", 0, up=200_000)
    before = host.ada.view(host.clock.step)["t"]["sht4x"]
    host.utc0 += by_ms
    host.now += 1000
    host.readings("000a", 1, up=200_000)
    assert host.clock.take_jump() == by_ms
    assert host.clock.take_jump() == 0
    view = host.ada.view(host.clock.step)
    assert (view["t"]["sht4x"], view["lag_ms"]) == (before + by_ms + 1000, 0)
    assert host.ada.values["sht4x"] == {"temp": 0.5}
    assert host.ada.boots["000a"].clock.offset == host.now - 201_000, "the estimate knows nothing of UTC"


async def test_a_host_without_a_clock_that_finds_the_time_places_its_first_rows_again(host: Host) -> None:
    right, host.utc0 = host.utc0, 946_684_800_000 - host.now  # 2000-01-01
    host.clock.refresh()
    host.readings("000a", 0, 1, up=200_000)
    await host.store.commit()
    began = host.now - 200_000
    host.utc0 = right
    host.now += 2000
    host.readings("000a", 2, up=200_000)
    host.ledger.clock_was_set([host.ada])
    await host.store.commit()
    assert await host.times() == [right + began + 200_000 + 1000 * seq - 1000 for seq in range(3)]


async def test_a_boot_of_which_only_a_journal_told_is_kept_though_nothing_of_it_could_be_placed(host: Host) -> None:
    host.readings("000b", 0)
    host.journal("000b", 1, ("000a", 0, 3, 0), ("000b", 0, 1, 0))
    host.now += 1000
    host.ledger.settle([host.ada])
    await host.store.commit()
    assert (await host.books())["000a"]["missing"] == 3
