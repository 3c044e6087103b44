"""Everybody can use every page: judged by the engine axe, and walked by keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from support.looks import looks
from support.pages import PAGES, SIZES

RULES = ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]
WALLS = [(f"wall-{size}", f"/?size={size}&by=group", ".slot, .map-canvas") for size in SIZES]
WIDTHS = ((1280, 800), (390, 844))


@pytest.fixture(autouse=True)
def empty_fleet(crowd: None) -> None:
    """The class stays for all tests of this file."""


def judge(page: Page) -> list[str]:
    """What axe has against the page as it is now, one line for each rule."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]})
    assert len(found.response["passes"]) > 10, "axe has hardly looked at anything"
    return [
        f"{rule['id']}: {rule['help']}: {[node['html'][:160] for node in rule['nodes'][:3]]}"
        for rule in found.response["violations"]
    ]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("name", "path", "ready"), [*PAGES, *WALLS], ids=[page[0] for page in (*PAGES, *WALLS)])
def test_axe_has_nothing_against_the_page(page: Page, name: str, path: str, ready: str) -> None:
    page.emulate_media(reduced_motion="reduce")  # nothing is judged half way between two colours
    page.goto(path)
    expect(page.locator(ready).first).to_be_visible()
    for width, theme in looks(page, WIDTHS):
        violations = judge(page)
        assert not violations, f"{path} at {width} px, {theme}:\n" + "\n".join(violations)


def test_axe_has_nothing_against_the_open_view(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")  # nothing is judged half way between two colours
    page.goto("/")
    expect(page.locator(".slot").first).to_be_visible()
    page.locator(".view summary").click()
    expect(page.locator(".view-choices")).to_be_visible()
    assert not judge(page)


def test_the_wall_is_walked_by_keyboard(page: Page) -> None:
    expect(page.locator(".slot")).to_have_count(12)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    for wanted in ("input[type=search]", ".filters > select", ".view summary", "[data-node=ada] .tile"):
        page.keyboard.press("Tab")
        expect(page.locator(wanted)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("[data-node=bilal] .tile")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".node-title h1")).to_have_text("Bilal")


def test_the_view_opens_and_closes_by_keyboard(page: Page) -> None:
    expect(page.locator(".slot")).to_have_count(12)
    page.locator(".view summary").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Dense").focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-density=dense]")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".view-choices")).to_be_hidden()
    expect(page.locator(".view summary")).to_be_focused()


def test_the_cells_of_the_map_are_walked_by_arrow_keys_and_told_to_a_screen_reader(page: Page) -> None:
    page.goto("/?size=map")
    box = page.get_by_role("listbox")
    expect(box).to_have_attribute("aria-label", re.compile(r"^Map of 12 nodes by temperature, .* to .* °C; \d online"))
    page.locator(".view summary").focus()
    page.keyboard.press("Tab")
    expect(box).to_be_focused()
    option = page.locator(".map-cell")
    told = []
    for key in ("Home", "ArrowRight", "ArrowDown", "ArrowUp", "End"):
        page.keyboard.press(key)
        assert box.get_attribute("aria-activedescendant") == option.get_attribute("id")
        told.append((option.get_attribute("aria-label") or "").split(",")[0])
    assert told[:2] == ["Ada", "Bilal"], told
    assert told[3] == "Bilal", f"down and up again is where one was: {told}"
    assert told[4] == "n-4f2a91", told
    expect(page.locator(".lens-name")).to_have_text("n-4f2a91")
    page.keyboard.press("Enter")
    expect(page.locator(".node-title h1")).to_have_text("n-4f2a91")
