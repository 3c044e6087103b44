"""A replay: the wall of then, under controls that are all used here, in a look that nobody takes for live."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from fleet_dashboard import store_happenings, store_write
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.looks import looks, too_wide

MINUTE = 60_000
NODES = ("ada", "bo", "cy", "dee", "eve", "fay")
T0 = (time.time_ns() // 1_000_000 - 90 * MINUTE) // 1000 * 1000  # what is stored begins an hour and a half ago
BEFORE = 60  # s of readings before T0
LOST_AT = T0 + 10 * MINUTE  # bo
PRESS_AT = T0 + 5 * MINUTE  # ada


def recorded(path: Path) -> None:
    """Half an hour of six nodes: a reading each second whose value is that second, a press, a loss, an alert."""
    with contextlib.closing(store_write.connect(path)) as made:
        store_write.migrate(made)
        rows: store_write.Rows = {one: [] for one in (store_write.NODE, store_write.SENSOR, store_write.BOOT)}
        samples = rows[store_write.SAMPLES[1]] = []
        happened = rows[store_happenings.WRITE] = []
        for number, name in enumerate(NODES, 1):
            rows[store_write.NODE].append((number, name))
            rows[store_write.SENSOR].append((number, number, "sht4x", '["temp"]'))
            rows[store_write.BOOT].append((number, number, "9f3a", T0))
            until = LOST_AT if name == "bo" else T0 + 30 * MINUTE
            for second in range(-BEFORE, (until - T0) // 1000):
                ts = T0 + second * 1000
                samples.append((number << 32 | second + BEFORE, number, second * 1000, ts, float(second)))
            note(happened, T0 - MINUTE, name, "birth", "new", "online")
        rows[store_write.EVENT] = [(1 << 32 | 9999, 1, "button-a", "press", 1, 300_000, PRESS_AT)]
        note(happened, LOST_AT, "bo", "state", "lost", "lost", "the connection broke")
        note(happened, LOST_AT + 5000, "cy", "alert", "raised", None, "cy is connected, but sends nothing", "silent")
        note(happened, LOST_AT + 15_000, "cy", "alert", "cleared", None, "", "silent")
        meta = {
            "name": "Ada",
            "groups": ["red"],
            "period": 1000,
            "sensors": {"sht4x": {"temp": ["Cel", "temperature"]}},
        }
        rows[store_write.META] = [(1, json.dumps({**meta, "boot": "9f3a", "schema": "1.1"}))]
        store_write.write(made, rows, True)


def note(
    rows: list[Any], ts: int, node: str, kind: str, word: str, state: str | None, text: str = "", about: str = ""
) -> None:
    rows.append((len(rows) + 1, ts, ts, 1, node, kind, word, about, state, "9f3a" if state else "", text))


@pytest.fixture(scope="module")
def dashboard(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardProcess]:
    folder = tmp_path_factory.mktemp("past")
    recorded(folder / "fleet.db")
    with DashboardProcess(broker.url, data_dir=folder, wait=False) as running:
        running.wait_until_ready(60)
        yield running


@pytest.fixture(autouse=True)
def empty_fleet() -> None:
    """The nodes of this folder's other tests are taken away; ours are in the database only."""


def stand(page: Page, at: int, minutes: int = 30) -> None:
    """Open a replay of half an hour from T0 on, at this moment."""
    page.goto(f"/replay?from={T0}&to={T0 + minutes * MINUTE}")
    expect(page.locator(".replay-wall .slot")).to_have_count(len(NODES))
    if at != T0:
        scrub(page, at)


def scrub(page: Page, at: int) -> None:
    move = "(slider, at) => { slider.value = at; slider.dispatchEvent(new Event('input')); "
    page.locator(".scrub-slider").evaluate(move + "slider.dispatchEvent(new Event('change')); }", at)


def value(page: Page, node: str = "ada") -> Any:
    return page.locator(f".replay-wall [data-node={node}] .value")


def shown_second(page: Page) -> int:
    """Which second of the recording the clock shows; the slider rounds."""
    at = page.locator(".replay-time").evaluate("(time) => new Date(time.getAttribute('datetime')).getTime()")
    return int(at - T0) // 1000


