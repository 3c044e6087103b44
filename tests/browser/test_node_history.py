"""The charts of the node page over a year of history: every range, its band, its gaps, and times that are a bound."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import math
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from fleet_dashboard.keep import DAY_MS
from fleet_dashboard.store import Store
from support.broker import Broker
from support.dashboard import DashboardProcess

PLOT = "[data-sensor=sht4x] .plot"
META = {
    "boot": "9f3a",
    "seq": 0,
    "up": 0,
    "schema": "1.1",
    "name": "Ada",
    "board": "unix",
    "fw": "1.29.0",
    "app": "0.1.0",
    "period": 1_800_000,
    "sensors": {"sht4x": {"temp": ["Cel", "temperature"], "hum": ["%RH", "humidity"]}},
}


async def a_year(path: Path, now: int) -> None:
    """A reading every half hour, of the last two days every minute; a month of spring has none, and days 2 and 3
    before today were only heard of afterwards."""
    store = Store(path)
    await store.open()
    node = store.node_id("ada")
    sensor = store.sensor(node, "sht4x", ("temp", "hum"))
    boots = [store.new_boot(node, name, now) for name in ("9f39", "9f3a", "9f3b")]
    store.set_meta(node, META)
    begin = now - 364 * DAY_MS
    times = [*range(begin, now - 2 * DAY_MS, 1_800_000), *range(now - 2 * DAY_MS, now, 60_000)]
    for seq, ts in enumerate(times):
        if 120 < (ts - begin) / DAY_MS < 150:
            continue
        boot = boots[2] if now - ts < DAY_MS else boots[1] if now - ts < 3 * DAY_MS else boots[0]
        day, year = ts / DAY_MS * math.tau, (ts - begin) / DAY_MS / 365 * math.tau
        temp = 14 - 9 * math.cos(year) - 4 * math.cos(day) + math.sin(seq)
        store.add_sample(boot, seq, sensor, ts - begin, ts, {"temp": temp, "hum": 60 + 15 * math.sin(year + day)})
    store.set_progress(boots[0], begin, now - 3 * DAY_MS, True, 0)
    store.set_progress(boots[1], now - 3 * DAY_MS, now - DAY_MS, False, 2 * DAY_MS)
    store.set_progress(boots[2], now - DAY_MS, now, True, 0)
    await store.commit()
    while await store.tend(now):
        pass
    await store.close()
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        rows = "(SELECT count(*) FROM sample WHERE id >> 32 = boot.id)"  # as if each of them had been counted
        database.execute(f"UPDATE boot SET counted = 1, next_seq = {rows}, floor_seq = {rows}")


@pytest.fixture(scope="module")
def dashboard(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardProcess]:
    folder = tmp_path_factory.mktemp("year")
    with ThreadPoolExecutor(1) as other:  # playwright's own loop runs in this one
        other.submit(asyncio.run, a_year(folder / "fleet.db", time.time_ns() // 1_000_000)).result()
    with DashboardProcess(broker.url, data_dir=folder) as running:
        yield running


@pytest.fixture(autouse=True)
def empty_fleet() -> None:
    """The node of this module lives in the database alone, and stays."""


@pytest.mark.parametrize(
    ("key", "level", "points"),
    [
        ("6h", "rows", r"^3[56]\d$"),
        ("7d", "minutes", r"^[34]\d\d$"),
        ("30d", "hours", r"^3[56]\d$"),
        ("365d", "hours", r"^3[2-4]\d$"),
    ],
)
def test_each_range_is_drawn_from_what_it_needs_and_nothing_moves(
    page: Page, key: str, level: str, points: str
) -> None:
    page.goto("/node/ada?range=1d")
    expect(page.locator(PLOT)).to_have_attribute("data-level", re.compile("rows|minutes"))
    before = page.locator(PLOT).bounding_box()
    page.locator(f"[data-range='{key}']").click()
    expect(page.locator(PLOT)).to_have_attribute("data-points", re.compile(points))
    expect(page.locator(PLOT)).to_have_attribute("data-level", level)
    assert page.locator(PLOT).bounding_box() == before


def test_times_that_are_only_a_bound_are_shaded_and_explained(page: Page) -> None:
    page.goto("/node/ada?range=7d")
    expect(page.locator(PLOT)).to_have_attribute("data-bound", "1")
    expect(page.locator(".chart-note")).to_contain_text("no later than shown")
    page.locator("[data-range='6h']").click()
    expect(page.locator(PLOT)).to_have_attribute("data-bound", "0")
    expect(page.locator(".chart-note")).to_have_text("Every reading.")


def test_a_month_without_readings_is_a_gap_in_the_year(page: Page) -> None:
    page.goto("/node/ada?range=365d")
    expect(page.locator(PLOT)).to_have_attribute("data-level", "hours")
    expect(page.locator(".chart-note")).to_contain_text("Points of 1 day")
    times = page.request.get(
        f"/api/nodes/ada/series?sensor=sht4x&from={int(time.time() * 1000) - 365 * DAY_MS}&points=600"
    ).json()["t"]
    assert max(later - time for time, later in itertools.pairwise(times)) > 29 * DAY_MS


def test_the_readings_of_the_range_can_be_taken_away(page: Page) -> None:
    page.goto("/node/ada?range=6h")
    expect(page.locator(PLOT)).to_have_attribute("data-level", "rows")
    with page.expect_download() as download:
        page.locator(".take-csv").click()
    assert download.value.suggested_filename == "fleet-ada-readings.csv"
    lines = download.value.path().read_text().splitlines()
    assert lines[0].startswith("time,node,sensor,field,value")
    assert 715 <= len(lines) <= 725, "two fields a minute for six hours"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 800), (1920, 1080)])
def test_it_fits_every_screen(
    page: Page, shoot: Callable[[Page, str], Path], scheme: str, width: int, height: int
) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": height})
    for key in ("7d", "365d"):
        page.goto(f"/node/ada?range={key}")
        expect(page.locator(PLOT)).to_have_attribute("data-points", re.compile("^[1-9]"))
        page.locator(".range-row").scroll_into_view_if_needed()
        page.evaluate("document.querySelector('.range-row').scrollIntoView()")
        shoot(page, f"node-history-{key}-{width}-{scheme}")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, json.dumps({"width": width, "over": wide})
