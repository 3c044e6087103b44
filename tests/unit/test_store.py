"""The database alone: once means once, and nothing that was committed is gone."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fleet_dashboard import schema
from fleet_dashboard.account import MAX_SEQ, NEW, UNSURE
from fleet_dashboard.store import Store, StoreError

NOW = time.time_ns() // 1_000_000
BOOTS: dict[Path, dict[str, int]] = {}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(tmp_path / "fleet.db")
    await store.open()
    yield store
    await store.close()


def boot_of(store: Store, name: str = "9f3a") -> int:
    """The id of a boot of ada, which the Ledger would remember."""
    node = store.node_id("ada")
    ids = BOOTS.setdefault(store.path, {})
    known = store.find_boot(node, name)
    ids[name] = known.id if known else ids.get(name) or store.new_boot(node, name, NOW)
    return ids[name]


def fill(store: Store, count: int, every_ms: int = 1000, start: int = NOW, first_seq: int = 0) -> None:
    node = store.node_id("ada")
    boot = boot_of(store)
    sensor = store.sensor(node, "sht4x", ("temp", "hum"))
    for number in range(count):
        values = {"temp": float(number), "hum": None}
        store.add_sample(boot, first_seq + number, sensor, number * every_ms, start + number * every_ms, values)


async def all_of(store: Store, points: int = 5000, start: int = NOW, end: int = NOW + 10**9) -> dict[str, Any]:
    return await store.series("ada", "sht4x", start, end, points)


async def test_a_message_that_comes_twice_is_one_row(store: Store) -> None:
    fill(store, 10)
    await store.commit()
    fill(store, 12)
    await store.commit()
    assert (store.rows, store.repeated) == (12, 10)
    assert (await all_of(store))["v"]["temp"] == [float(number) for number in range(12)]


async def test_what_is_not_committed_is_not_counted(store: Store) -> None:
    fill(store, 10)
    assert (store.rows, store.pending) == (0, 10)
    await store.commit()
    assert (store.rows, store.pending) == (10, 0)


async def test_few_samples_are_returned_as_they_are_and_many_in_buckets(store: Store) -> None:
    start = NOW - NOW % 3_600_000
    fill(store, 1000, start=start)
    await store.commit()
    raw = await all_of(store, points=1000, start=start)
    assert (raw["bucket_ms"], raw["level"], len(raw["t"])) == (0, "rows", 1000)
    few = await all_of(store, points=50, start=start, end=start + 1_000_000)
    assert (few["bucket_ms"], few["level"]) == (20_000, "rows")
    assert few["t"] == [start + 20_000 * bucket + 10_000 for bucket in range(50)]
    assert few["v"]["temp"] == [20 * bucket + 9.5 for bucket in range(50)]
    assert few["min"]["temp"] == [20 * bucket for bucket in range(50)]
    assert few["max"]["temp"] == [20 * bucket + 19 for bucket in range(50)]
    assert few["n"]["temp"] == [20] * 50
    assert few["v"]["hum"] == [None] * 50


@pytest.mark.parametrize("points", [1, 7, 600])
async def test_never_more_points_than_asked_for(store: Store, points: int) -> None:
    fill(store, 2000, every_ms=997)
    await store.commit()
    assert len((await all_of(store, points, NOW + 3, NOW + 1_900_001))["t"]) <= points


async def test_a_field_that_appears_later_gets_a_column_and_is_null_before(store: Store) -> None:
    fill(store, 1)
    node = store.node_id("ada")
    sensor = store.sensor(node, "sht4x", ("dew", "temp"))
    store.add_sample(boot_of(store), 1, sensor, 1000, NOW + 1000, {"dew": 3.0, "temp": 4.0})
    await store.commit()
    found = await all_of(store)
    assert found["v"] == {"temp": [0.0, 4.0], "hum": [None, None], "dew": [None, 3.0]}


async def test_a_restart_remembers_values_boots_presses_and_its_own_name(store: Store, tmp_path: Path) -> None:
    fill(store, 5)
    node = store.node_id("ada")
    boot = boot_of(store)
    store.set_meta(node, {"name": "Ada"})
    store.add_event(node, boot, 5, "button-a", "press", 1, 5000, NOW + 5000)
    store.set_progress(boot, NOW - 77, NOW, True, 0)
    await store.close()
    again = Store(tmp_path / "fleet.db")
    (known,) = await again.open()
    assert (known.name, known.meta, known.presses) == ("ada", {"name": "Ada"}, 1)
    assert [(one.boot, one.boot_ms, one.seen_ms, one.timed) for one in known.boots] == [("9f3a", NOW - 77, NOW, True)]
    assert known.shown == {"sht4x": (boot, 4)}
    assert known.values == {"sht4x": {"temp": 4.0, "hum": None}}
    assert (again.instance, boot_of(again)) == (store.instance, boot)
    fill(again, 5)
    await again.commit()
    assert (again.rows, again.repeated) == (0, 5)
    await again.close()


async def test_a_forgotten_node_is_not_remembered_but_its_history_is(store: Store, tmp_path: Path) -> None:
    fill(store, 5)
    node = store.node_id("ada")
    store.set_progress(boot_of(store), NOW, NOW, True, 0)
    store.set_meta(node, None)
    await store.close()
    again = Store(tmp_path / "fleet.db")
    assert await again.open() == []
    assert len((await all_of(again))["t"]) == 5
    await again.close()


async def test_samples_placed_by_a_bad_estimate_are_placed_again(store: Store) -> None:
    fill(store, 5, every_ms=0, start=NOW + 600_000)  # all at the time of their arrival
    fill(store, 5, start=NOW + 700_000, first_seq=5)
    boot = boot_of(store)
    store.retime(boot, 5, NOW, 0)
    await store.commit()
    found = await all_of(store)
    assert found["t"] == [NOW, NOW + 1000, NOW + 2000, NOW + 3000, NOW + 4000] + [NOW + 600_000] * 5


async def test_a_disk_that_refuses_costs_nothing_but_time(store: Store, tmp_path: Path) -> None:
    fill(store, 5)
    other = sqlite3.connect(tmp_path / "fleet.db", isolation_level=None)
    other.execute("ALTER TABLE sample RENAME TO away")
    with pytest.raises(StoreError, match="cannot be written"):
        await store.commit()
    fill(store, 1, first_seq=5)
    assert store.pending == 6
    other.execute("ALTER TABLE away RENAME TO sample")
    other.close()
    await store.commit()
    assert (store.rows, store.pending) == (6, 0)


async def test_an_old_database_is_upgraded_and_a_newer_one_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Store(tmp_path / "fleet.db")
    await first.open()
    fill(first, 3)
    await first.close()
    monkeypatch.setattr(
        "fleet_dashboard.store_write.MIGRATIONS", (*schema.MIGRATIONS, "ALTER TABLE node ADD COLUMN seat TEXT")
    )
    second = Store(tmp_path / "fleet.db")
    await second.open()
    assert len((await all_of(second))["t"]) == 3
    await second.close()
    monkeypatch.undo()
    with pytest.raises(StoreError, match="use a newer program"):
        await Store(tmp_path / "fleet.db").open()


async def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="FLEET_DATA"):
        await Store(tmp_path / "file" / "fleet.db").open()


def schema_1(path: Path) -> None:
    """A database as the first version left it: a boot that got a second row, readings, an event and log messages."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.executescript(f"BEGIN; {schema.FIRST}; PRAGMA user_version = 1; COMMIT;")
        old.execute("INSERT INTO node(id, name, meta) VALUES(1, 'ada', '{\"name\":\"Ada\"}')")
        old.execute("INSERT INTO sensor VALUES(1, 1, 'sht4x', '[\"temp\",\"hum\"]')")
        boots = [(1, 1, "9f3a", NOW - 9000, NOW), (2, 1, "aaaa", NOW - 5000, NOW), (3, 1, "9f3a", NOW - 1000, NOW)]
        old.executemany("INSERT INTO boot VALUES(?, ?, ?, ?, ?)", boots)
        for boot, seq in ((1, 0), (1, 1), (1, 4), (2, 7), (3, 4)):
            row = (boot << 32 | seq, 1, 1000 * seq, NOW + 1000 * seq + boot, seq / 2)
            old.execute("INSERT INTO sample(id, sensor, up, ts, v0) VALUES(?, ?, ?, ?, ?)", row)
        old.execute("INSERT INTO event VALUES(?, 1, 'button-a', 'press', 1, 9000, ?)", (2 << 32 | 9, NOW + 9000))
        for seq in (2, 3):
            old.execute("INSERT INTO log VALUES(?, 1, 'info', ?, '', ?)", (1 << 32 | seq, f"message {seq}", NOW + seq))


