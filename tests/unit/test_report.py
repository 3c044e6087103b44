"""The report of a lesson: exact sums, all text escaped, and one sentence for what makes no sense."""

from __future__ import annotations

import csv
import html.parser
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fleet_dashboard import report_html, web
from fleet_dashboard.export import Exports
from fleet_dashboard.keep import DAY_MS, Keep
from fleet_dashboard.nodes import Registry
from fleet_dashboard.report import Reports
from fleet_dashboard.store import Store
from fleet_dashboard.web_report import ReportPages
from support.rights import Rights

T0 = 1_760_000_400_000  # a whole minute: 2025-10-09 09:00 UTC
NOW = T0 + 100 * 60_000
EVIL = '<img src=x onerror="alert(1)">&=cmd'
SPAN = f"from={T0}&to={T0 + 60 * 60_000}"


class Fleet:
    """As much of a service as the report asks."""

    def __init__(self, store: Store) -> None:
        self.exports = Exports(store)
        self.rights = Rights()
        row = {"id": "r", "started": T0 + 5000, "state": "done", "title": f"Sprint {EVIL}", "unit": "presses"}
        winner = {"place": 1, "node": "ada", "name": EVIL, "score": 31, "teams": ["red"]}
        self.rounds = [{**row, "winners": [winner]}, {**row, "started": T0 - 1, "winners": []}]
        rows = [{"node": "ada", "st": "done"}, {"node": "bo", "st": "silent"}]
        self.calls = [{"id": "c", "target": "_all", "name": "buzz", "at": T0 + 1, "rows": rows}]

    def results(self) -> list[dict[str, Any]]:
        return self.rounds

    def sent(self) -> list[dict[str, Any]]:
        return self.calls


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(tmp_path / "fleet.db")
    await store.open()
    for name, human, groups in (("ada", EVIL, ["red"]), ("bo", "Bo", []), ("away", "Away", [])):
        node = store.node_id(name)
        sensors = {"sht4x": {"temp": ["Cel", "temperature"]}}
        store.set_meta(node, {"boot": "9f3a", "schema": "1.1", "name": human, "groups": groups, "sensors": sensors})
        begin = T0 - 30 * DAY_MS if name == "away" else T0 - 60_000
        boot = store.new_boot(node, "9f3a", begin)
        sensor = store.sensor(node, "sht4x", ("temp", "hum"))
        for seq in range(600):  # from a minute before the lesson on, every 7 s
            ts = begin + seq * 7000
            values = {"temp": seq / 4, "hum": None if seq % 3 else -1.5}
            store.add_sample(boot, seq, sensor, seq * 7000, ts, values)
        for n in range(3):
            store.add_event(node, boot, 600 + n, "button-a", "press", n, 25_000, begin + 70_000)
        store.set_progress(boot, begin, begin + 600 * 7000, True, 0)
    minute = 60_000
    for at, node_id, kind, word, state in (
        *[
            (-99, "", "host", "started", None),
            (-30, "ada", "birth", "new", "online"),
            (9, "bo", "state", "online", "online"),
        ],
        *[(10, "ada", "state", "lost", "lost"), (20, "ada", "birth", "boot", "online"), (30, "", "host", "died", None)],
        *[
            (40, "", "host", "started", None),
            (41, "bo", "alert", "raised", None),
            (50, "bo", "state", "silent", "silent"),
        ],
        *[(55, "bo", "state", "offline", "offline"), (61, "bo", "alert", "raised", None)],
    ):
        text = EVIL if kind == "alert" else ""
        happening = (store.add_happening(), T0 + at * minute, T0 + at * minute, 1, node_id, kind, word, "silent", state)
        store.add_happening((*happening, "9f3a", text))
    await store.commit()
    yield store
    await store.close()


