"""A replay tells what was known at each moment by sample time, by index and in bounded pieces."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from fleet_dashboard import store_happenings, store_replay, store_write, web_time
from fleet_dashboard.replay import MAX_SPAN_MS, Replay
from fleet_dashboard.store import Store

T0 = 1_760_000_400_000
SENSORS = {1: ("ada", "sht4x"), 2: ("ada", "imu"), 3: ("bo", "sht4x")}


def filled(path: Path, samples: list[tuple[int, int, float]], happened: Sequence[tuple[int, str, str]] = ()) -> None:
    """Samples (sensor, ms after T0, value), in any order of arrival, and states (ms after T0, node, state)."""
    with contextlib.closing(store_write.connect(path)) as made:
        made.execute("PRAGMA synchronous = OFF")
        store_write.migrate(made)
        rows: store_write.Rows = {
            store_write.NODE: [(1, "ada"), (2, "bo")],
            store_write.SENSOR: [
                (1, 1, "sht4x", '["temp"]'),
                (2, 1, "imu", '["ax"]'),
                (3, 2, "sht4x", '["temp"]'),
            ],
            store_write.BOOT: [(1, 1, "9f3a", T0), (2, 2, "77c1", T0)],
            store_write.SAMPLES[1]: [
                ((1 if sensor < 3 else 2) << 32 | seq, sensor, 0, T0 + at, value)
                for seq, (sensor, at, value) in enumerate(samples)
            ],
            store_happenings.WRITE: [
                (number + 1, T0 + at, T0 + at, 1, node, "state", state, "", state, "9f3a", "because")
                for number, (at, node, state) in enumerate(happened)
            ],
        }
        store_write.write(made, rows, False)


async def played(path: Path, start: int, end: int, every: int = 1) -> dict[str, Any]:
    """All chunks of a span, one behind the other."""
    store = Store(path)
    await store.open()
    try:
        replay, pieces, at = Replay(store), [], start
        while at < end:
            pieces.append(await replay.chunk(at, end, every, with_state=at == start))
            assert at < pieces[-1]["to"] <= end
            at = pieces[-1]["to"]
    finally:
        await store.close()
    return {
        "state": pieces[0]["state"],
        "pieces": pieces,
        "values": [row for piece in pieces for row in piece["values"]],
        "happenings": [row for piece in pieces for row in piece["happenings"]],
        "events": [row for piece in pieces for row in piece["events"]],
    }


SAMPLES = st.lists(
    st.tuples(st.sampled_from(list(SENSORS)), st.integers(-20_000, 100_000), st.integers(0, 99).map(float)),
    max_size=60,
    unique_by=lambda one: one[:2],
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(samples=SAMPLES, start=st.integers(-5000, 50_000), every=st.sampled_from([1, 2, 10]))
def test_a_value_at_a_moment_is_the_newest_sample_until_then(
    samples: list[tuple[int, int, float]], start: int, every: int
) -> None:
    """At the end of every step, whatever the order in which the samples came in."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fleet.db"
        filled(path, samples)
        found = asyncio.run(played(path, T0 + start, T0 + 90_000, every))
    shown = {
        (node["id"], sensor): next(iter(values.values()))
        for node in found["state"]["nodes"]
        for sensor, values in node["v"].items()
    }
    rows = list(found["values"])
    assert rows == sorted(rows, key=lambda row: row[0])
    for end in range(T0 + start, T0 + 90_000, 1000 * every):
        whole = end - end % (1000 * every)  # steps lie on whole multiples since the Epoch
        if whole < T0 + start:
            continue
        while rows and rows[0][0] < whole:
            _, node, sensor, (value,) = rows.pop(0)
            shown[node, sensor] = value
        for number, name in SENSORS.items():
            before = [(at, value) for one, at, value in samples if one == number and T0 + at < whole]
            assert shown.get(name) == (max(before)[1] if before else None), (name, whole - T0)


