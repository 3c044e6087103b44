"""Rollups and retention: whatever the order of arrivals, moves, restarts and slices, the sums are those of the rows."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet_dashboard import schema, store_keep, store_roll, store_series, store_write
from fleet_dashboard.account import MAX_SEQ
from fleet_dashboard.keep import DAY_MS, Keep
from fleet_dashboard.store import Store
from fleet_dashboard.store_read import SensorInfo
from fleet_dashboard.store_roll import HOUR, MINUTE, WIDTH

T0 = 1_760_000_400_000  # a whole hour
LATER = T0 + 400 * DAY_MS
SENSORS = {1: SensorInfo(1, ("temp", "hum")), 2: SensorInfo(2, ("ax",))}


class Database:
    """One that is written by the real statements, and can be dropped as a kill would drop it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connect()
        store_write.migrate(self.sql)
        rows = {
            store_write.NODE: [(1, "ada")],
            store_write.SENSOR: [(1, 1, "sht4x", '["temp","hum"]'), (2, 1, "imu", '["ax"]')],
            store_write.BOOT: [(1, 1, "9f3a", T0), (2, 1, "9f3b", T0), (3, 1, "9f3c", T0)],
        }
        self.write(rows)

    def connect(self) -> None:
        self.sql = store_write.connect(self.path)
        self.sql.execute("PRAGMA synchronous = OFF")
        self.marked: store_roll.Marks = set()

    def kill(self) -> None:
        self.sql.close()
        self.connect()

    def write(self, rows: store_write.Rows) -> None:
        store_write.write(self.sql, rows, False, self.marked)

    def roll(self, now: int = LATER) -> None:
        while store_roll.roll(self.sql, now, self.marked):
            pass

    def expire(self, keep: Keep, now: int) -> None:
        while store_keep.expire(self.sql, keep, now, self.marked):
            pass

    def sums(self, sensor: int, level: int, start: int, end: int) -> dict[Any, Any]:
        """{(start of the bucket, field): (n, low, high, total)} as a chart would be made of it."""
        width = WIDTH[level]
        info = SENSORS[sensor]
        found = store_series.sums(self.sql, info, level, (start - start % width, -(-end // width) * width), width)
        return {
            (t - width // 2, place): (n, found["min"][name][i], found["max"][name][i], round(found["v"][name][i] * n))
            for i, t in enumerate(found["t"])
            for place, name in enumerate(info.fields)
            if (n := found["n"][name][i])
        }


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "fleet.db")
    yield made
    made.sql.close()


def from_rows(database: Database, level: int, sensor: int) -> dict[tuple[int, int], tuple[Any, ...]]:
    """{(start, field): (n, low, high, total, last, last_ts)} by Python, from nothing but the rows."""
    width, values = WIDTH[level], defaultdict(list)
    rows = database.sql.execute("SELECT * FROM sample WHERE sensor = ? ORDER BY ts, id", (sensor,))
    for _, _, _, ts, *columns in rows:
        for field, value in enumerate(columns):
            if value is not None:
                values[ts // width * width, field].append((value, ts))
    return {
        key: (len(some), min(some)[0], max(some)[0], sum(value for value, _ in some), *some[-1])
        for key, some in values.items()
    }


def rolled_up(database: Database, level: int, sensor: int) -> dict[tuple[int, int], tuple[Any, ...]]:
    rows = database.sql.execute("SELECT * FROM rollup WHERE level = ? AND sensor = ?", (level, sensor))
    return {(start, field): tuple(figures) for _, _, start, field, *figures in rows}


# Whole numbers, so that sums do not depend on their order; times around a full hour, and around 1970 for the signs.
sample = st.tuples(
    st.integers(1, 3),  # boot
    st.integers(0, 12),  # seq: the same one comes again
    st.integers(1, 2),  # sensor
    st.integers(0, 4 * 3600) | st.integers(3590, 3610),  # up in s
    st.none() | st.integers(-5, 5),
    st.none() | st.integers(-5, 5),
)
move = st.tuples(
    st.integers(1, 3),
    st.integers(0, 12),
    st.sampled_from([T0, T0 - 7_200_000, T0 - 61_000, T0 + 59_999, -3_600_001]),
    st.sampled_from([0, T0, T0 + 3_600_000, T0 + 3_605_000]),  # UTC from which on a better estimate moves them
    st.booleans(),
)
some_samples = st.lists(sample, min_size=1, max_size=8)
action = st.one_of(
    some_samples.map(lambda some: ("write", some)),
    st.lists(move, min_size=1, max_size=3).map(lambda some: ("move", some)),
    st.tuples(some_samples, st.lists(move, min_size=1, max_size=3)).map(lambda both: ("commit", both)),
    st.sampled_from([("roll", LATER), ("roll", T0 + 3_600_000), ("kill", None), ("slice", None)]),
)


def rows_of(samples: list[tuple[Any, ...]]) -> store_write.Rows:
    rows: store_write.Rows = defaultdict(list)
    for boot, seq, sensor, up, *values in samples:
        columns = [None if value is None else float(value) for value in values[: len(SENSORS[sensor].fields)]]
        rows[store_write.SAMPLES[len(columns)]].append((boot << 32 | seq, sensor, up * 1000, T0 + up * 1000, *columns))
    return rows


def moved(moves: list[tuple[int, int, int, int, bool]]) -> store_write.Rows:
    """As Store.retime and Store.place ask for it, also several in one commit."""
    rows: store_write.Rows = defaultdict(list)
    for boot, first, boot_ms, since, earlier in moves:
        where = (boot << 32 | first, boot << 32 | MAX_SEQ, boot_ms)
        if earlier:
            rows[store_write.RETIME].append((*where, since))
        else:
            rows[store_write.PLACE].append(where)
    return rows


def act(database: Database, what: str, how: Any) -> None:
    if what == "write":
        database.write(rows_of(how))
    elif what == "move":
        database.write(moved(how))
    elif what == "commit":  # the sample that made the estimate fall, with those that it moves
        database.write(rows_of(how[0]) | moved(how[1]))
    elif what == "roll":
        database.roll(how)
    elif what == "slice":
        store_roll.roll(database.sql, LATER, database.marked, seconds=0)
    else:
        database.kill()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(actions=st.lists(action, min_size=1, max_size=25))
def test_after_any_order_of_arrivals_moves_and_restarts_they_are_what_the_rows_come_to(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, Any]]
) -> None:
    database = Database(tmp_path_factory.mktemp("rollups") / "fleet.db")
    with contextlib.closing(database.sql):
        for what, how in actions:
            act(database, what, how)
            for level in (MINUTE, HOUR):  # what a chart shows is right at every moment, rolled up or not
                for sensor in SENSORS:
                    expected = from_rows(database, level, sensor)
                    seen = database.sums(sensor, level, -DAY_MS, T0 + DAY_MS)
                    assert seen == {key: figures[:4] for key, figures in expected.items()}
        database.roll()
        assert database.sql.execute("SELECT count(*) FROM dirty").fetchone() == (0,)
        assert database.marked == set()
        for level in (MINUTE, HOUR):
            for sensor in SENSORS:
                assert rolled_up(database, level, sensor) == from_rows(database, level, sensor)


expiry = st.tuples(
    st.sampled_from([Keep(raw=1), Keep(raw=1, minutes=1), Keep(raw=1, minutes=2), Keep(raw=2, minutes=3)]),
    st.sampled_from([0, 24, 25, 48, 50, 100]).map(lambda hours: T0 + hours * 3_600_000),
    st.integers(1, 8),  # slices
)
late = sample.map(lambda one: (*one[:3], one[3] % 3 * 20, *one[4:]))  # many in the same two minutes
some_late = st.lists(late, min_size=1, max_size=3).map(lambda some: ("write", some))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(actions=st.lists(action | some_late | expiry.map(lambda one: ("expire", one)), min_size=1, max_size=25))
def test_what_expires_stays_in_the_sums_and_in_the_account_whatever_comes_late(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, Any]]
) -> None:
    database = Database(tmp_path_factory.mktemp("keep") / "fleet.db")
    taken: dict[int, tuple[Any, ...]] = {}
    with contextlib.closing(database.sql):
        for what, how in [*actions, ("roll", LATER)]:
            if what == "expire":
                for _ in range(how[2]):
                    store_keep.expire(database.sql, how[0], how[1], database.marked)
            else:
                if what in ("write", "commit"):  # the account lets nothing through twice, also when it has expired
                    some = how if what == "write" else how[0]
                    some = [one for one in some if (one[0] << 32 | one[1]) not in taken]
                    some = list({(one[0], one[1]): one for one in some}.values())
                    taken |= {one[0] << 32 | one[1]: one for one in some}
                    how = some if what == "write" else (some, how[1])
                act(database, what, how)
            for sensor, info in SENSORS.items():
                for level in (MINUTE, HOUR):
                    if level == MINUTE and any(action == "expire" and how[0].minutes for action, how in actions):
                        continue
                    seen = database.sums(sensor, level, -4 * DAY_MS, T0 + DAY_MS)
                    for place in range(len(info.fields)):
                        values = [one[4 + place] for one in taken.values() if one[2] == sensor]
                        values = [value for value in values if value is not None]
                        parts = [figures for (_, field), figures in seen.items() if field == place]
                        assert sum(part[0] for part in parts) == len(values)
                        assert sum(part[3] for part in parts) == sum(values)
                        assert min((part[1] for part in parts), default=None) == min(values, default=None)
                        assert max((part[2] for part in parts), default=None) == max(values, default=None)
        for boot in (1, 2, 3):
            count = "SELECT expired + (SELECT count(*) FROM sample WHERE id >> 32 = ?1) FROM boot WHERE id = ?1"
            assert database.sql.execute(count, (boot,)).fetchone() == (sum(one >> 32 == boot for one in taken),)


