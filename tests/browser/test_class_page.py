"""The page Class: a class of thirty in which each trouble happens to somebody, as the teacher sees it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from support.broker import Broker
from support.dashboard import DashboardProcess
from support.looks import looks, too_wide
from support.pages import CUT
from support.troubled_class import IDS, ROSTER, TROUBLES, TroubledClass

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def dashboard(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardProcess]:
    roster: Path = tmp_path_factory.mktemp("class") / "class.json"
    roster.write_text(json.dumps(ROSTER))
    with DashboardProcess(broker.url, environment={"FLEET_ROSTER": str(roster)}) as running:
        yield running


@pytest.fixture(scope="module")
def roll(broker: Broker, dashboard: DashboardProcess) -> Iterator[dict[str, Any]]:
    """When all the troubles are there."""

    def all_there(found: dict[str, Any]) -> bool:
        kinds = {row["id"]: row["kind"] for row in found["nodes"]}
        return all(kinds.get(node) == kind for node, kind in TROUBLES.items())

    with TroubledClass(broker.url):
        yield dashboard.wait_for("/api/roll", all_there, within=150)


@pytest.fixture(autouse=True)
def empty_fleet(roll: dict[str, Any]) -> None:
    """The class stays for all tests of this file."""


@pytest.fixture(autouse=True)
def at_the_class(page: Page, roll: dict[str, Any]) -> None:
    page.goto("/class")
    expect(page.locator(".roll tbody tr")).to_have_count(len(roll["nodes"]))


def test_everyone_is_in_one_table_and_those_with_trouble_come_first(page: Page, roll: dict[str, Any]) -> None:
    expect(page.locator("h1")).to_have_text("15 of 32 fine, 15 need you, 2 away")
    levels = page.locator(".roll tbody tr").evaluate_all("rows => rows.map((row) => row.dataset.level)")
    assert levels == ["help"] * 15 + ["away"] * 2 + ["fine"] * 15
    assert set(IDS) <= set(page.locator(".roll-id code").all_inner_texts())
    for node, kind in TROUBLES.items():
        expect(page.locator(f"tr[data-node='{node}']")).to_have_attribute("data-kind", kind)


def test_the_page_says_what_the_api_says_and_keeps_saying_it(page: Page, dashboard: DashboardProcess) -> None:
    twins = page.locator("tr[data-node='3b-03'] .roll-words")
    expect(twins).to_contain_text("Two boards with this id: esp32 app 1.0 (boot aaaa) and rp2 app 1.0 (boot bbbb)")
    expect(twins).to_contain_text("Press reset on one of them")
    expect(page.locator("tr[data-node='3b-07']")).to_contain_text("Never seen: nothing has come from this id yet")
    expect(page.locator("tr[data-node='3b-07'] .roll-name")).to_have_text("Greta")
    silent = page.locator("tr[data-node='3b-11'] .roll-why")
    before = silent.inner_text()
    expect(silent).not_to_have_text(before)  # the seconds go on


def test_a_name_leads_to_its_node(page: Page) -> None:
    page.locator("tr[data-node='3b-05'] a").click()
    expect(page).to_have_url(re.compile("/node/3b-05$"))
    expect(page.locator(".rows-counts")).to_contain_text("turned away")


def test_the_class_can_be_read_at_every_width_in_both_themes(page: Page, shoot: Callable[[Page, str], Path]) -> None:
    page.emulate_media(reduced_motion="reduce")
    for width, theme in looks(page):
        shoot(page, f"class-of-thirty-{width}-{theme}")
        wider = too_wide(page)
        assert wider <= 0, f"the class is {wider} px wider than a screen of {width} px"
        cut = page.evaluate(CUT)
        assert not cut, f"the class at {width} px cuts off: {cut}"
        size = page.locator("tr[data-level=help] .roll-why").first.evaluate(
            "one => parseFloat(getComputedStyle(one).fontSize)"
        )
        assert size >= 18, f"nobody reads {size} px from 3 m"
