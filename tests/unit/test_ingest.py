"""From a message to a row and a value, or to a count with its reason: no broker, a real database."""

import copy
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from fleet_client import Message
from fleet_dashboard.boot import Boot
from fleet_dashboard.clock import WallClock
from fleet_dashboard.flood import BURST_S
from fleet_dashboard.hearing import FULL_NODES, RANGE
from fleet_dashboard.ingest import FLOOD, FULL_FIELDS, Ingest
from fleet_dashboard.ledger import Ledger
from fleet_dashboard.nodes import MAX_BOOTS, MAX_FIELDS, MAX_NODES, Node, Registry
from fleet_dashboard.plain import plain_reading
from fleet_dashboard.routes import MAX_OWN
from fleet_dashboard.store import KnownNode, Store
from fleet_dashboard.tally import Event
from fleet_schema import payloads, topics

UTC0 = 1_800_000_000_000  # UTC at monotonic 0


class Host:
    """An Ingest with a clock that is set by hand; it is its own listener and notes what it is told."""

    def __init__(self, store: Store) -> None:
        self.now = 1_000_000
        self.store = store
        self.registry = Registry()
        self.utc0 = UTC0
        self.clock = WallClock(lambda: self.utc0 + self.now, lambda: self.now)
        self.ledger = Ledger(store, self.clock)
        self.ingest = Ingest("fleet", store, self.registry, self.ledger, self.clock, self)
        self.told: list[tuple[Any, ...]] = []
        self.known: list[KnownNode] = []

    def event(self, node: Node, event: dict[str, Any]) -> None:
        self.told.append(("event", node.id, event["type"]))

    def scored(self, node: Node, boot: Boot, event: Event) -> None:
        self.told.append(("scored", node.id, event.kind, event.at))

    def acked(self, node: Node, boot: Boot, up: int, name: str | None, state: str) -> None:
        self.told.append(("acked", node.id, up, name, state))

    def meta_changed(self, node: Node) -> None:
        self.told.append(("meta", node.id))

    def command_seen(self, target: str, name: str, payload: bytes) -> None:
        self.told.append(("command",))

    def speaks_though_gone(self, node: Node) -> None:
        self.told.append(("speaks", node.id))

    def host_document(self, kind: str, name: str | None, payload: bytes) -> None:
        self.told.append(("host", kind, name))

    def forgotten(self, node: Node) -> None:
        self.told.append(("forgotten", node.id))

    def send(self, kind: str, fields: Any, node: str = "ada", name: str | None = None, retain: bool = False) -> None:
        payload = fields if isinstance(fields, bytes) else payloads.encode(kind, fields)
        self.raw(topics.node_topic("fleet", node, kind, name), payload, retain)

    def raw(self, topic: str, payload: bytes, retain: bool = False) -> None:
        self.ingest.take([Message(topic, payload, 1, retain, False, self.utc0 + self.now, arrived=self.now)])

    def reading(self, seq: int, values: dict[str, Any] | None = None, **more: Any) -> None:
        fields = {"boot": "9f3a", "seq": seq, "up": self.now - 900_000, "v": values or {"temp": 21.5, "hum": 40}}
        node = more.pop("node", "ada")
        self.send("tele", {**fields, **more}, node, "sht4x")

    def online(self, node: str = "ada", boot: str = "9f3a", conn: int = 1) -> None:
        self.send("status", {"state": "online", "boot": boot, "conn": conn}, node)

    @property
    def ada(self) -> Node:
        return self.registry.nodes["ada"]

    def sums_up(self) -> bool:
        ingest = self.ingest
        return ingest.received == ingest.kept + ingest.duplicates + ingest.ignored + ingest.culprits.rules.total()


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    store = Store(tmp_path / "fleet.db")
    await store.open()
    yield Host(store)
    await store.close()


async def restarted(host: Host, folder: Path) -> Host:
    """A new process with the same database and clock; `known` is still to be restored."""
    store = Store(folder / "fleet.db")
    again = Host(store)
    again.now, again.utc0 = host.now, host.utc0
    again.clock.refresh()
    again.known = await store.open()
    return again


async def rows(host: Host, node: str = "ada") -> dict[str, Any]:
    await host.store.commit()
    return await host.store.series(node, "sht4x", UTC0, UTC0 + 10**9, 5000)