def test_what_comes_late_into_minutes_and_hours_that_have_expired_is_added_once(database: Database) -> None:
    now = T0 + 9 * DAY_MS
    for seq in range(6):  # not rolled up before they expire, then into what has expired
        database.write(rows_of([(1, seq, 1, seq * 10, seq, 1)]))
        if seq > 1:
            database.roll()
        if seq < 4:
            database.expire(Keep(raw=1, minutes=1), now)
        assert database.sums(1, HOUR, T0, T0 + 1) == {
            (T0, 0): (seq + 1, 0.0, float(seq), sum(range(seq + 1))),
            (T0, 1): (seq + 1, 1.0, 1.0, seq + 1),
        }
    database.roll()
    assert rolled_up(database, HOUR, 1)[T0, 0] == (6, 0.0, 5.0, 15.0, 5.0, T0 + 50_000)
    assert rolled_up(database, MINUTE, 1) == {}
    assert database.sql.execute("SELECT expired FROM boot WHERE id = 1").fetchone() == (6,)
    assert database.sql.execute("SELECT count(*) FROM sample").fetchone() == (0,)


def test_a_field_that_comes_later_and_a_sum_beyond_all_numbers_do_not_stop_it(database: Database) -> None:
    rows = [(1 << 32 | seq, 2, 0, T0 + seq, value) for seq, value in enumerate((1e308, 1e308, -1e308, -1e308, -1e308))]
    database.write({store_write.SAMPLES[1]: rows})
    database.write({store_write.SENSOR: [(2, 1, "imu", '["ax","ay"]')]})
    database.write({store_write.SAMPLES[2]: [(2 << 32, 2, 0, T0 + 9, None, 4.0)]})
    database.roll()
    found = rolled_up(database, HOUR, 2)
    assert sorted(key[1] for key in found) == [0, 1]
    assert database.sql.execute("SELECT count(*) FROM dirty").fetchone() == (0,)