async def test_a_database_of_schema_1_keeps_all_it_has_and_nothing_is_said_of_its_holes(tmp_path: Path) -> None:
    schema_1(tmp_path / "fleet.db")
    store = Store(tmp_path / "fleet.db")
    (known,) = await store.open()
    assert (known.meta, known.presses, known.values) == ({"name": "Ada"}, 1, {"sht4x": {"temp": 3.5, "hum": None}})
    assert len((await all_of(store))["t"]) == 5
    recent = await store.recent("ada")
    assert [log["msg"] for log in recent["logs"]] == ["message 3", "message 2"]
    books = {one["boot"]: one for one in (await store.delivery("ada"))["ada"]}
    assert {(name, one["stored"], one["taken"], one["counted"]) for name, one in books.items()} == {
        ("9f3a", 1, 5, False),  # the newest of the two keeps the name
        ("9f3a-1", 3, 5, False),
        ("aaaa", 2, 10, False),
    }
    found = store.find_boot(store.node_id("ada"), "aaaa")
    assert found is not None
    assert [found.account.take(seq) for seq in (9, 8, 10)] == [UNSURE, UNSURE, NEW]
    assert [store.is_stored(found.id, seq) for seq in (7, 8, 9)] == [True, False, True]
    store.add_log(1, found.id, "info", "one", "", NOW)
    store.add_log(1, found.id, "info", "two", "", NOW)
    await store.commit()
    assert len((await store.recent("ada"))["logs"]) == 4
    await store.close()
    again = Store(tmp_path / "fleet.db")
    await again.open()
    assert len((await all_of(again))["t"]) == 5
    await again.close()