async def test_a_reading_is_a_row_and_a_live_value(host: Host) -> None:
    host.online()
    for seq in range(3):
        host.reading(seq, {"temp": 20.0 + seq, "hum": None})
        host.now += 1000
    assert host.ada.values == {"sht4x": {"temp": 22.0, "hum": None}}
    assert (await rows(host))["v"] == {"temp": [20.0, 21.0, 22.0], "hum": [None] * 3}
    assert (await rows(host))["t"] == [UTC0 + 1_000_000, UTC0 + 1_001_000, UTC0 + 1_002_000]
    assert host.sums_up()


async def test_a_message_that_is_delivered_twice_counts_and_is_stored_once(host: Host) -> None:
    for seq in (0, 1, 1, 0):
        host.reading(seq)
    assert (host.ingest.kept, host.ada.duplicates) == (2, 2)
    assert len((await rows(host))["t"]) == 2


async def test_late_readings_fill_the_gap_and_stand_where_they_were_taken(host: Host) -> None:
    host.reading(0)
    host.now += 60_000
    host.reading(4)
    assert host.ada.figures.missing == 3
    for seq in (1, 2, 3):
        host.reading(seq, up=100_000 + seq * 10_000, hist=1)
    assert host.ada.figures.missing == 0
    taken = [UTC0 + 1_000_000 + ms for ms in (0, 10_000, 20_000, 30_000, 60_000)]
    assert (await rows(host))["t"] == taken
    assert host.ada.view(UTC0)["t"]["sht4x"] == taken[-1], "an older reading is not the newest"


async def test_the_clocks_first_guess_is_corrected_in_the_database_too(host: Host) -> None:
    for seq in range(3):  # waited in the broker for 100 s, and do not say so
        host.reading(seq, up=seq * 1000)
    host.now += 10
    host.reading(3, up=100_000)
    host.now += 5000
    host.ledger.settle([host.ada])
    assert (await rows(host))["t"] == [UTC0 + 900_010 + up for up in (0, 1000, 2000, 100_000)]


async def test_events_are_counted_and_told(host: Host) -> None:
    for n, kind in enumerate(("press", "release", "press"), 1):
        envelope = {"boot": "9f3a", "seq": n, "up": 100_000 + n}
        host.send("event", {**envelope, "event_type": kind, "n": n}, name="button-a")
    assert host.ada.presses == 2
    assert [what for what in host.told if what[0] == "event"] == [
        ("event", "ada", "press"),
        ("event", "ada", "release"),
        ("event", "ada", "press"),
    ]
    await host.store.commit()
    assert [event["n"] for event in (await host.store.recent("ada"))["events"]] == [3, 2, 1]


@pytest.mark.parametrize(
    ("topic", "payload", "rule"),
    [
        ("fleet/1/ada/tele/sht4x", b"{", "F-PAYLOAD-1"),
        ("fleet/1/ada/tele/sht4x", b'{"boot":"9f3a","seq":1,"up":1,"v":{"t":NaN}}', "F-PAYLOAD-1"),
        ("fleet/1/ada/tele/sht4x", b'{"boot":"9f3a","seq":1,"up":1,"v":{"t":"hot"}}', "F-TELE-2"),
        ("fleet/1/ada/tele/sht4x", b'{"boot":"9F3A","seq":1,"up":1,"v":{"t":1}}', "F-ENV-1"),
        ("fleet/1/ada/tele/sht4x", b"[" * 600, "F-PAYLOAD-2"),
        ("fleet/1/ada/tele/sht4x", b"\xff\xfe", "F-PAYLOAD-1"),
        ("fleet/1/ada/status", b'{"state":"here","boot":"9f3a","conn":1}', "F-STATUS-1"),
        ("fleet/1/ada/meta", b"{}", "F-ENV-1"),
        ("fleet/1/Ada/status", b"", "F-TOPIC-4"),
        ("fleet/1/ada/tele", b"{}", "F-TOPIC-6"),
        ("fleet/1/ada/log/shout", b"{}", "F-TOPIC-7"),
        ("fleet/2/ada/status", b"{}", "F-TOPIC-3"),
        ("fleet/1/" + "a" * 80, b"", "F-TOPIC-1"),
        ("fleet/1/ada/tele/sht4x", b'{"boot":"9f3a","seq":4294967296,"up":1,"v":{"t":1}}', RANGE),
        ("fleet/1/ada/tele/sht4x", b'{"boot":"9f3a","seq":1,"up":9007199254740991,"v":{"t":1}}', RANGE),
    ],
)
async def test_what_breaks_the_contract_is_counted_by_its_rule(
    host: Host, topic: str, payload: bytes, rule: str
) -> None:
    host.reading(0)
    host.raw(topic, payload)
    assert dict(host.ingest.culprits.rules) == {rule: 1}
    assert host.sums_up()
    host.reading(1)
    assert host.ingest.kept == 2, "the next good message is taken"


