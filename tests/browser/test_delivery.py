"""What the pages say about delivery: is every reading that a node took stored, and if not, why.

What a healthy fleet does not do (lose readings) is put into the dashboard's answers on their way to the page.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route, expect

from support.broker import Broker
from support.dashboard import DashboardProcess
from support.looks import looks, too_wide
from support.node import NodeProcess
from support.pages import SCREENS

MORE_COUNTS = """
const parse = JSON.parse;
JSON.parse = (text) => parse(text, (key, value) => (key === "counts" ? {...value, ...more} : value));
"""
LINES = ".deliveries > li"


def boot(name: str, **more: Any) -> dict[str, Any]:
    """The account of a boot of which all is stored, changed as a test wants it."""
    whole = {"boot": name, "seen": 1_700_000_000_000, "taken": 12345, "stored": 12345, "missing": 0, "ranges": []}
    whole.update({"twice": 0, "dropped": 0, "gone": 0, "before": 0, "timed": True, "counted": True})
    return {**whole, **more}


EVERYTHING = [
    boot("9f3a"),
    boot("9f39", stored=12304, missing=41, ranges=[[100, 130], [200, 208], [300, 300]]),
    boot("9f38", taken=1234567, stored=1234567 - 340 - 5, dropped=340, gone=5, timed=False),
    boot("9f37", stored=12335, before=10, twice=3),
    boot("9f36", taken=0, stored=70, counted=False),
    boot("9f35", stored=1),
    boot("9f34", stored=12005, dropped=340),
    *[boot(f"00{number:02}") for number in range(12)],
]


def accounts(page: Page, boots: list[dict[str, Any]]) -> None:
    """From now on the page is told these boots of a node, and of the node's own the id of the first."""

    def answer(route: Route) -> None:
        said = route.fetch()
        route.fulfill(response=said, json={**said.json(), "delivery": boots})

    page.route(re.compile(r"/api/nodes/[^/]+$"), answer)


def counts(page: Page, **more: int) -> None:
    """From now on the counts of every node have these as well."""
    page.add_init_script(f"const more = {json.dumps(more)};" + MORE_COUNTS)
    page.reload()


@contextlib.contextmanager
def page_of(page: Page, broker: Broker) -> Iterator[NodeProcess]:
    with NodeProcess(broker.url, "ada", name="Ada", sensors=["sht4x", "bmp280", "mpu6886"]) as ada:
        expect(page.locator("#online")).to_have_text("1 / 1")
        page.goto("/node/ada")
        expect(page.locator("h1")).to_have_text("Ada")
        yield ada


def line(page: Page, name: str) -> Any:
    return page.locator(LINES).filter(has_text=f"boot {name}")


def test_a_healthy_node_has_all_its_readings_stored(page: Page, broker: Broker) -> None:
    with page_of(page, broker) as ada:
        expect(page.locator(LINES)).to_have_count(1)
        expect(page.locator(f"{LINES} .delivery-what")).to_have_text(
            re.compile(r"^[\d,]+ readings? taken, (all )?stored$")
        )
        expect(page.locator(LINES)).to_contain_text("now · boot")
        expect(page.locator(".node-short")).to_be_hidden()
        ada.interrupt()
        expect(page.locator(LINES)).to_contain_text("until")
        expect(page.locator(LINES)).to_have_attribute("data-level", "good")