def test_a_minute_that_is_not_over_waits(database: Database) -> None:
    database.write(rows_of([(1, 0, 1, 0, 1, 1)]))
    assert not store_roll.roll(database.sql, T0 + 59_000, database.marked)
    assert rolled_up(database, MINUTE, 1) == {}
    assert database.marked


def test_slices_are_short_and_pages_are_used_again(database: Database) -> None:
    seq = iter(range(10**6))

    def fill(start: int) -> None:
        rows = [(1 << 32 | next(seq), 1, 0, start + i * 100, 1.0, 2.0) for i in range(20_000)]
        database.write({store_write.SAMPLES[2]: rows})

    fill(T0)
    database.roll(T0 + 2 * DAY_MS)
    pages = database.sql.execute("PRAGMA page_count").fetchone()[0]
    slices = 0
    while store_keep.expire(database.sql, Keep(raw=1), T0 + 3 * DAY_MS, database.marked):
        slices += 1
    assert 15 <= slices <= 40
    assert database.sql.execute("SELECT count(*) FROM sample").fetchone() == (0,)
    assert database.sql.execute("SELECT expired, expired_seq FROM boot WHERE id = 1").fetchone() == (20_000, 19_999)
    fill(T0 + 3 * DAY_MS)
    database.roll(T0 + 6 * DAY_MS)
    assert database.sql.execute("PRAGMA page_count").fetchone()[0] < pages * 1.2