async def test_a_broken_message_is_on_its_nodes_account_with_the_reason(host: Host) -> None:
    host.reading(0)
    host.raw("fleet/1/ada/tele/sht4x", b"{")
    assert (host.ada.bad, host.ingest.culprits.nodes["ada"].why) == (1, "F-PAYLOAD-1: not JSON")


def test_what_the_short_way_takes_passes_the_whole_check_too() -> None:
    """The hot path has a check of its own: it must never be the laxer one."""
    chance = random.Random(11)
    odd = [1, -1, 0, 2**53, 2**63, 1.5, -0.0, 1e308, None, True, "x", [], {}, "9f3a", {"temp": 1.5, "hum": 2.5}]
    taken = 0
    for _ in range(20_000):
        fields: dict[str, Any] = {"boot": "9f3a", "seq": 5, "up": 7, "v": {"temp": 1.5, "hum": 2}}
        for _ in range(chance.randrange(3)):
            where = fields["v"] if chance.random() < 0.5 and isinstance(fields.get("v"), dict) else fields
            key = chance.choice(["boot", "seq", "up", "v", "temp", "hum", "hist", "ts", "x"])
            where[key] = copy.deepcopy(chance.choice(odd))
            if chance.random() < 0.2:
                del where[chance.choice(list(where))]
        payload = orjson.dumps(fields)
        if plain_reading(payload, "9f3a", ("temp", "hum")) is not None:
            taken += 1
            payloads.decode("tele", payload, orjson.loads)
    assert 1000 < taken < 19_000


async def test_caps_hold_and_are_counted(host: Host) -> None:
    wide = {f"f{number}": 1.5 for number in range(11)}
    for number in range(4):
        envelope = {"boot": "9f3a", "seq": number, "up": 1}
        host.send("tele", {**envelope, "v": wide}, name=f"s{number}")
    assert (host.ingest.culprits.rules[FULL_FIELDS], len(host.ada.values)) == (2, 2)
    for number in range(MAX_NODES + 5):
        host.reading(0, node=f"n-{number}")
    assert (host.ingest.culprits.rules[FULL_NODES], len(host.registry.nodes)) == (6, MAX_NODES)
    for number in range(3 * MAX_BOOTS):
        host.reading(9, boot=f"{number:04x}")
    assert len(host.ada.boots) == MAX_BOOTS
    assert host.ada.figures.missing == 9 * 3 * MAX_BOOTS, "those that left memory count as well"
    assert host.sums_up()


async def test_a_retained_copy_says_nothing_about_now(host: Host) -> None:
    host.send("tele", {"boot": "9f3a", "seq": 7, "up": 1, "v": {"temp": 1.0}}, name="sht4x", retain=True)
    assert (host.ada.received, host.ada.presence.last, host.ingest.ignored) == (0, 0, 1)
    assert (await rows(host))["t"] == []


async def test_a_node_without_status_and_meta_on_the_broker_is_forgotten(host: Host) -> None:
    host.online()
    meta = {"boot": "9f3a", "seq": 0, "up": 1, "schema": "1.0", "name": "Ada", "board": "unix", "fw": "1", "app": "1"}
    host.send("meta", {**meta, "period": 2000, "sensors": {}, "inputs": {}, "commands": {}})
    host.send("meta", b"")
    assert "ada" in host.registry.nodes
    host.send("status", b"")
    assert "ada" not in host.registry.nodes
    assert (host.registry.gone, host.told[-1]) == (["ada"], ("forgotten", "ada"))
    host.reading(1)
    assert "ada" in host.registry.nodes, "it comes back when it speaks"