def test_the_wall_is_that_of_the_moment_and_says_so(page: Page) -> None:
    stand(page, T0 + 60_000)
    expect(value(page)).to_have_text("59.0")
    expect(page.locator(".replay-badge")).to_have_text("Replay")
    at = page.evaluate("(at) => new Date(at).toLocaleTimeString('en-GB')", T0 + 60_000)
    expect(page.locator(".replay-time")).to_have_text(at)
    expect(page).to_have_title(re.compile("^REPLAY "))
    expect(page.locator(".metrics")).to_be_hidden()
    expect(page.locator("#dock")).to_be_hidden()
    scrub(page, LOST_AT + 8000)
    expect(page.locator(".replay-wall [data-node=bo] .tile-state")).to_have_text("lost")
    expect(value(page, "bo")).to_have_text("599")
    expect(page.locator(".replay-wall .alerts")).to_contain_text("cy")
    expect(page.locator(".replay-caption")).to_contain_text("Alert")
    scrub(page, LOST_AT - 1000)
    expect(page.locator(".replay-wall [data-node=bo] .tile-state")).to_have_text("online")
    expect(page.locator(".replay-wall .alerts")).to_be_hidden()


def test_playing_goes_on_pause_holds_and_the_end_stops_it(page: Page) -> None:
    stand(page, T0 + 60_000)
    expect(value(page)).to_have_text("59.0")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(value(page)).to_have_text(re.compile(r"^6[2-9]\.0|^[789]\d\.0"))
    page.get_by_role("button", name="Pause").click()
    held = shown_second(page)
    expect(value(page)).to_have_text(f"{held}.0")
    page.wait_for_timeout(500)
    assert shown_second(page) == held
    scrub(page, T0 + 30 * MINUTE - 2000)
    expect(value(page)).to_have_text("1797.0")
    page.keyboard.press("Space")
    expect(value(page)).to_have_text("1799.0")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()


@pytest.mark.parametrize("speed", [10, 60, 300])
def test_each_speed_plays_until_what_comes_later_has_come(page: Page, speed: int) -> None:
    start = max(T0 + MINUTE, LOST_AT - 2500 * speed)
    stand(page, start)
    expect(value(page)).to_have_text(f"{(start - T0) // 1000 - 1}.0")
    page.locator(f"[data-speed='{speed}']").click()
    expect(page.locator(f"[data-speed='{speed}']")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".replay-wall [data-node=bo] .tile-state")).to_have_text("online")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.locator(".replay-wall [data-node=bo] .tile-state")).to_have_text("lost")
    expect(page.locator(".replay-wall .ticker")).to_contain_text("is lost")
    assert shown_second(page) >= (LOST_AT - T0) // 1000
    expect(value(page)).not_to_have_text(re.compile(r"^5\d\d\.0"))  # ada's goes on


def test_an_event_comes_in_its_time(page: Page) -> None:
    stand(page, PRESS_AT - 3000)
    event = page.locator(".replay-wall [data-node=ada] .tile-event")
    expect(value(page)).to_have_text("296.0")
    expect(event).to_have_text("")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(event).to_have_text("button-a press")
    assert shown_second(page) >= 300
    expect(page.locator(".replay-wall .ticker")).to_contain_text("button-a press")


