"""Databases of every released version, as their own programs left them, open in this one with all they have."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from fleet_dashboard.schema import MIGRATIONS
from fleet_dashboard.store import Store, StoreError
from support import tiers
from support.seed import amount, chance

FOLDER = tiers.ROOT / "tests" / "vectors" / "databases"
VERSIONS = {int(path.stem.partition("-")[2]): path for path in sorted(FOLDER.glob("schema-*.sql"))}
OPEN = "import asyncio, pathlib, sys\nfrom fleet_dashboard.store import Store\n" + (
    "async def main():\n    store = Store(pathlib.Path(sys.argv[1]))\n    print('begin', flush=True)\n"
    "    await store.open()\n    print('open', flush=True)\n    await store.close()\nasyncio.run(main())\n"
)
FOLDERS = [str(tiers.ROOT / part) for part in ("node", "fleet-tools", "dashboard")]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(FOLDERS)}
HOLES = {("ada", "9f3a"): {40, 41, 60}, ("ada", "01c7"): {0, 40, 41, 60}, ("bo", "9f3a"): set()}


def made(version: int, path: Path) -> Path:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(VERSIONS[version].read_text())
    return path


def ask(path: Path, question: str, *values: Any) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute(question, values).fetchall()


def version_of(path: Path) -> int:
    return int(ask(path, "PRAGMA user_version")[0][0])


READINGS = (
    "SELECT node.name, boot.boot, sample.id & 4294967295, sensor.name, sensor.fields, up, ts, v0, v1 FROM sample "
    "JOIN sensor ON sensor.id = sensor JOIN boot ON boot.id = sample.id >> 32 JOIN node ON node.id = boot.node "
    "ORDER BY 1, 2, 3"
)
EVENTS = (
    "SELECT node.name, boot.boot, event.id & 4294967295, input, type, n, up, ts FROM event "
    "JOIN boot ON boot.id = event.id >> 32 JOIN node ON node.id = boot.node ORDER BY 1, 2, 3"
)
LOGS = "SELECT node.name, level, msg, tb, ts FROM log JOIN node ON node.id = log.node ORDER BY ts, 1"
REST = "SELECT boot, boot_ms, seen_ms FROM boot ORDER BY id"


def contents(path: Path) -> list[list[tuple[Any, ...]]]:
    return [ask(path, question) for question in (READINGS, EVENTS, LOGS, REST, "SELECT id, name, meta FROM node")]


async def test_there_is_a_database_of_every_version_before_this_one() -> None:
    assert set(VERSIONS) >= set(range(1, len(MIGRATIONS))), "a new schema: keep a database of the one before it"


@pytest.mark.parametrize("version", VERSIONS)
async def test_all_readings_events_and_accounts_are_there_and_a_second_open_does_nothing(
    version: int, tmp_path: Path
) -> None:
    path = made(version, tmp_path / "fleet.db")
    before = contents(path)
    first = {0} if version == 1 else set()  # the birth certificate had this number in contract 1.0
    all_holes = {key: holes | first for key, holes in HOLES.items()}
    sent = {(*key, seq) for key, holes in all_holes.items() for seq in range(130) if seq not in holes}
    assert {row[:3] for row in before[0]} == {one for one in sent if one[2] != 70}
    assert {row[:3] for row in before[1]} == {one for one in sent if one[2] == 70}
    store = Store(path)
    await store.open()
    delivery = await store.delivery()
    while await store.tend(time.time_ns() // 1_000_000 + 10**12):
        pass
    series = await store.series("ada", "sht4x", 0, 1 << 50, 5000)
    await store.close()
    assert version_of(path) == len(MIGRATIONS)
    assert contents(path) == before
    accounts = {(node, one["boot"]): one for node, boots in delivery.items() for one in boots}
    for key, holes in all_holes.items():
        account = accounts[key]
        assert (account["taken"], account["stored"]) == (130, 130 - len(holes)), key
        assert account["counted"] is (version > 1)  # contract 1.0 numbered what is no reading as well
        if version > 1:
            gone = holes & {60} if key == ("ada", "9f3a") else set()
            assert (account["missing"], account["gone"]) == (len(holes - gone), len(gone)), key
            assert account["stored"] + account["missing"] + account["gone"] == account["taken"]
    rows = [row for row in before[0] if row[0] == "ada"]
    assert sum(series["n"]["temp"]) == len(rows)
    assert rollups(path) == minutes(before[0])
    digest = state(path)
    again = Store(path)
    await again.open()
    await again.close()
    assert state(path) == digest


def rollups(path: Path) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    found = ask(
        path,
        "SELECT node.name, start, field, n, low, high, total FROM rollup JOIN sensor ON sensor.id = sensor "
        "JOIN node ON node.id = sensor.node WHERE level = 1",
    )
    return {row[:3]: (*row[3:6], pytest.approx(row[6])) for row in found}


def minutes(rows: list[tuple[Any, ...]]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """The same, straight from the readings."""
    found: dict[tuple[Any, ...], list[float]] = {}
    for node, _, _, _, _, _, ts, *values in rows:
        for place, value in enumerate(values):
            if value is not None:
                found.setdefault((node, ts - ts % 60_000, place), []).append(value)
    return {key: (len(values), min(values), max(values), sum(values)) for key, values in found.items()}


def state(path: Path) -> list[str]:
    """All that is in it but when it was last looked at."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        return [line for line in database.iterdump() if not line.startswith('INSERT INTO "about"')]