async def test_a_boot_cannot_have_two_rows(store: Store) -> None:
    fill(store, 1)
    await store.commit()
    node = store.node_id("ada")
    store.new_boot(node, "9f3a", NOW)
    await store.commit()
    with contextlib.closing(sqlite3.connect(store.path)) as database:
        assert database.execute("SELECT count(*) FROM boot").fetchone() == (1,)


async def test_a_reading_is_known_from_the_moment_it_is_taken(store: Store) -> None:
    fill(store, 3)
    boot = boot_of(store)
    assert [store.is_stored(boot, seq) for seq in (2, 3)] == [True, False]
    writing = asyncio.ensure_future(store.commit())
    await asyncio.sleep(0)
    assert store.is_stored(boot, 2)
    await writing
    assert [store.is_stored(boot, seq) for seq in (2, 3)] == [True, False]


async def test_a_durable_commit_writes_also_when_there_is_nothing_new(store: Store) -> None:
    """One that changes nothing would not wait for the disk, and those before it would not be safe."""

    def durable_ms() -> int:
        with contextlib.closing(sqlite3.connect(store.path)) as database:
            return int(database.execute("SELECT durable_ms FROM about").fetchone()[0])

    fill(store, 3)
    await store.commit()
    before = durable_ms()
    await asyncio.sleep(0.002)
    await store.commit(durable=True)
    after = durable_ms()
    assert after > before
    await asyncio.sleep(0.002)
    await store.commit(durable=True)
    assert durable_ms() == after, "nothing happened since then"


async def test_the_account_counts_rows_of_one_boot_and_not_of_its_neighbours(store: Store) -> None:
    node = store.node_id("ada")
    for number in range(3):
        boot = boot_of(store, f"000{number}")
        sensor = store.sensor(node, "sht4x", ("temp",))
        store.add_sample(boot, 0, sensor, 0, NOW, {"temp": 1.0})
        store.add_sample(boot, MAX_SEQ, sensor, 0, NOW, {"temp": 1.0})
        store.add_event(node, boot, 7, "button-a", "press", 1, 7, NOW)
    await store.commit()
    found = await store.delivery()
    assert [one["stored"] for one in found["ada"]] == [3, 3, 3]
    assert await store.delivery(since_ms=NOW + 10**9) == {}
    assert len((await store.delivery("ada", most=2))["ada"]) == 2
    assert await store.delivery("bob") == {}