# -- through the store -------------------------------------------------------------------------------------------


async def settle(store: Store, now: int = LATER, keep: Keep | None = None) -> None:
    while await store.tend(now, keep):
        pass


async def filled(path: Path, start: int, count: int = 3000, every_ms: int = 60_000) -> Store:
    store = Store(path / "fleet.db")
    await store.open()
    node = store.node_id("ada")
    boot = store.new_boot(node, "9f3a", start)
    sensor = store.sensor(node, "sht4x", ("temp",))
    for seq in range(count):
        store.add_sample(boot, seq, sensor, seq * every_ms, start + seq * every_ms, {"temp": float(seq)})
    store.add_event(node, boot, count, "button-a", "press", 1, 0, start)
    store.add_log(node, boot, "info", "hello", "", start)
    await store.commit()
    return store


async def test_a_chart_of_any_range_has_its_level_and_is_the_same_before_and_after_the_rollup(tmp_path: Path) -> None:
    start = time.time_ns() // 1_000_000 - 60 * DAY_MS
    store = await filled(tmp_path, start, 20_000, 30_000)
    spans = {"rows": 3_600_000, "minutes": DAY_MS * 5, "hours": 40 * DAY_MS}
    before = {level: await store.series("ada", "sht4x", start, start + span, 100) for level, span in spans.items()}
    await settle(store)
    for level, span in spans.items():
        after = await store.series("ada", "sht4x", start, start + span, 100)
        if level != "rows":
            assert after["level"] in ("minutes", "hours")
        assert after == before[level]
        assert len(after["t"]) <= 120
    await store.close()


