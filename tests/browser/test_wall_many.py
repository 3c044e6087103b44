"""The wall with 500 nodes at one reading a second each: all there, and calm, in every size."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from support.broker import Broker
from support.crowd import Crowd
from support.dashboard import DashboardProcess

NODES = 500
LOOK_S = 5
TEN = [f"node-{number:03d}" for number in range(1, NODES, NODES // 10)]
PLACES = """(ids) => ids.map((id) => {
  const {x, y, width, height} = document.querySelector(`[data-node=${id}]`).getBoundingClientRect();
  return [id, x, y + scrollY, width, height].join(" ");
})"""
BRIGHTNESS = """() => {
  const canvas = document.querySelector(".map-canvas");
  const [cell, whole] = [document.querySelector(".map-cell"), canvas].map((one) => one.getBoundingClientRect());
  const scale = canvas.width / whole.width;
  const at = [cell.x - whole.x + 4, cell.y - whole.y + cell.height / 2].map((place) => place * scale);
  return canvas.getContext("2d").getImageData(...at, 1, 1).data.slice(0, 3).reduce((sum, part) => sum + part);
}"""  # of the chosen cell, near its left edge
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def crowd(broker: Broker, dashboard: DashboardProcess) -> Iterator[None]:
    with Crowd(broker.url, NODES):
        dashboard.wait_for("/api/snapshot", lambda snapshot: len(snapshot["nodes"]) == NODES, within=60)
        yield


@pytest.fixture(autouse=True)
def empty_fleet(crowd: None) -> None:
    """The crowd stays for all tests of this file."""


def values(page: Page) -> Any:
    return page.evaluate("[...document.querySelectorAll('.slot .value')].map((value) => value.textContent)")


@pytest.mark.parametrize("size", ["roomy", "compact", "dense"])
def test_all_nodes_are_shown_and_nothing_moves_but_the_numbers(
    page: Page, shoot: Callable[[Page, str], Path], size: str
) -> None:
    page.goto(f"/?size={size}")
    expect(page.locator(".slot")).to_have_count(NODES)
    before, told = page.evaluate(PLACES, TEN), values(page)
    page.wait_for_timeout(LOOK_S * 1000)
    assert page.evaluate(PLACES, TEN) == before
    changed = sum(old != new for old, new in zip(told, values(page), strict=True))
    assert changed > NODES / 2, f"in {LOOK_S} s only {changed} of {NODES} values changed"
    shoot(page, f"wall-500-{size}")


def test_so_many_nodes_are_a_map_on_one_canvas_by_themselves(page: Page, shoot: Callable[[Page, str], Path]) -> None:
    expect(page.locator(".map-canvas")).to_be_visible()
    expect(page.locator(".map-view canvas")).to_have_count(1)
    expect(page.locator(".slot")).to_have_count(0)
    expect(page.locator(".map-legend b")).to_have_text("temperature, °C")
    low, _, high = (
        float(bound.replace("\u2212", "-")) for bound in page.locator(".scale-bounds span").all_inner_texts()
    )
    assert low < 20 < 24 < high, f"the crowd is between 16 and 28 °C, the legend says {low} to {high}"
    expect(page.locator(".map-states [data-state=lost]")).to_have_text("3 lost")
    drawn = page.locator(".map-canvas").bounding_box()
    page.wait_for_timeout(2000)
    assert page.locator(".map-canvas").bounding_box() == drawn
    shoot(page, "wall-500-map")


def test_a_cell_names_its_node_when_pointed_at_and_leads_to_it(page: Page) -> None:
    page.goto("/?size=map&q=node-0")
    expect(page.locator(".shown")).to_have_text("99 of 500 shown")
    box = page.locator(".map-canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    expect(page.locator(".lens-name")).to_have_text("node-001")
    expect(page.locator(".lens-value")).to_have_text(re.compile(r"^\d\d\.\d °C$"))
    expect(page.locator(".lens-state")).to_have_text("online")
    page.mouse.click(box["x"] + 10, box["y"] + 10)
    expect(page.locator(".node-title h1")).to_have_text("node-001")
    page.go_back()
    expect(page.locator(".shown")).to_have_text("99 of 500 shown")


def test_the_warmest_cell_is_lighter_than_the_coldest(page: Page) -> None:
    page.goto("/?size=map&sort=high&q=online")
    expect(page.locator(".map-canvas")).to_be_visible()
    page.locator(".map").focus()
    light, degrees = {}, {}
    for key in ("Home", "End"):
        page.keyboard.press(key)
        light[key] = page.evaluate(BRIGHTNESS)
        degrees[key] = float(page.locator(".lens-value").inner_text().split()[0])
    assert degrees["Home"] > degrees["End"] + 3, degrees
    assert light["Home"] > light["End"] + 60, f"brightness of the warmest and the coldest: {light}"


def test_the_filter_finds_three_of_five_hundred(page: Page) -> None:
    page.goto("/?size=dense")
    expect(page.locator(".slot")).to_have_count(NODES)
    page.get_by_role("searchbox").fill("7 lost")
    expect(page.locator(".slot")).to_have_count(3)
    assert page.locator(".tile-name").all_inner_texts() == ["node-007", "node-077", "node-377"]
    expect(page.locator(".shown")).to_have_text("3 of 500 shown")
    assert page.url.endswith("/?size=dense&q=7+lost")


def test_groups_become_sections_and_the_address_keeps_the_view(page: Page, shoot: Callable[[Page, str], Path]) -> None:
    page.goto("/?size=dense")
    expect(page.locator(".slot")).to_have_count(NODES)
    page.locator(".view summary").click()
    page.get_by_label("In sections by group").check()
    page.get_by_label("Value").select_option(label="humidity %")
    expect(page.locator(".section h2")).to_have_text(["hall 100", "lab 100", "library 100", "roof 100", "yard 100"])
    expect(page.locator("[data-node=node-005] .unit")).to_have_text("%")
    shoot(page, "wall-500-groups")
    page.reload()
    expect(page.locator(".section")).to_have_count(5)
    expect(page.locator(".slot")).to_have_count(NODES)
    expect(page.locator("[data-node=node-005] .unit")).to_have_text("%")


def test_the_worst_come_first_and_names_come_back(page: Page) -> None:
    page.goto("/?size=dense")
    expect(page.locator(".slot").first).to_have_attribute("data-node", "node-001")
    page.locator(".view summary").click()
    page.get_by_label("Sort by").select_option("state")
    first = page.locator(".slot").first
    expect(first).to_have_attribute("data-node", "node-007")
    states = page.evaluate("[...document.querySelectorAll('.slot')].slice(0, 6).map((slot) => slot.dataset.state)")
    assert states == ["lost", "lost", "lost", "offline", "sleeping", "online"]
    page.get_by_label("Sort by").select_option("name")
    expect(first).to_have_attribute("data-node", "node-001")


def test_an_order_by_value_is_right_when_it_is_taken_and_then_stays(page: Page) -> None:
    page.goto("/?size=dense&sort=high&q=node-01")
    expect(page.locator(".slot")).to_have_count(10)
    page.locator(".tile").first.hover()  # who points at a tile is left in peace
    shown = page.evaluate("[...document.querySelectorAll('.slot')].map((slot) => slot.dataset.node)")
    page.wait_for_timeout(LOOK_S * 1000)
    assert page.evaluate("[...document.querySelectorAll('.slot')].map((slot) => slot.dataset.node)") == shown
    page.locator(".view summary").click()
    page.get_by_label("Sort by").select_option("low")
    page.wait_for_function("document.querySelectorAll('.slot').length === 10")
    numbers = [float(value) for value in values(page)]
    assert numbers[0] < numbers[-1], numbers
