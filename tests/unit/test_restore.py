"""A backup takes the place of a database: looked at first, put in place whole, and what was there is kept."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_dashboard.claim import InUse, claim
from fleet_dashboard.export import Exports
from fleet_dashboard.schema import MIGRATIONS
from fleet_dashboard.store import Store, StoreError
from fleet_dashboard.store_restore import restore
from support import tiers

T0 = 1_760_000_400_000
STAMP = "20261128-220000"
ROUND = "20261128-215900-0a0b0c"


async def fill(path: Path, count: int, backup: Path | None = None) -> str:
    """A dashboard's database with so many readings; its instance."""
    store = Store(path)
    await store.open()
    node = store.node_id("ada")
    boot = store.new_boot(node, "9f3a", T0)
    sensor = store.sensor(node, "sht4x", ("temp",))
    for seq in range(count):
        store.add_sample(boot, seq, sensor, seq, T0 + seq, {"temp": float(seq)})
    await store.commit()
    if backup is not None:
        pieces = await Exports(store).backup()
        backup.write_bytes(b"".join([piece async for piece in pieces]))  # noqa: ASYNC240
    instance = store.instance
    await store.close()
    return instance


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    folder = tmp_path / "original"
    (folder / "rounds").mkdir(parents=True)
    head = {"id": ROUND, "state": "done", "challenge": "sprint", "title": "Sprint", "unit": "", "started": T0}
    (folder / "rounds" / f"{ROUND}.json").write_text(json.dumps({**head, "digits": 0, "rows": []}))
    asyncio.run(fill(folder / "fleet.db", 50, tmp_path / "backup.db"))
    return tmp_path / "backup.db"


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """Of another dashboard, with readings of its own; no half-made file may be left in its folder."""
    path = tmp_path / "data" / "fleet.db"
    asyncio.run(fill(path, 7))
    yield path
    assert not list(path.parent.glob(".restore-*"))


def rows(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return int(database.execute("SELECT count(*) FROM sample").fetchone()[0])


def instance(path: Path) -> str:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return str(database.execute("SELECT instance FROM about").fetchone()[0])


def test_it_takes_the_place_and_what_was_there_is_kept(backup: Path, target: Path) -> None:
    session = instance(target)
    done = restore(backup, target, STAMP)
    assert (done.readings, done.nodes, done.newest, done.rounds) == (50, 1, T0 + 49, 1)
    assert (rows(target), rows(target.with_name(f"fleet.db.{STAMP}"))) == (50, 7)
    assert done.kept == target.with_name(f"fleet.db.{STAMP}")
    assert instance(target) == session  # the broker's session goes on
    assert (target.parent / "rounds" / f"{ROUND}.json").is_file()
    asyncio.run(fill(target, 0))  # it opens, and is what it was
    assert rows(target) == 50
    with contextlib.closing(sqlite3.connect(target)) as database:
        assert database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'backup_round'").fetchone() == (0,)


def test_in_an_empty_folder_it_gets_a_session_of_its_own(backup: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "fleet.db"
    assert restore(backup, target, STAMP).kept is None
    assert rows(target) == 50
    assert instance(target) not in ("", instance(backup))  # the original may live on


def test_results_that_are_there_stay_as_they_are(backup: Path, target: Path) -> None:
    (target.parent / "rounds").mkdir()
    mine = target.parent / "rounds" / f"{ROUND}.json"
    mine.write_text("mine")
    assert restore(backup, target, STAMP).rounds == 0
    assert mine.read_text() == "mine"


def test_results_of_a_forged_backup_go_nowhere_else(backup: Path, target: Path) -> None:
    with contextlib.closing(sqlite3.connect(backup)) as database, database:
        database.execute("UPDATE backup_round SET name = '../../evil'")
    assert restore(backup, target, STAMP).rounds == 0
    assert not list(target.parents[1].rglob("evil*"))


@pytest.mark.parametrize("version", [1, 2])
def test_one_of_an_older_version_is_upgraded_at_the_next_start(version: int, target: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    with contextlib.closing(sqlite3.connect(old)) as database:
        script = tiers.ROOT / "tests" / "vectors" / "databases" / f"schema-{version}.sql"
        database.executescript(script.read_text())
    expected = rows(old)
    assert restore(old, target, STAMP).schema == version
    asyncio.run(fill(target, 0))
    assert rows(target) == expected


def broken(backup: Path, how: str) -> Path:
    path = backup.with_name("broken.db")
    data = bytearray(backup.read_bytes())
    if how == "cut":
        data = data[: len(data) // 2]
    elif how == "holed":
        data[4096 * 3 : 4096 * 6] = bytes(4096 * 3)
    elif how == "text":
        data = bytearray(b"time,node,sensor\r\n" * 500)
    elif how == "empty":
        data = bytearray()
    path.write_bytes(data)
    if how in ("foreign", "newer"):
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            said = f"PRAGMA user_version = {len(MIGRATIONS) + 1}" if how == "newer" else "DROP TABLE event"
            database.execute(said)
    return path


@pytest.mark.parametrize(
    ("how", "word"),
    [
        *[("cut", "damaged"), ("holed", "damaged"), ("text", "no database at all")],
        *[("empty", "not a backup"), ("foreign", "not a backup"), ("newer", "use a newer program")],
    ],
)
def test_what_is_no_good_is_refused_and_nothing_changes(how: str, word: str, backup: Path, target: Path) -> None:
    before = {path.name: path.read_bytes() for path in target.parent.iterdir()}
    with pytest.raises(StoreError, match=word):
        restore(broken(backup, how), target, STAMP)
    assert {path.name: path.read_bytes() for path in target.parent.iterdir()} == before


def test_files_that_cannot_be_one_are_refused(backup: Path, target: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no file"):
        restore(tmp_path / "nothing.db", target, STAMP)
    with pytest.raises(StoreError, match="the database itself"):
        restore(target, target, STAMP)
    backup.with_name("backup.db-wal").write_bytes(b"x")
    with pytest.raises(StoreError, match="in use, not a backup"):
        restore(backup, target, STAMP)
    assert rows(target) == 7


async def test_whoever_has_the_database_open_hinders_it(backup: Path, target: Path) -> None:
    store = Store(target)  # as a dashboard of an older version, which does not hold the folder
    await store.open()
    with pytest.raises(StoreError, match="stop the dashboard first"):
        restore(backup, target, STAMP)
    await store.close()
    assert rows(target) == 7


def test_a_broken_database_can_be_replaced_and_is_kept_with_its_log(backup: Path, target: Path) -> None:
    target.write_bytes(b"this was a database once" * 1000)
    target.with_name("fleet.db-wal").write_bytes(b"and this its log")
    restore(backup, target, STAMP)
    assert rows(target) == 50
    assert target.with_name(f"fleet.db.{STAMP}").read_bytes().startswith(b"this was")
    assert target.with_name(f"fleet.db.{STAMP}-wal").read_bytes() == b"and this its log"


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    with claim(tmp_path / "data"), pytest.raises(InUse, match="a dashboard is using"), claim(tmp_path / "data"):
        raise AssertionError("it is held twice")
    with claim(tmp_path / "data"):
        pass
