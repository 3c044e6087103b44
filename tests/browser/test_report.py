"""The report page as a teacher uses it after a lesson: choose the time, read, print, take away."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from fleet_dashboard.store import Store
from support.broker import Broker
from support.dashboard import DashboardProcess

EVIL = '<img src=x onerror="document.title=1">'
PUPILS = {
    **{"ada": "Ada", "bo": "Bo", "cy": "Cyrille-Amandine de la Fontaine", "dee": EVIL, "eve": "Ève", "fay": "Fay"},
    **{"gus": "Gus", "hal": "Hal", "ida": "Ida"},
}
MINUTE = 60_000
LONG_AGO = 100 * MINUTE  # before the lesson: there are readings of ada only


async def a_lesson(path: Path, now: int) -> None:
    """Eighty minutes of nine nodes, and what ada measured before it."""
    store = Store(path)
    await store.open()
    for place, (name, human) in enumerate(PUPILS.items()):
        node = store.node_id(name)
        declared = {"sht4x": {"temp": ["Cel", "temperature"], "hum": ["%RH", "humidity"]}}
        declared["mpu6886"] = {"x": ["m/s2", "acceleration"]}
        meta = {"boot": "9f3a", "schema": "1.1", "name": human, "period": 10_000, "sensors": declared}
        store.set_meta(node, {**meta, "groups": [("red", "blue", "green")[place % 3]]})
        begin = now - (LONG_AGO if name == "ada" else 80 * MINUTE)
        boot = store.new_boot(node, "9f3a", begin)
        climate, motion = store.sensor(node, "sht4x", ("temp", "hum")), store.sensor(node, "mpu6886", ("x",))
        for seq, ts in enumerate(range(begin, now, 10_000)):
            values = {"temp": 21 + place / 8 + math.sin(seq / 30), "hum": 45 - math.cos(seq / 40) * 3}
            store.add_sample(boot, 2 * seq, climate, ts - begin, ts, values)
            store.add_sample(boot, 2 * seq + 1, motion, ts - begin, ts, {"x": math.sin(seq) / 9})
        for n in range(3 * place):
            store.add_event(node, boot, 5000 + n, "button-a", ("press", "release")[n % 2], n, 0, now - n * 9000 - 1)
        store.set_progress(boot, begin, now, True, 0)
    await store.commit()
    await store.close()
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE boot SET counted = 1")
        database.execute("UPDATE boot SET n_missing = 41, gone_high = 5, drop_high = 2 WHERE node = 3")


def a_round(folder: Path, started: int) -> None:
    folder.mkdir()
    name = f"{datetime.fromtimestamp(started / 1000):%Y%m%d-%H%M%S}-0a0b0c"
    rows = [
        {"place": place, "node": node, "name": PUPILS[node], "score": score, "teams": ["red"]}
        for place, node, score in ((1, "cy", 87), (2, "ada", 61), (3, "bo", 55))
    ]
    head = {"id": name, "state": "done", "challenge": "sprint", "title": "Most presses", "unit": "presses", "digits": 0}
    (folder / f"{name}.json").write_text(
        json.dumps({**head, "started": started, "ended": started + 30_000, "rows": rows})
    )


def make_lesson(folder: Path) -> None:
    now = time.time_ns() // 1_000_000
    with ThreadPoolExecutor(1) as other:  # playwright's own loop runs in this one
        other.submit(asyncio.run, a_lesson(folder / "fleet.db", now)).result()
    a_round(folder / "rounds", now - 30 * MINUTE)


@pytest.fixture(scope="module")
def dashboard(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardProcess]:
    folder = tmp_path_factory.mktemp("lesson")
    make_lesson(folder)
    with DashboardProcess(broker.url, data_dir=folder, wait=False) as running:
        running.wait_until_ready(60)
        yield running


@pytest.fixture(autouse=True)
def empty_fleet() -> None:
    """The nodes of this module live in the database alone, and stay."""


def figure(page: Page, name: str) -> str:
    return page.locator(".figures div", has=page.get_by_text(name, exact=True)).locator("dd").inner_text()


def test_a_teacher_reads_the_last_lesson_and_chooses_another_time(
    page: Page, shoot: Callable[[Page, str], Path]
) -> None:
    page.get_by_role("link", name="Report").click()
    expect(page.get_by_role("heading", name="Lesson report")).to_be_visible()
    expect(page.get_by_role("button", name="90 min")).to_have_attribute("aria-pressed", "true")
    assert figure(page, "nodes") == str(len(PUPILS))
    assert figure(page, "missing") == "41"
    expect(page.get_by_role("row", name=re.compile("^Cyrille.*41 missing, 2 dropped, 3 gone"))).to_be_visible()
    expect(page.locator("section", has=page.get_by_role("heading", name="Rounds"))).to_contain_text("87 presses")
    expect(page.get_by_role("rowheader", name=EVIL, exact=False).first).to_be_visible()  # as text
    shoot(page, "report")
    readings = figure(page, "readings")
    page.get_by_role("button", name="3 h").click()
    expect(page.locator(".figures")).not_to_contain_text(readings)
    assert int(figure(page, "readings").replace(",", "")) > int(readings.replace(",", ""))
    page.get_by_role("button", name="From").click()
    page.get_by_label("to", exact=True).fill("2025-01-01T10:00")
    expect(page.get_by_role("alert")).to_contain_text("From lies before to")
    page.get_by_label("From", exact=True).fill("2025-01-01T09:00")
    expect(page.get_by_text("No node sent anything")).to_be_visible()
    assert "from=" in page.url
    page.reload()  # the address is the choice
    expect(page.get_by_label("From", exact=True)).to_have_value("2025-01-01T09:00")
    expect(page.get_by_text("No node sent anything")).to_be_visible()


def test_what_is_saved_is_what_is_shown_and_opens_by_itself(
    page: Page, browser: Browser, tmp_path: Path, shoot: Callable[[Page, str], Path]
) -> None:
    page.goto("/report?last=90m&group=blue")
    expect(page.locator(".sheet h1")).to_be_visible()
    shown = figure(page, "readings")
    with page.expect_download() as coming:
        page.get_by_role("link", name="Save as HTML").click()
    path = tmp_path / coming.value.suggested_filename
    coming.value.save_as(path)
    assert path.suffix == ".html"
    with page.expect_download() as coming:
        page.get_by_role("link", name="CSV").click()
    assert coming.value.suggested_filename.endswith(".csv")
    # As it is opened from a mail: alone, with neither dashboard nor network.
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 800})
    saved = context.new_page()
    complaints: list[str] = []
    saved.on("console", lambda said: complaints.append(said.text))
    saved.on("request", lambda asked: complaints.append(asked.url) if not asked.url.startswith("file:") else None)
    saved.goto(path.as_uri())
    expect(saved.get_by_role("heading", name="Lesson report")).to_be_visible()
    assert saved.locator("dl div", has=saved.get_by_text("readings", exact=True)).locator("dd").inner_text() == shown
    assert saved.evaluate("getComputedStyle(document.querySelector('dl')).display") == "flex"  # its style is allowed
    assert saved.locator("script, img, link").count() == 0
    shoot(saved, "report-saved")
    context.close()
    assert not complaints


def test_on_paper_there_is_the_report_and_nothing_else(page: Page) -> None:
    page.goto("/report")
    expect(page.locator(".sheet h1")).to_be_visible()
    page.evaluate("window.print = () => { document.body.dataset.printed = 'yes'; }")
    page.get_by_role("button", name="Print").click()
    expect(page.locator("body")).to_have_attribute("data-printed", "yes")
    page.emulate_media(media="print", color_scheme="dark")
    for hidden in (".strip", ".dock", ".report-bar"):
        expect(page.locator(hidden)).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.set_viewport_size({"width": 700, "height": 900})  # about A4 at 96 dpi
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("width", [390, 1280, 1920])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_every_screen(page: Page, shoot: Callable[[Page, str], Path], width: int, theme: str) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/report")
    expect(page.locator(".sheet h1")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shoot(page, f"report-{width}-{theme}")