def test_every_outcome_is_said_in_words_newest_first(
    page: Page, broker: Broker, shoot: Callable[[Page, str], Path]
) -> None:
    page.emulate_media(reduced_motion="reduce")
    accounts(page, EVERYTHING)
    with page_of(page, broker):
        expect(page.locator(".u-over").first).to_be_visible()
        expect(line(page, "9f3a")).to_contain_text("12,345 readings taken, all stored")
        expect(line(page, "9f3a")).to_have_attribute("data-level", "good")
        expect(line(page, "9f39")).to_contain_text("12,345 readings taken, 12,304 stored")
        expect(line(page, "9f39")).to_contain_text("41 missing (100-130, 200-208, 300): asked for")
        expect(line(page, "9f39")).to_have_attribute("data-level", "warn")
        expect(line(page, "9f38")).to_contain_text("1,234,567 readings taken, 1,234,222 stored")
        expect(line(page, "9f38")).to_contain_text("340 dropped: the node's journal was full")
        expect(line(page, "9f38")).to_contain_text("5 gone for good: the node has them no more")
        expect(line(page, "9f38")).to_contain_text("Times: no later than shown.")
        expect(line(page, "9f38")).to_have_attribute("data-level", "bad")
        expect(line(page, "9f37")).to_contain_text("10 from before this dashboard knew this start")
        expect(line(page, "9f37")).to_contain_text("3 came twice, stored once")
        expect(line(page, "9f37")).to_have_attribute("data-level", "good")
        expect(line(page, "9f36")).to_contain_text("70 readings stored, of how many is not known")
        expect(line(page, "9f35")).to_contain_text("The numbers contradict each other: please report it.")
        expect(line(page, "9f34")).to_have_attribute("data-level", "warn")
        expect(page.locator(LINES).last).to_have_text("12 earlier starts, all stored")
        shown = [re.search(r"boot (\w+)", text) for text in page.locator(LINES).all_inner_texts()]
        assert [found[1] for found in shown if found] == [one["boot"] for one in EVERYTHING[:7]]
        for width, theme in looks(page):
            page.locator("[aria-label=Delivery]").scroll_into_view_if_needed()
            wider = too_wide(page)
            assert wider <= 0, f"{wider} px wider than a screen of {width} px"
            shoot(page, f"delivery-{width}-{theme}")


def test_the_start_that_runs_is_now_and_asked_for_waits_for_a_node_that_is_away(
    page: Page, broker: Broker, dashboard: DashboardProcess
) -> None:
    with page_of(page, broker) as ada:
        name = dashboard.node("ada")["boot"]
        accounts(page, [boot(name, stored=12344, missing=1, ranges=[[7, 7]])])
        page.reload()
        expect(page.locator(LINES)).to_contain_text("1 missing (7): asked for")
        expect(page.locator(LINES)).to_contain_text(f"now · boot {name}")
        ada.kill()
        expect(page.locator(".node-state")).to_have_text("lost")
        expect(page.locator(LINES)).to_contain_text("1 missing (7): asked for when the node is back")
        expect(page.locator(LINES)).to_contain_text("until 14 Nov")


def test_what_is_short_is_on_the_tile_in_the_head_and_in_the_strip_only_if_there_is_any(
    page: Page, broker: Broker, shoot: Callable[[Page, str], Path]
) -> None:
    with page_of(page, broker):
        page.goto("/")
        expect(page.locator("[data-node=ada] .tile")).to_be_visible()
        expect(page.locator(".tile-short")).to_be_hidden()
        expect(page.locator("#missing")).to_have_text("0")
        counts(page, missing=41, gone=5, dropped=0)
        expect(page.locator("[data-node=ada] .tile-short")).to_have_text("41 missing")
        expect(page.locator("[data-node=ada] .tile")).to_have_attribute("aria-label", re.compile("41 missing, 5 gone$"))
        expect(page.locator("#missing")).to_have_text("41")
        expect(page.locator("#missing-metric")).to_have_attribute("data-level", "warn")
        for width, height in SCREENS:
            page.set_viewport_size({"width": width, "height": height})
            shoot(page, f"missing-wall-{width}")
        page.locator("[data-node=ada] .tile").click()
        expect(page.locator(".node-short")).to_have_text("· 41 missing, 5 gone")
        expect(page.locator(".rows-counts")).to_contain_text("gone for good5")


def test_many_tiles_still_have_room_for_what_is_short(
    page: Page, broker: Broker, shoot: Callable[[Page, str], Path]
) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(14):
            stack.enter_context(NodeProcess(broker.url, f"n{number}", name=f"Node {number}"))
        expect(page.locator("#online")).to_have_text("14 / 14")
        counts(page, missing=12345, gone=0, dropped=0)
        expect(page.locator(".tile-short").first).to_have_text("12,345 missing")
        for width, height in SCREENS:
            page.set_viewport_size({"width": width, "height": height})
            cut = page.locator(".tile-short").evaluate_all(
                "every => every.filter((one) => one.scrollWidth > one.clientWidth).length"
            )
            assert cut == 0, f"{cut} of 14 tiles cut it off at {width} px"
            wider = too_wide(page)
            assert wider <= 0, f"the strip is {wider} px wider than a screen of {width} px"
            shoot(page, f"missing-many-{width}")
