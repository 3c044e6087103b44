"""Every page as people will see it, at three widths, light and dark: pictures in tests/artifacts, and nothing cut off.

docs/wall.png, the picture of the README, is wall-1280-light.png of this test.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.looks import looks, too_wide
from support.pages import CUT, PAGES

STATES = {"dmitri": "lost", "greta": "sleeping", "ines": "offline", "jonas": "silent", "ada": "online"}


@pytest.fixture(autouse=True)
def empty_fleet(crowd: None) -> None:
    """The class stays for all tests of this file."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("name", "path", "ready"), PAGES, ids=[page[0] for page in PAGES])
def test_a_page_is_whole_at_every_width_in_both_themes(
    page: Page, shoot: Callable[[Page, str], Path], name: str, path: str, ready: str
) -> None:
    page.emulate_media(reduced_motion="reduce")
    for node, state in STATES.items():
        expect(page.locator(f"[data-node={node}]")).to_have_attribute("data-state", state)
    page.goto(path)
    expect(page.locator(ready).first).to_be_visible()
    for width, theme in looks(page):
        shoot(page, f"{name}-{width}-{theme}")
        wider = too_wide(page)
        assert wider <= 0, f"{path} is {wider} px wider than a screen of {width} px"
        cut = page.evaluate(CUT)
        assert not cut, f"{path} at {width} px cuts off: {cut}"