async def test_the_state_at_the_beginning_is_that_of_then(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    samples = [(1, at, at / 1000) for at in range(0, 60_000, 1000)] + [(3, 0, 7.0)]
    filled(path, samples, [(-1000, "ada", "online"), (10_000, "bo", "lost"), (40_000, "ada", "offline")])
    found = await played(path, T0 + 30_000, T0 + 50_000)
    ada, bo = sorted(found["state"]["nodes"], key=lambda node: str(node["id"]))
    assert (ada["state"], ada["v"], ada["t"]) == ("online", {"sht4x": {"temp": 29.0}}, {"sht4x": T0 + 29_000})
    assert (bo["state"], bo["since"], bo["why"], bo["last"]) == ("lost", T0 + 10_000, "because", T0)
    assert ada["spark"]["points"] == [float(number) for number in range(30)]
    assert [(row["node"], row["state"], row["t"]) for row in found["happenings"]] == [("ada", "offline", T0 + 40_000)]
    assert [row[0] for row in found["values"]] == [T0 + at for at in range(30_000, 50_000, 1000)]


async def test_nobody_is_there_before_the_first_sign_and_after_being_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    filled(path, [(1, 0, 1.0), (3, 0, 1.0)], [(5000, "ada", "forgotten")])
    assert (await played(path, T0 - 1, T0 + 1000))["state"]["nodes"] == []
    later = await played(path, T0 + 6000, T0 + 7000)
    assert [node["id"] for node in later["state"]["nodes"]] == ["bo"]
    day = store_replay.BACK_MS
    assert (await played(path, T0 + day + 1, T0 + day + 1000))["state"]["nodes"] == []


async def test_open_alerts_are_those_that_were_open_then(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    filled(path, [])
    with contextlib.closing(sqlite3.connect(path)) as made:
        rows = [(1, "host", "started", ""), (2, "alert", "raised", "schema"), (3, "alert", "raised", "silent")]
        rows += [(4, "alert", "cleared", "silent"), (6, "host", "started", "")]
        for number, (second, kind, word, about) in enumerate(rows):
            ts = T0 + second * 1000
            row = (number + 1, ts, ts, 1, "ada" if about else "", kind, word, about, None, "", "said")
            made.execute(store_happenings.WRITE, row)
        made.commit()
    for second, wanted in ((2.5, ["schema"]), (3.5, ["silent", "schema"]), (4.5, ["schema"]), (6.5, [])):
        state = (await played(path, T0 + int(second * 1000), T0 + 7000))["state"]
        assert [alert["kind"] for alert in state["alerts"]] == wanted


async def test_a_press_is_told_and_its_release_is_not(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    filled(path, [])
    with contextlib.closing(sqlite3.connect(path)) as made:
        for seq, (at, kind) in enumerate(((100, "press"), (300, "release"), (2100, "press"), (2200, "press"))):
            row = (1 << 32 | seq, 1, "button-a", kind, seq, 0, T0 + at)
            made.execute("INSERT INTO event VALUES(?, ?, ?, ?, ?, ?, ?)", row)
        made.commit()
    found = await played(path, T0, T0 + 10_000)
    assert [(event["t"] - T0, event["type"]) for event in found["events"]] == [(100, "press"), (2200, "press")]


async def test_a_chunk_is_bounded_however_much_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fleet.db"
    filled(path, [(sensor, at, 0.0) for sensor in SENSORS for at in range(0, 100_000, 100)])
    monkeypatch.setattr(store_replay, "MAX_VALUES", 60)
    found = await played(path, T0, T0 + 100_000)
    assert [piece["to"] - piece["from"] for piece in found["pieces"]] == [20_000] * 5
    assert [len(piece["values"]) for piece in found["pieces"]] == [60] * 5
    monkeypatch.undo()
    assert len((await played(path, T0, T0 + 100_000))["pieces"]) == 1
    longest = await played(path, T0, T0 + 3_600_000)
    assert max(piece["to"] - piece["from"] for piece in longest["pieces"]) == 300_000


def test_no_question_reads_a_whole_table(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    dice = random.Random(1)
    filled(path, [(dice.choice([1, 2, 3]), at, 0.0) for at in range(0, 500_000, 1000)])
    with contextlib.closing(sqlite3.connect(path)) as made:
        questions = {
            name: getattr(store_replay, name)
            for name in ("STATES", "LAST", "LAST_EVENTS", "ALERTS", "ACTIVE", "ROWS", "EVENTS", "HAPPENED", "COUNTS")
        }
        questions["FIRST"] = store_replay.FIRST
        questions["SPARK"] = store_replay.SPARK.format(place=0)
        questions["ROWS"] = store_replay.ROWS.format(values="v0")
        asked: list[str] = []
        made.set_trace_callback(asked.append)
        for nodes, kinds in ((None, None), (["ada"], None), (None, ["state"]), (["ada", "bo"], ["alert"])):
            store_happenings.page(made, (0, 1 << 60), nodes, kinds, (5, 5), 100)
        made.set_trace_callback(None)
        questions |= {f"page {number}": query for number, query in enumerate(asked)}
        for name, query in questions.items():
            count = query.count("?") if "?1" not in query else max(int(n) for n in "1234" if f"?{n}" in query)
            plan = [row[3] for row in made.execute(f"EXPLAIN QUERY PLAN {query}", (0,) * count)]
            scans = [step for step in plan if step.startswith("SCAN")]
            whole = [step for step in scans if any(table in step for table in ("sample", "event", "happening", "last"))]
            assert not whole, f"{name}: {plan}"
            assert len(plan) > 0


# -- over HTTP ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/timeline", 200),
        ("/api/timeline?from=5&to=9&node=ada&kind=birth,state&limit=500&before=5.3", 200),
        ("/api/timeline?group=red", 200),
        ("/api/timeline?kind=nonsense", 400),
        ("/api/timeline?limit=501", 400),
        ("/api/timeline?limit=0", 400),
        ("/api/timeline?from=9&to=5", 400),
        ("/api/timeline?before=x", 400),
        ("/api/timeline?before=5", 400),
        ("/api/timeline?node=%27%20OR%201=1--", 200),
        ("/api/replay?from=5&to=9", 200),
        ("/api/replay?state=1", 200),
        ("/api/replay?from=9&to=5", 400),
        ("/api/replay?from=x", 400),
        ("/api/replay?every=0", 400),
        ("/api/replay?every=61", 400),
        (f"/api/replay?from=0&to={MAX_SPAN_MS + 1}", 400),
        (f"/api/replay/marks?from=0&to={MAX_SPAN_MS}", 200),
        ("/api/replay/marks?from=9007199254740993", 400),
    ],
)
async def test_what_was_is_told_or_one_sentence(tmp_path: Path, path: str, status: int) -> None:
    store = Store(tmp_path / "fleet.db")
    await store.open()
    transport = httpx.ASGITransport(Starlette(routes=web_time.TimePages(store, {}, lambda: T0).routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.get(path)
    await store.close()
    assert (answer.status_code, "error" in answer.json()) == (status, status != 200), answer.text


async def test_readings_that_have_expired_are_said_to_have(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    filled(path, [(1, 5000, 1.0)])
    store = Store(path)
    await store.open()
    marks = await Replay(store).marks(T0, T0 + 10_000)
    assert (marks["stored_from"], marks["expired_before"]) == (T0 + 5000, None)
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("UPDATE sensor SET raw_from = ? WHERE id = 2", (T0 + 2000,))
        made.commit()
    assert (await Replay(store).marks(T0, T0 + 10_000))["expired_before"] == T0 + 2000
    assert json.dumps(marks)
    await store.close()
