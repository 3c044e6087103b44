"""What holds for every page: no inline code, small, and usable on a phone, by keyboard, in the dark, from afar."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from support.broker import Broker, free_port
from support.dashboard import DashboardProcess
from support.looks import looks, too_wide
from support.node import NodeProcess
from support.tiers import ROOT

STATIC = ROOT / "dashboard" / "fleet_dashboard" / "static"
SCREENS = ((390, 844), (1024, 768), (1280, 800), (1920, 1080))
WORLD = ("ada", "bo", "cy", "dee", "a-very-long-node-id")


class DashboardOnOnePort(DashboardProcess):
    """Comes back where it was, as a restarted service does."""

    def __init__(self, broker_url: str, data_dir: Path) -> None:
        super().__init__(broker_url, data_dir=data_dir)
        self._environment["FLEET_HTTP_PORT"] = str(free_port())


@contextlib.contextmanager
def fleet(broker: Broker) -> Iterator[list[NodeProcess]]:
    """Five nodes with all sensors; the last has a name as long as names can be."""
    with contextlib.ExitStack() as stack:
        nodes = []
        for name in WORLD:
            shown = "W" * 32 if len(name) > 3 else name.title()
            node = NodeProcess(broker.url, name, name=shown, sensors=["sht4x", "bmp280", "mpu6886"], groups=["red"])
            nodes.append(stack.enter_context(node))
        yield nodes


def test_no_page_has_code_or_style_in_its_markup(page: Page) -> None:
    markup = (STATIC / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", markup)
    policy = page.request.get("/").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_no_module_writes_markup_from_data() -> None:
    for path in STATIC.glob("*.js"):
        assert not re.search(r"\.(inner|outer)HTML|insertAdjacentHTML|document\.write", path.read_text()), path.name


def test_the_first_page_is_small(page: Page) -> None:
    assert page.context.browser is not None
    with page.context.browser.new_context() as newcomer:  # with an empty cache
        first = newcomer.new_page()
        assets = []
        first.on("requestfinished", lambda request: assets.append(request) if "/api/" not in request.url else None)
        first.goto(page.url)
        expect(first.locator(".empty")).to_be_visible()
        sent = {request.url: request.sizes()["responseBodySize"] for request in assets}
    total = sum(sent.values())
    assert 10_000 < total < 60_000, f"as sent, without its readings, the wall is {total} bytes: {sent}"


def test_nothing_is_cut_off_on_any_screen(page: Page, broker: Broker, shoot: Callable[[Page, str], Path]) -> None:
    page.emulate_media(reduced_motion="reduce")  # no picture of something half way
    with fleet(broker) as nodes:
        expect(page.locator("#online")).to_have_text("5 / 5")
        expect(page.locator("[data-line]")).to_have_count(5)
        nodes[0].world("tap button-a")
        nodes[3].kill()
        expect(page.locator("[data-node=ada] .tile-event")).to_contain_text("press")
        expect(page.locator("[data-node=dee] .tile-state")).to_have_text("lost")
        for path, ready in (("/", ".slot"), ("/leaderboard", ".ranks li"), ("/node/ada", ".u-over")):
            page.goto(path)
            expect(page.locator(ready).first).to_be_visible()
            for width, theme in looks(page, SCREENS):
                wider = too_wide(page)
                assert wider <= 0, f"{path} is {wider} px wider than a screen of {width} px"
                shoot(page, f"{path.strip('/').replace('/', '-') or 'wall'}-{width}-{theme}")


def test_the_theme_button_changes_the_theme_and_it_stays(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    page.reload()
    page.locator("#theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_everything_can_be_reached_by_keyboard_and_escape_closes(page: Page, broker: Broker) -> None:
    with NodeProcess(broker.url, "ada"):
        expect(page.locator("#online")).to_have_text("1 / 1")
        page.locator("[data-node=ada] .tile").focus()
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("ada")
        page.locator("[data-command=identify]").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".send")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".rollcall .summary")).to_contain_text("1 of 1")
        page.locator("#target").focus()
        page.keyboard.press("Escape")
        expect(page.locator(".rollcall")).to_be_hidden()
        page.go_back()
        expect(page.locator("[data-node=ada] .tile")).to_be_visible()


def test_a_dashboard_that_died_is_said_within_seconds_and_the_page_heals(
    browser: Browser, broker: Broker, tmp_path: Path
) -> None:
    with DashboardOnOnePort(broker.url, data_dir=tmp_path) as dashboard, NodeProcess(broker.url, "ada"):
        context = browser.new_context()
        page = context.new_page()
        page.goto(dashboard.url)
        expect(page.locator("#online")).to_have_text("1 / 1")
        dashboard.kill()
        expect(page.locator("#age-metric")).to_have_attribute("data-level", "warn")
        expect(page.locator("#banner")).to_contain_text("Connection lost")
        dashboard.start()
        expect(page.locator("#banner")).to_be_hidden()
        expect(page.locator("#age-metric")).to_have_attribute("data-level", "good")
        expect(page.locator("[data-node=ada] .tile-state")).to_have_text("online")
        context.close()
