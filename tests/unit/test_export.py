"""What other programs take: CSV, Parquet, metrics, and an API description that names every route."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import re
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet
import pytest
from starlette.routing import Route

from fleet_dashboard import export, openapi, store_export, web
from fleet_dashboard.export import Csv, Exports
from fleet_dashboard.store import Store
from support import parts
from support.rights import TEACHER, Rights

T0 = 1_760_000_400_000
WHEN = "2025-10-09T09:00:00.000Z"


class Fleet:
    """As much of a service as exports, metrics and the description ask."""

    rights = Rights()

    def __init__(self, store: Store) -> None:
        self.exports = Exports(store)

    def now_ms(self) -> int:
        return T0 + 10**9

    def stats(self) -> dict[str, Any]:
        return {"messages": 12, "kept": 10, "bad": {"F-ENV-2": 2}, "db_bytes": 4096, "rows": 7}

    def health(self) -> dict[str, Any]:
        return {"broker": True}

    def snapshot(self) -> dict[str, Any]:
        counts = {"received": 5, "missing": 1, "gone": 0, "dropped": 0, "bad": 2}
        nodes = [{"id": f"n{i}", "state": "online", "last": T0, "counts": counts} for i in range(700)]
        return {"nodes": [{"id": "ada", "state": "lost", "last": None, "counts": counts}, *nodes]}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(tmp_path / "fleet.db")
    await store.open()
    for name in ("ada", "bo"):
        node = store.node_id(name)
        boot = store.new_boot(node, "9f3a", T0)
        sensor = store.sensor(node, "sht4x", ("temp", "hum"))
        for seq in range(25):  # several at the same time
            ts = T0 + seq // 4 * 1000
            store.add_sample(boot, seq, sensor, seq * 1000, ts, {"temp": seq / 4, "hum": None if seq == 3 else -1.5})
        store.add_event(node, boot, 25, "button-a", "press", 1, 25_000, T0)
        store.set_progress(boot, T0, T0, name == "ada", 0)
    await store.commit()
    yield store
    await store.close()


@pytest.fixture
async def http(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(web.application(Fleet(store), (), parts.routes()))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080", headers=TEACHER) as client:
        yield client


def rows(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


@pytest.mark.parametrize("page", [1, 3, 4, 2000])
async def test_every_reading_is_exported_once_whatever_the_size_of_a_page(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(store_export, "PAGE", page)
    monkeypatch.setattr(export, "GROUP_ROWS", 17)
    answer = await http.get("/api/export/readings.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="fleet-readings.csv"'
    found = rows(answer)
    assert list(found[0]) == list(store_export.READINGS)
    expected = [(node, field, str(seq)) for node in ("ada", "bo") for seq in range(25) for field in ("temp", "hum")]
    assert [(row["node"], row["field"], row["seq"]) for row in found] == expected
    assert found[0] | {"value": ""} == {
        **{"time": WHEN, "node": "ada", "sensor": "sht4x", "field": "temp", "value": "", "boot": "9f3a"},
        **{"seq": "0", "up": "0", "exact": "1"},
    }
    assert (found[7]["value"], found[9]["value"], found[50]["exact"]) == ("", "-1.5", "0")

    table = pyarrow.parquet.read_table(io.BytesIO((await http.get("/api/export/readings.parquet")).content))
    assert table.column_names == list(store_export.READINGS)
    same = [{**row, "value": "" if row["value"] is None else str(row["value"])} for row in table.to_pylist()]
    assert [(row["node"], row["field"], str(row["seq"]), row["value"]) for row in same] == [
        (row["node"], row["field"], row["seq"], row["value"]) for row in found
    ]
    assert same[0]["time"].isoformat() == "2025-10-09T09:00:00+00:00"


async def test_node_sensor_and_span_choose(http: httpx.AsyncClient) -> None:
    query = f"node=ada&sensor=sht4x&from={T0 + 1000}&to={T0 + 3000}"
    found = rows(await http.get(f"/api/export/readings.csv?{query}"))
    assert {row["node"] for row in found} == {"ada"}
    assert [row["seq"] for row in found if row["field"] == "temp"] == [str(seq) for seq in range(4, 12)]
    events = rows(await http.get("/api/export/events.csv?node=bo"))
    assert [(row["node"], row["input"], row["type"], row["n"], row["exact"]) for row in events] == [
        ("bo", "button-a", "press", "1", "0")
    ]
    empty = await http.get(f"/api/export/readings.parquet?node=ada&from={T0 + 10**7}")
    assert pyarrow.parquet.read_table(io.BytesIO(empty.content)).num_rows == 0


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("readings.csv?node=nobody", 404),
        ("readings.csv?node=ada&sensor=none", 404),
        ("readings.csv?from=2&to=1", 400),
        ("readings.csv?from=x", 400),
        ("events.csv?sensor=sht4x", 400),
        ("readings.xls", 404),
        ("readings.csv?node=ada'%20OR%201=1--", 404),
    ],
)
async def test_what_makes_no_sense_is_one_sentence(http: httpx.AsyncClient, path: str, status: int) -> None:
    assert (await http.get(f"/api/export/{path}")).status_code == status


async def test_without_pyarrow_csv_goes_on_and_parquet_says_what_to_do(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    answer = await http.get("/api/export/readings.parquet")
    assert (answer.status_code, "pip install" in answer.json()["error"]) == (501, True)
    assert (await http.get("/api/export/readings.csv")).status_code == 200


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1+cmd", "@SUM(A1)", "\t=1", "\r=1", "|x", "%x"])
def test_no_text_is_a_formula_for_a_spreadsheet(text: str) -> None:
    said = Csv(("time", "node")).add([(T0, text), (T0, -1.5)]).decode()
    cells = [row[1] for row in csv.reader(io.StringIO(said))]
    assert cells == [f"'{text}", "-1.5"]


async def test_prometheus_can_read_the_metrics_and_nodes_are_bounded(http: httpx.AsyncClient) -> None:
    answer = await http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    sample = re.compile(r'[a-z_]+(\{[a-z]+="[^"]*"\})? -?[0-9][0-9.e+]*')
    assert [line for line in lines if not line.startswith("# ") and not sample.fullmatch(line)] == []
    assert "fleet_messages_total 12" in lines
    assert 'fleet_messages_bad_total{rule="F-ENV-2"} 2' in lines
    assert 'fleet_node_missing{node="ada"} 1' in lines
    assert 'fleet_nodes{state="lost"} 1' in lines
    assert sum(line.startswith("fleet_node_online{") for line in lines) == 500
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


async def test_the_description_has_every_route_and_no_other(http: httpx.AsyncClient, store: Store) -> None:
    document = (await http.get("/api/openapi.json")).json()
    routes = web.Pages(Fleet(store), parts.routes()).routes()  # type: ignore[arg-type]
    there = {
        (method, route.path)
        for route in routes
        if isinstance(route, Route) and route.path.startswith(("/api", "/metrics"))
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert there == set(openapi.API), "describe it in openapi.API"
    described = {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert set(described) == there
    for (_, path), operation in described.items():
        assert operation["summary"], path
        named = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
        assert named == set(re.findall(r"\{(\w+)\}", path))
    assert set(document) == {"openapi", "info", "paths", "components"}
    assert document["openapi"].startswith("3.1")


async def test_too_many_exports_at_once_are_told_to_wait(store: Store) -> None:
    exports = Exports(store)
    wanted = export.Wanted("readings", "csv", None, None, 0, T0 * 2)
    open_ones = []
    for _ in range(export.MOST):
        pieces = await exports.stream(wanted)
        assert pieces is not None
        await anext(pieces)
        open_ones.append(pieces)
    with pytest.raises(export.Busy):
        await exports.stream(wanted)
    for pieces in open_ones:
        await pieces.aclose()  # type: ignore[attr-defined]
    assert await exports.stream(wanted) is not None


def leftovers(folder: Path) -> list[Path]:
    return list(folder.glob("backup-*"))


async def test_a_backup_is_whole_while_commits_go_on_and_leaves_nothing_behind(
    http: httpx.AsyncClient, store: Store, tmp_path: Path
) -> None:
    node, sensor = store.node_id("ada"), store.sensor(1, "sht4x", ("temp", "hum"))

    async def write() -> None:
        for seq in range(100, 3100, 2):  # two rows a commit: a copy has both or none of them
            for one in (seq, seq + 1):
                store.add_sample(node, one, sensor, one, T0 + one, {"temp": 1.0, "hum": 1.0})
            await store.commit()

    work = asyncio.ensure_future(write())
    counts = []
    for number in range(5):
        answer = await http.get("/api/backup")
        assert answer.status_code == 200
        copy = tmp_path / f"copy-{number}.db"
        copy.write_bytes(answer.content)
        with contextlib.closing(sqlite3.connect(copy)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            counts.append(database.execute("SELECT count(*) FROM sample").fetchone()[0])
        await asyncio.sleep(0.02)
    await work
    assert all(count % 2 == 0 for count in counts), counts
    assert counts == sorted(counts)
    assert leftovers(tmp_path) == []
    again = Store(tmp_path / "copy-4.db")
    await again.open()
    assert (await again.delivery("ada"))["ada"][0]["stored"] == counts[-1] - 25 + 1
    await again.close()


async def test_one_backup_at_a_time(store: Store) -> None:
    exports = Exports(store)
    pieces = await exports.backup()
    with pytest.raises(export.Busy):
        await exports.backup()
    assert b"".join([piece async for piece in pieces])[:15] == b"SQLite format 3"
    await (await exports.backup()).aclose()  # type: ignore[attr-defined]


async def test_a_backup_that_cannot_be_written_is_one_sentence(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path, rounds: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("fleet_dashboard.store_backup.backup", full)
    for _ in range(2):
        answer = await http.get("/api/backup")
        assert (answer.status_code, "No space left" in answer.json()["error"]) == (503, True)


@pytest.mark.parametrize("path", ["/api/backup", "/api/export/readings.csv"])
async def test_a_foreign_page_cannot_make_us_work(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path, headers={"sec-fetch-site": "cross-site"})).status_code == 403
    assert (await http.get(path, headers={"sec-fetch-site": "same-origin"})).status_code == 200
