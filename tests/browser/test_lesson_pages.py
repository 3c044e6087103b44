"""The pages of lessons 6 and 7 in a real browser, served by the solutions on MicroPython, as a learner sees them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from fleet_tools import workshop_lessons as lessons
from fleet_tools.workshop_run import Program
from support import tiers
from support.looks import too_wide
from support.pages import THEMES
from support.watched import WAIT_MS, watched
from support.workshop import port_8000

ADDRESS = "http://127.0.0.1:8000"
EXCUSED = ("ERR_", "status of 400", "htmx:sseError", "[object Event]")  # once stopped; a wrong setting
POINTS = "() => document.querySelector('polyline')?.getAttribute('points')?.trim().split(' ').length ?? 0"


@pytest.fixture(autouse=True)
def empty_fleet() -> None:
    """There is no dashboard in these tests."""


@contextmanager
def running(name: str, folder: Path) -> Iterator[Program]:
    lesson = lessons.find(name)
    lesson.lay("solution.py", folder)
    program = Program(folder, folder / "log", heap="256k")
    with port_8000():
        program.start()
        try:
            yield program
        finally:
            program.stop()


def open_page(stack: ExitStack, browser: Browser, program: Program) -> Page:
    """As soon as the program listens."""
    probe = browser.new_page()
    for _ in range(WAIT_MS // 100):
        try:
            probe.goto(ADDRESS)
            break
        except Error:
            assert program.running, program.lines
            probe.wait_for_timeout(100)
    probe.close()
    return stack.enter_context(watched(browser, ADDRESS, excused=EXCUSED))


def grows(page: Page, least: int) -> None:
    page.wait_for_function(f"least => ({POINTS})() >= least", arg=least)


def look(page: Page, shoot: Callable[[Page, str], Path], name: str) -> None:
    for width, height in ((390, 844), (1280, 800)):
        page.set_viewport_size({"width": width, "height": height})
        for theme in THEMES:
            page.emulate_media(color_scheme="light" if theme == "light" else "dark")
            shoot(page, f"{name}-{width}-{theme}")
            assert too_wide(page) <= 0


@pytest.mark.parametrize(
    ("lesson", "value", "wrong"),
    [
        ("page", "#now", "ms must be a whole number from 100 to 60000"),
        ("live", "[sse-swap=temp]", "use 100 to 60000 ms"),
    ],
)
def test_the_page_draws_controls_and_says_when_the_program_is_stopped(
    lesson: str, value: str, wrong: str, browser: Browser, shoot: Callable[[Page, str], Path], tmp_path: Path
) -> None:
    tiers.require(tiers.micropython(), "no micropython", "browser")
    with ExitStack() as stack:
        program = stack.enter_context(running(lesson, tmp_path))
        page = open_page(stack, browser, program)
        expect(page.locator(value)).to_have_text(re.compile(r"^\d\d\.\d °C$"))
        setting = page.get_by_role("spinbutton")
        setting.fill("5")
        page.get_by_role("button", name="Set").click()
        expect(page.get_by_role("status")).to_have_text(wrong)
        setting.fill("100")
        page.get_by_role("button", name="Set").click()
        expect(page.get_by_role("status")).to_have_text("now every 100 ms")
        before = int(page.evaluate(POINTS))
        grows(page, before + 25)
        look(page, shoot, f"lesson-{lesson}")
        program.stop()
        if lesson == "page":
            expect(page.locator("#count")).to_have_text("the sensor does not answer")
        else:
            expect(page.locator("main")).to_have_class("silent")  # which shows the same sentence
        shoot(page, f"lesson-{lesson}-stopped")
        assert program.error is None