@pytest.fixture
async def http(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    fleet = Fleet(store)
    reports = Reports("fleet", store, Registry(), fleet, fleet)
    pages = ReportPages(reports, lambda: NOW).routes()
    transport = httpx.ASGITransport(web.application(fleet, (), pages))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        yield client


def expected() -> list[float]:
    return [seq / 4 for seq in range(600) if T0 <= T0 - 60_000 + seq * 7000 < T0 + 60 * 60_000]


async def test_the_sums_are_exact_however_far_the_rollups_have_come(http: httpx.AsyncClient, store: Store) -> None:
    values = expected()
    for _ in range(3):
        document = (await http.get(f"/api/report?{SPAN}")).json()
        assert [node["id"] for node in document["nodes"]] == ["ada", "bo"]  # who was away is not in it
        ada = document["nodes"][0]
        temp = ada["sensors"][0]["fields"][0]
        assert (temp["name"], temp["n"], temp["low"], temp["high"], temp["unit"]) == (
            "temp",
            len(values),
            min(values),
            max(values),
            "Cel",
        )
        assert temp["mean"] == pytest.approx(sum(values) / len(values))
        assert ada["readings"] == len(values)
        assert ada["inputs"] == [{"input": "button-a", "type": "press", "n": 3}]
        assert (ada["asked"], ada["answered"]) == (1, 1)
        assert document["totals"] == {
            **{"nodes": 2, "readings": 2 * len(values), "events": 6},
            **dict.fromkeys(("missing", "gone", "dropped"), 0),
        }
        await store.tend(NOW)  # some of it, then the rest
    while await store.tend(NOW):
        pass


async def test_time_online_is_what_the_dashboard_was_there_to_see(http: httpx.AsyncClient) -> None:
    ada, bo = (await http.get(f"/api/report?{SPAN}")).json()["nodes"]
    assert (ada["online_ms"], ada["starts"]) == ((10 + 10 + 20) * 60_000, 1)  # 0 to 10, 20 to 30, 40 to 60
    assert (bo["online_ms"], bo["starts"]) == ((21 + 15) * 60_000, 0)  # 9 to 30, 40 to 55
    assert ">40 min<" in (await http.get(f"/api/report.html?{SPAN}")).text


async def test_what_has_expired_is_still_in_its_sums(http: httpx.AsyncClient, store: Store) -> None:
    before = (await http.get(f"/api/report?{SPAN}")).json()["nodes"]
    while await store.tend(NOW + 3 * DAY_MS, Keep(1, 100, 0)):
        pass
    after = (await http.get(f"/api/report?{SPAN}")).json()["nodes"]
    assert [node["readings"] for node in after] == [node["readings"] for node in before]
    assert after[0]["sensors"][0]["fields"][0] == before[0]["sensors"][0]["fields"][0]
    while await store.tend(NOW + 3 * DAY_MS, Keep(1, 1, 0)):
        pass
    hour = (await http.get(f"/api/report?{SPAN}")).json()["nodes"][0]["sensors"][0]
    assert hour["coarse"]
    assert hour["fields"][0]["n"] == len(expected())  # this lesson was a whole hour


class Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_the_file_has_no_script_no_address_and_every_text_as_text(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"/api/report.html?{SPAN}&zone=120")
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == report_html.POLICY
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    tags = Tags()
    tags.feed(answer.text)
    names = {tag for tag, _ in tags.seen}
    assert not names & {"script", "img", "link", "iframe", "a", "form", "object", "svg", "base"}, names
    assert {"http-equiv": "Content-Security-Policy", "content": report_html.POLICY} in [one for _, one in tags.seen]
    assert not [key for _, attributes in tags.seen for key in attributes if key.startswith("on") or key == "style"]
    assert tags.text.count(EVIL) >= 4  # the node, the round, its winner and the alert
    assert "9 October 2025, 11:00 to 12:00" in tags.text
    assert "url(" not in report_html.STYLE
    assert "@import" not in report_html.STYLE


async def test_a_group_is_its_nodes_and_their_answers_only(http: httpx.AsyncClient) -> None:
    document = (await http.get(f"/api/report?{SPAN}&group=red")).json()
    assert [node["id"] for node in document["nodes"]] == ["ada"]
    assert [row["node"] for row in document["commands"][0]["rows"]] == ["ada"]
    assert document["alerts"] == []
    nobody = (await http.get(f"/api/report?{SPAN}&group=blue")).json()
    assert (nobody["nodes"], nobody["totals"]["readings"], nobody["commands"]) == ([], 0, [])
    assert "No node sent anything" in (await http.get(f"/api/report.html?{SPAN}&group=blue")).text


async def test_the_csv_has_a_line_for_each_and_no_formula(http: httpx.AsyncClient, store: Store) -> None:
    store.set_meta(store.node_id("bo"), {"boot": "9f3a", "name": "=1+1", "groups": []})
    await store.commit()
    answer = await http.get(f"/api/report.csv?{SPAN}")
    assert "attachment" in answer.headers["content-disposition"]
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    kinds = {line["kind"] for line in lines}
    assert kinds == {"span", "account", "presence", "commands", "field", "event", "round", "alert"}
    temp = next(line for line in lines if line["kind"] == "field" and line["what"] == "temp" and line["node"] == "bo")
    values = expected()
    assert [float(temp[key]) for key in ("count", "least", "most")] == [len(values), min(values), max(values)]
    assert temp["name"] == "'=1+1"
    assert not [cell for line in lines for cell in line.values() if cell and cell[0] in "=+@\t\r\n|%"]


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("from=5&to=5", "from lies before to"),
        ("from=x", "whole number"),
        ("from=0", "400 days"),
        ("group=%3Cb%3E", "name of a group"),
        (f"from={1 << 54}", "too large"),
    ],
)
@pytest.mark.parametrize("form", ["", ".html", ".csv"])
async def test_what_makes_no_sense_is_one_sentence(http: httpx.AsyncClient, form: str, query: str, word: str) -> None:
    answer = await http.get(f"/api/report{form}?{query}")
    assert (answer.status_code, word in answer.json()["error"]) == (400, True), answer.text


async def test_a_report_is_not_started_by_a_foreign_page(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/report", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[(21.4321, "21.43"), (1013.25, "1,013"), (0.0521, "0.0521"), (0.0, "0"), (-3.0, "\u22123"), (-0.0, "0")],
        *[(float("nan"), "\u2013"), (float("inf"), "\u2013"), (None, "\u2013"), (1e9, "1,000,000,000"), (1e-12, "0")],
    ],
)
def test_numbers_have_four_digits_that_matter(value: float | None, text: str) -> None:
    assert report_html.number(value) == text


def test_numbers_side_by_side_have_as_many_digits() -> None:
    assert report_html.row_of(20, 20.9412, 22.0) == ["20.00", "20.94", "22.00"]
    assert report_html.row_of(-0.11111, 0.00017, None) == ["\u22120.1111", "0.0002", "\u2013"]
    assert report_html.row_of(-0.000001, 0, 12.5) == ["0.00", "0.00", "12.50"]