async def test_who_speaks_though_it_is_lost_is_told_of(host: Host) -> None:
    host.online()
    host.reading(0)
    host.send("status", {"state": "lost", "boot": "9f3a", "conn": 1})
    assert ("speaks", "ada") not in host.told
    host.reading(1)
    assert ("speaks", "ada") in host.told


async def test_a_restart_goes_on_with_the_same_clocks_and_rows(tmp_path: Path) -> None:
    """By the real time of day, since what was not seen for a day is not restored."""
    first = Host(Store(tmp_path / "fleet.db"))
    first.utc0 = utc0 = time.time_ns() // 1_000_000 - first.now
    first.clock.refresh()
    await first.store.open()
    first.reading(0, up=5000)
    first.now += 10
    first.ledger.settle([first.ada])
    await first.store.close()
    second = await restarted(first, tmp_path)
    second.now = 50_000  # the computer was started again: its monotonic clock too
    second.utc0 = utc0 + first.now + 30_000 - second.now
    second.clock.refresh()
    for known in second.known:
        second.ledger.restore(second.registry, known)
    for seq in (0, 1):  # the broker kept these two, one of them again, while nobody listened
        second.reading(seq, up=5000 + 1000 * seq)
    await second.store.commit()
    found = await second.store.series("ada", "sht4x", 0, utc0 * 2, 100)
    assert found["t"] == [utc0 + 1_000_000, utc0 + 1_001_000]
    assert (second.store.rows, second.ingest.duplicates) == (1, 1)
    await second.store.close()


async def test_what_is_too_much_is_turned_away_counted_and_missing_until_it_is_asked_for(host: Host) -> None:
    host.online()
    for seq in range(3000):
        host.reading(seq)
    ada, allowances = host.ada, host.ingest.allowances
    assert ada.boot is not None
    account, turned_away = ada.boot.account, ada.flooded
    assert 3000 - turned_away == account.next == allowances.rate * BURST_S - allowances.spare("tele") - 1
    host.online()  # who it is, it may still say
    assert host.ingest.culprits.rules[FLOOD] == turned_away
    assert host.sums_up()
    for _ in range(2):
        allowances.refill(host.now)
        host.now += 1000
    allowances.refill(host.now)
    host.reading(3000)
    assert (account.next, account.missing.count) == (3001, turned_away)
    assert account.tellable < 3000, "what was turned away is settled"
    kept = [["9f3a", 0, 3001, 0]]
    host.send("journal", {"boot": "9f3a", "seq": 3001, "up": host.now - 900_000, "kept": kept})
    asked: list[list[int]] = []
    while not asked:
        asked = [span for tell in ada.delivery.due(ada.boots, ada.boot, True, 1024, host.now) for span in tell.miss]
        host.now += 1000
    (first, last), allowance = asked[0], allowances.senders["ada"]
    allowance.left = 0
    for seq in range(first, last + 1):
        host.reading(seq, hist=1, up=1)
    assert account.missing.count == turned_away - (last + 1 - first), "what was asked for is turned away as well"
    assert allowance.left == 0
    for seq in (first, last + 1):  # stored by now, and not asked for
        host.reading(seq, hist=1, up=1)
    assert ada.flooded == turned_away + 2
    assert host.sums_up()


async def test_no_reading_makes_a_sensor_more_than_a_node_can_have_whether_it_is_stored_or_not(host: Host) -> None:
    fields = {"boot": "9f3a", "seq": 0, "up": 1, "v": {"temp": 1.5}}
    for number in range(100):
        host.send("tele", fields, "ada", f"same-{number}")  # a duplicate of the first
        host.send("tele", fields, "eve", f"kept-{number}", retain=True)
    await host.store.commit()
    known = host.store._sensors
    assert sum(node == host.ada.number for node, _ in known) == MAX_FIELDS
    assert sum(node != host.ada.number for node, _ in known) == 0
    assert len(host.ingest._routes.by_topic) <= 2 * MAX_OWN


async def test_a_ts_of_a_node_is_held_against_our_own_clock(host: Host) -> None:
    host.online()
    host.reading(0, ts=host.utc0 + host.now + 900)
    assert host.ada.boot is not None
    assert host.ada.boot.watch.sentence(host.now) == ""
    host.reading(1, ts=host.utc0 + host.now - 7_200_000)
    assert host.ada.boot.watch.sentence(host.now) == "its `ts` is 2 h behind this computer"
