"""The database alone: once means once, and nothing that was committed is gone."""

import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fleet_dashboard import schema
from fleet_dashboard.store import Store, StoreError

NOW = time.time_ns() // 1_000_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(tmp_path / "fleet.db")
    await store.open()
    yield store
    await store.close()


def fill(store: Store, count: int, every_ms: int = 1000, start: int = NOW, first_seq: int = 0) -> None:
    node = store.node_id("ada")
    boot = store.boot_id(node, "9f3a")
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
    fill(store, 1000)
    await store.commit()
    raw = await all_of(store, points=1000)
    assert (raw["bucket_ms"], len(raw["t"])) == (0, 1000)
    few = await all_of(store, points=10, end=NOW + 1_000_000)
    assert few["bucket_ms"] == 100_000
    assert few["v"]["temp"] == [100 * bucket + 49.5 for bucket in range(10)]
    assert few["min"]["temp"] == [100 * bucket for bucket in range(10)]
    assert few["max"]["temp"] == [100 * bucket + 99 for bucket in range(10)]
    assert few["v"]["hum"] == [None] * 10


@pytest.mark.parametrize("points", [1, 7, 600])
async def test_never_more_points_than_asked_for(store: Store, points: int) -> None:
    fill(store, 2000, every_ms=997)
    await store.commit()
    assert len((await all_of(store, points, NOW + 3, NOW + 1_900_001))["t"]) <= points


async def test_a_field_that_appears_later_gets_a_column_and_is_null_before(store: Store) -> None:
    fill(store, 1)
    node = store.node_id("ada")
    sensor = store.sensor(node, "sht4x", ("dew", "temp"))
    store.add_sample(store.boot_id(node, "9f3a"), 1, sensor, 1000, NOW + 1000, {"dew": 3.0, "temp": 4.0})
    await store.commit()
    found = await all_of(store)
    assert found["v"] == {"temp": [0.0, 4.0], "hum": [None, None], "dew": [None, 3.0]}


async def test_a_restart_remembers_values_boots_presses_and_its_own_name(store: Store, tmp_path: Path) -> None:
    fill(store, 5)
    node = store.node_id("ada")
    boot = store.boot_id(node, "9f3a")
    store.set_meta(node, {"name": "Ada"})
    store.add_event(node, boot, 5, "button-a", "press", 1, 5000, NOW + 5000)
    store.set_progress(boot, NOW - 77, NOW)
    await store.close()
    again = Store(tmp_path / "fleet.db")
    (known,) = await again.open()
    assert (known.name, known.meta, known.presses) == ("ada", {"name": "Ada"}, 1)
    assert known.boots == [("9f3a", NOW - 77, NOW)]
    assert known.values == {"sht4x": {"temp": 4.0, "hum": None}}
    assert (again.instance, again.boot_id(again.node_id("ada"), "9f3a")) == (store.instance, boot)
    fill(again, 5)
    await again.commit()
    assert (again.rows, again.repeated) == (0, 5)
    await again.close()


async def test_a_forgotten_node_is_not_remembered_but_its_history_is(store: Store, tmp_path: Path) -> None:
    fill(store, 5)
    node = store.node_id("ada")
    store.set_progress(store.boot_id(node, "9f3a"), NOW, NOW)
    store.set_meta(node, None)
    await store.close()
    again = Store(tmp_path / "fleet.db")
    assert await again.open() == []
    assert len((await all_of(again))["t"]) == 5
    await again.close()


async def test_samples_placed_by_a_bad_estimate_are_placed_again(store: Store) -> None:
    fill(store, 5, every_ms=0, start=NOW + 600_000)  # all at the time of their arrival
    fill(store, 5, start=NOW + 700_000, first_seq=5)
    boot = store.boot_id(store.node_id("ada"), "9f3a")
    store.retime(boot, 5, NOW)
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
        "fleet_dashboard.store.MIGRATIONS", (*schema.MIGRATIONS, "ALTER TABLE node ADD COLUMN seat TEXT")
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