def enlarge(path: Path, copies: int) -> None:
    """Make it large enough that an upgrade takes a while: the same readings again, under later numbers."""
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(sample)")]
        values = ", ".join(["id + ? * 1000", *columns[1:]])
        for copy in range(1, copies):
            database.execute(f"INSERT INTO sample SELECT {values} FROM sample WHERE id & 4294967295 < 1000", (copy,))


@pytest.mark.parametrize("version", [version for version in VERSIONS if version < len(MIGRATIONS)])
def test_kill_9_at_any_moment_of_an_upgrade_leaves_a_database_that_opens(version: int, tmp_path: Path) -> None:
    dice = chance(f"upgrade {version}")
    whole = made(version, tmp_path / "whole.db")
    enlarge(whole, 80)
    before = contents(whole)
    length, unfinished = 0.0, 0
    for attempt in range(amount("FLEET_KILLS", 5)):
        path = tmp_path / f"{attempt}" / "fleet.db"
        path.parent.mkdir()
        path.write_bytes(whole.read_bytes())
        if attempt == 0:
            length = upgrade(path, None)
        else:
            upgrade(path, dice.uniform(0, length))
        unfinished += version_of(path) < len(MIGRATIONS)
        assert upgrade(path, None) > 0
        assert version_of(path) == len(MIGRATIONS)
        assert ask(path, "PRAGMA integrity_check") == [("ok",)]
        assert contents(path) == before
    print(f"{unfinished} were killed before the end")


def upgrade(path: Path, kill_after: float | None) -> float:
    """Open it in a process of its own; the seconds until it was open. It is killed so long after it began."""
    with subprocess.Popen(
        [sys.executable, "-c", OPEN, str(path)], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begin\n"
        began = time.monotonic()
        if kill_after is not None:
            time.sleep(kill_after)
            process.send_signal(signal.SIGKILL)
        process.stdout.readline()
        took = time.monotonic() - began
        code = process.wait(60)
    assert code in ((0,) if kill_after is None else (0, -signal.SIGKILL))
    return took


def test_a_database_of_a_newer_program_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = made(max(VERSIONS), tmp_path / "fleet.db")
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(StoreError, match=f"schema {len(MIGRATIONS) + 1}.*use a newer program"):
        asyncio.run(Store(path).open())
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    assert [one.name for one in tmp_path.iterdir()] == ["fleet.db"]


@pytest.mark.parametrize("version", [version for version in VERSIONS if version < len(MIGRATIONS)])
def test_a_disk_that_is_full_in_the_middle_of_an_upgrade_costs_nothing(version: int, tmp_path: Path) -> None:
    path = made(version, tmp_path / "fleet.db")
    before = contents(path)
    size = path.stat().st_size

    def limit() -> None:  # in the child: the log of the upgrade cannot grow to what it needs
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))

    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(path)], env=ENVIRONMENT, preexec_fn=limit, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "cannot be used" in done.stderr, done.stderr
    assert version_of(path) < len(MIGRATIONS)
    assert path.stat().st_size <= size * 3
    upgrade(path, None)
    assert version_of(path) == len(MIGRATIONS)
    assert contents(path) == before