def test_buttons_and_keys_go_back_and_on(page: Page) -> None:
    stand(page, T0 + 60_000)
    for press, second in (
        (lambda: page.get_by_label("On 10 seconds").click(), 70),
        (lambda: page.get_by_label("Back 10 seconds").click(), 60),
        (lambda: page.keyboard.press("ArrowRight"), 70),
        (lambda: page.keyboard.press("Shift+ArrowRight"), 130),
        (lambda: page.keyboard.press("ArrowLeft"), 120),
        (lambda: page.get_by_label("To what happened next").click(), (LOST_AT - T0) // 1000),
        (lambda: page.get_by_label("To what happened next").click(), (LOST_AT - T0) // 1000 + 5),
        (lambda: page.get_by_label("To what happened before").click(), (LOST_AT - T0) // 1000),
    ):
        press()
        expect(value(page)).to_have_text(re.compile(rf"^{second - 1}\.0"))
        assert shown_second(page) == second
    page.locator(".scrub-slider").focus()
    page.keyboard.press("ArrowLeft")
    assert shown_second(page) == (LOST_AT - T0) // 1000 - 10, "the slider does not move a second time by itself"


def test_a_span_is_chosen_by_its_beginning_and_length(page: Page) -> None:
    stand(page, T0)
    page.get_by_label("Begin at").fill(
        page.evaluate(
            "(at) => new Date(at - new Date(at).getTimezoneOffset() * 60e3).toISOString().slice(0, 19)", T0 + 5 * MINUTE
        )
    )
    page.get_by_label("Length").select_option("15 min")
    expect(page.locator(".scrub-slider")).to_have_attribute("min", str(T0 + 5 * MINUTE))
    expect(page.locator(".scrub-slider")).to_have_attribute("max", str(T0 + 20 * MINUTE))
    expect(value(page)).to_have_text("299.0")
    page.get_by_role("button", name="Last hour").click()
    expect(page.locator(".scrub-slider")).not_to_have_attribute("min", str(T0 + 5 * MINUTE))
    low, high = (int(page.locator(".scrub-slider").get_attribute(name) or 0) for name in ("min", "max"))
    assert high - low == 60 * MINUTE


def test_the_filters_of_the_wall_work_and_stay_when_the_moment_changes(page: Page) -> None:
    stand(page, T0 + 60_000)
    page.get_by_label("Find a node").fill("ada")
    expect(page.locator(".replay-wall .slot")).to_have_count(1)
    page.get_by_label("On 10 seconds").click()
    expect(value(page)).to_have_text("69.0")
    expect(page.locator(".replay-wall .slot")).to_have_count(1)
    expect(page).to_have_url(re.compile("/replay"))


def test_whoever_types_in_a_filter_can_go_on_when_the_moment_changes(page: Page) -> None:
    stand(page, T0 + 60_000)
    expect(value(page)).to_have_text("59.0")
    find = page.get_by_label("Find a node")
    find.press_sequentially("ad")
    scrub(page, T0 + 90_000)
    expect(value(page)).to_have_text("89.0")
    expect(find).to_be_focused()
    page.keyboard.insert_text("a")
    expect(find).to_have_value("ada")
    page.locator(".replay-wall .view > summary").click()
    scrub(page, T0 + 60_000)
    expect(value(page)).to_have_text("59.0")
    expect(page.get_by_label("Sort by")).to_be_visible()


def test_what_has_expired_or_was_never_stored_is_said_in_one_sentence(page: Page, dashboard: DashboardProcess) -> None:
    page.goto(f"/replay?from={T0 - 40 * MINUTE}&to={T0 - 10 * MINUTE}")
    expect(page.locator(".replay-note")).to_contain_text("Nothing is stored from before")
    expect(page.locator(".replay-wall .empty")).to_contain_text("No node at that time")
    with contextlib.closing(sqlite3.connect(dashboard.database)) as made:
        made.execute("UPDATE sensor SET raw_from = ?", (T0,))
        made.commit()
    page.goto(f"/replay?from={T0 - 10 * MINUTE}&to={T0 + 10 * MINUTE}")
    expect(page.locator(".replay-note")).to_contain_text("have expired (FLEET_KEEP_RAW_DAYS)")


def test_a_line_of_the_timeline_leads_here_and_the_way_back_to_live_is_plain(page: Page) -> None:
    page.goto("/timeline?node=bo")
    page.locator(".happening").filter(has_text="bo is lost").first.locator(".again").click()
    expect(page.locator(".replay-wall [data-node=bo] .tile-state")).to_have_text(re.compile("online|lost"))
    page.get_by_label("On 10 seconds").click()
    expect(page.locator(".replay-wall [data-node=bo] .tile-state")).to_have_text("lost")
    assert shown_second(page) == (LOST_AT - T0) // 1000 + 10
    page.get_by_role("link", name="Back to live").click()
    expect(page.locator("body")).not_to_have_attribute("data-replay", "")
    expect(page.locator(".metrics")).to_be_visible()
    expect(page).to_have_title("Sensor Fleet")


@pytest.mark.complains("the browser notes an answer of 503")
def test_a_server_that_cannot_tell_stops_the_replay_with_its_sentence(page: Page) -> None:
    why = "this span cannot be read (interrupted); ask for a shorter span"
    stand(page, T0)
    page.route(re.compile(r"/api/replay\?"), lambda route: route.fulfill(status=503, json={"error": why}))
    page.get_by_label("On 10 seconds").click()
    expect(page.locator(".replay-note")).to_have_text(why)
    page.unroute(re.compile(r"/api/replay\?"))


def test_the_replay_fits_every_screen(page: Page, browser: Browser, shoot: Callable[[Page, str], Path]) -> None:
    page.emulate_media(reduced_motion="reduce")
    stand(page, LOST_AT + 8000)
    expect(page.locator(".replay-wall [data-node=bo] .tile-state")).to_have_text("lost")
    for width, theme in looks(page):
        wider = too_wide(page)
        assert wider <= 0, f"the replay is {wider} px wider than a screen of {width} px"
        shoot(page, f"replay-{width}-{theme}")
