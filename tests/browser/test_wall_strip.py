"""A minute of the wall under 100 nodes as one picture: tests/artifacts/wall-100-strip.png, twelve frames.

FLEET_STRIP_S=60 makes it a whole minute; without it the frames are half a second apart.
"""

from __future__ import annotations

import base64
import time

import pytest
from playwright.sync_api import Page, expect

from support.broker import Broker
from support.crowd import Crowd
from support.seed import amount
from support.tiers import ROOT

ARTIFACTS = ROOT / "tests" / "artifacts"
FRAMES = 12
NODES = 100


@pytest.mark.timeout(300)
def test_a_strip_of_the_wall_under_a_hundred_nodes(page: Page, broker: Broker) -> None:
    seconds = amount("FLEET_STRIP_S", 6)
    page.set_viewport_size({"width": 1920, "height": 1080})
    with Crowd(broker.url, NODES):
        expect(page.locator(".slot")).to_have_count(NODES)
        began = time.monotonic()
        frames = []
        for number in range(FRAMES):
            page.wait_for_timeout(max(0.0, began + number * seconds / FRAMES - time.monotonic()) * 1000)
            frames.append(page.screenshot())
        places = {node: page.locator(f"[data-node={node}]").bounding_box() for node in ("node-001", "node-100")}
    assert all(places.values()), f"both ends of the class are on the page: {places}"
    assert len(set(frames)) > FRAMES / 2, "the wall stands still"
    assert page.context.browser is not None
    with page.context.browser.new_context(viewport={"width": 1920, "height": 810}) as table:
        sheet = table.new_page()
        pictures = (
            f'<img width=480 height=270 src="data:image/png;base64,{base64.b64encode(f).decode()}">' for f in frames
        )
        sheet.set_content(f'<body style="margin:0;display:flex;flex-wrap:wrap">{"".join(pictures)}')
        sheet.wait_for_function("[...document.images].every((image) => image.complete)")
        ARTIFACTS.mkdir(exist_ok=True)
        sheet.screenshot(path=ARTIFACTS / "wall-100-strip.png")