async def test_expired_rows_are_neither_missing_nor_wrong_and_charts_of_their_time_still_draw(tmp_path: Path) -> None:
    start = T0
    store = await filled(tmp_path, start)
    keep, now = Keep(raw=1), start + 4 * DAY_MS
    await settle(store, now, keep)
    (account,) = (await store.delivery("ada"))["ada"]
    assert (account["stored"], account["expired"]) == (0, 3001)
    assert await store.recent("ada") == {"events": [], "logs": []}
    series = await store.series("ada", "sht4x", start, start + 600_000, 600)
    assert (series["level"], series["bucket_ms"], sum(series["n"]["temp"])) == ("minutes", 60_000, 10)
    assert store.is_stored(1, 17), "what has expired is not taken again"
    assert not store.is_stored(1, 4000)
    store.set_meta(1, {"name": "Ada"})
    store.set_progress(1, start, time.time_ns() // 1_000_000, True, 0)
    await store.close()
    again = Store(tmp_path / "fleet.db")
    (known,) = await again.open()
    assert known.presses == 1, "a press is counted for ever"
    await again.close()


async def test_minutes_expire_into_hours_and_hours_in_the_end(tmp_path: Path) -> None:
    store = await filled(tmp_path, T0)
    await settle(store, T0 + 9 * DAY_MS, Keep(raw=1, minutes=2))
    series = await store.series("ada", "sht4x", T0, T0 + DAY_MS, 600)
    assert (series["level"], series["bucket_ms"]) == ("hours", 3_600_000)
    everything = await store.series("ada", "sht4x", T0, T0 + 3 * DAY_MS, 600)
    assert sum(everything["n"]["temp"]) == 3000
    await settle(store, T0 + 9 * DAY_MS, Keep(raw=1, minutes=2, hours=3))
    assert (await store.series("ada", "sht4x", T0, T0 + 3 * DAY_MS, 600))["t"] == []
    await store.close()


async def test_times_that_are_only_no_later_than_are_marked(tmp_path: Path) -> None:
    store = await filled(tmp_path, T0, 10)
    store.set_progress(1, T0, T0, False, 540_000)
    await store.commit()
    series = await store.series("ada", "sht4x", T0 + 60_000, T0 + DAY_MS, 600)
    assert series["bound"] == [[T0 + 60_000, T0 + 540_001]]
    store.set_progress(1, T0, T0, True, 540_000)
    await store.commit()
    assert (await store.series("ada", "sht4x", T0, T0 + DAY_MS, 600))["bound"] == []
    await store.close()


def old_database(path: Path, version: int) -> None:
    """A database as a program of that schema left it, with rows in two hours."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as old:
        for number, script in enumerate(schema.MIGRATIONS[:version], 1):
            old.executescript(f"BEGIN; {script}; PRAGMA user_version = {number}; COMMIT;")
        old.execute("INSERT INTO node(id, name) VALUES(1, 'ada')")
        old.execute("INSERT INTO sensor(id, node, name, fields) VALUES(1, 1, 'sht4x', '[\"temp\"]')")
        old.execute("INSERT INTO boot(id, node, boot, boot_ms, seen_ms) VALUES(1, 1, '9f3a', ?, ?)", (T0, T0))
        rows = [(1 << 32 | seq, 1, seq * 10_000, T0 + seq * 10_000, float(seq)) for seq in range(700)]
        old.executemany("INSERT INTO sample(id, sensor, up, ts, v0) VALUES(?, ?, ?, ?, ?)", rows)


@pytest.mark.parametrize("version", [1, 2])
async def test_a_database_of_an_earlier_schema_keeps_its_rows_and_gets_its_rollups(
    tmp_path: Path, version: int
) -> None:
    old_database(tmp_path / "fleet.db", version)
    store = Store(tmp_path / "fleet.db")
    await store.open()
    before = await store.series("ada", "sht4x", T0, T0 + 40 * DAY_MS, 600)
    await settle(store)
    assert await store.series("ada", "sht4x", T0, T0 + 40 * DAY_MS, 600) == before
    await store.close()
    database = Database(tmp_path / "fleet.db")
    with contextlib.closing(database.sql):
        for level in (MINUTE, HOUR):
            assert rolled_up(database, level, 1) == from_rows(database, level, 1) != {}


async def test_commits_go_on_while_rollups_and_expiry_are_at_work(tmp_path: Path) -> None:
    store = await filled(tmp_path, T0)
    node, dice = store.node_id("ada"), random.Random(1)
    sensor = store.sensor(node, "sht4x", ("temp",))
    work = asyncio.ensure_future(settle(store, T0 + 4 * DAY_MS, Keep(raw=1)))
    for seq in range(5000, 5100):
        store.add_sample(1, seq, sensor, 0, T0 + dice.randrange(5 * DAY_MS), {"temp": 0.0})
        await store.commit()
    await work
    await settle(store, T0 + 4 * DAY_MS, Keep(raw=1))
    (account,) = (await store.delivery("ada"))["ada"]
    assert account["stored"] + account["expired"] == 3101
    everything = await store.series("ada", "sht4x", T0, T0 + 40 * DAY_MS, 600)
    assert sum(everything["n"]["temp"]) == 3100
    await store.close()
