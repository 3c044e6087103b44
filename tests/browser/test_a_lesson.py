"""A lesson as a teacher gives it, all from the page: log in, name the boards, play three rounds, mute, take the report.

Everything is real: the broker, three nodes with the names of their boards, the dashboard and the browser.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support import rights
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess
from support.pupil import tap

PUPILS = {"n-1": "Ada", "n-2": "Bo", "n-3": "Cy"}


def play(page: Page) -> None:
    page.get_by_label("Seconds").fill("120")
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".phase")).to_have_text("Go!")


def end(page: Page, shoot: Callable[[Page, str], Path], name: str, winner: str) -> None:
    page.get_by_role("button", name="Stop now").click()
    expect(page.locator(".phase")).to_have_text("Result")
    expect(page.locator(".ranks .name").first).to_have_text(winner)
    shoot(page, f"lesson-{name}")
    page.get_by_role("button", name="Put the result away").click()
    expect(page.get_by_role("button", name="Start")).to_be_visible()


@pytest.mark.viewer
@pytest.mark.timeout(300)
def test_a_lesson_from_the_login_to_the_report(
    page: Page, broker: Broker, dashboard: DashboardProcess, shoot: Callable[[Page, str], Path], tmp_path: Path
) -> None:
    page.emulate_media(reduced_motion="reduce")
    press = partial(tap, dashboard, within=30)
    with ExitStack() as class_room:
        nodes = [class_room.enter_context(NodeProcess(broker.url, name)) for name in PUPILS]

        # The link that `fleet teacher` prints; its code does not stay in the address.
        page.goto("/leaderboard")
        expect(page.get_by_role("button", name="Start")).to_be_hidden()
        page.goto(f"/#teacher={rights.CODE}")
        page.reload()
        expect(page.get_by_role("button", name="Teacher")).to_be_visible()
        assert rights.CODE not in page.url
        expect(page.locator("#online")).to_have_text("3 / 3")
        shoot(page, "lesson-wall")

        # Names, walking from board to board.
        page.get_by_role("link", name="Commands").click()
        expect(page.locator(".class-count")).to_have_text("3 of 3 boards are connected")
        page.get_by_role("button", name="Name them one by one").click()
        for node, name in PUPILS.items():
            expect(page.get_by_label(f"Name of {node}")).to_be_focused()
            page.keyboard.type(name)
            page.keyboard.press("Enter")
            dashboard.node(node, lambda shown, name=name: shown["name"] == name, within=30)
        shoot(page, "lesson-names")

        # Three rounds: most presses, fastest press after the buzz, and a question.
        page.get_by_role("link", name="Leaderboard").click()
        page.get_by_label("Round", exact=True).select_option("sprint")
        play(page)
        press(nodes[1], 2)
        press(nodes[0])
        end(page, shoot, "sprint", "Bo")
        page.get_by_label("Round", exact=True).select_option("reaction")
        play(page)
        press(nodes[2])
        press(nodes[0])
        end(page, shoot, "reaction", "Cy")
        page.get_by_label("Round", exact=True).select_option("quiz")
        page.get_by_label("Question", exact=True).select_option("own")
        page.get_by_label("My question").fill("Which of them is a bus?")
        page.get_by_label("Answer 1", exact=True).fill("I2C")
        page.get_by_label("Answer 2", exact=True).fill("LED")
        play(page)
        press(nodes[0])
        press(nodes[1], 2)
        expect(page.locator(".stage > .hint")).to_have_text("2 answered")
        end(page, shoot, "quiz", "Ada")

        # Quiet, please.
        page.get_by_role("link", name="Commands").click()
        mute = page.locator(".switch[data-command=mute]")
        mute.get_by_role("button", name="Mute all").click()
        expect(page.locator(".answer .summary")).to_have_text(re.compile(r"^3 of 3 in "))
        expect(mute.locator(".switch-clock")).to_have_text(re.compile(r"^[345]:\d\d$"))
        shoot(page, "lesson-mute")

        # The report, on the screen and to take home.
        page.get_by_role("link", name="Report").click()
        page.get_by_role("button", name="45 min").click()
        for name in PUPILS.values():
            expect(page.get_by_role("rowheader", name=re.compile(f"^{name}")).first).to_be_visible()
        rounds = page.locator("section", has=page.get_by_role("heading", name="Rounds"))
        for title in ("Press sprint", "Fastest press after the buzz", "Quiz by button"):
            expect(rounds).to_contain_text(title)
        shoot(page, "lesson-report")
        with page.expect_download() as coming:
            page.get_by_role("link", name="Save as HTML").click()
        coming.value.save_as(tmp_path / "lesson.html")
        kept = (tmp_path / "lesson.html").read_text()
        assert [name for name in PUPILS.values() if name not in kept] == []
        page.get_by_role("button", name="Teacher").click()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("link", name="Commands")).to_be_hidden()
