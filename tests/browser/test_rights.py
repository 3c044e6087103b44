"""A viewer looks, the teacher commands: what each sees, how one becomes the other, and that nothing typed is lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support import rights
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess
from support.probe import Probe

CODE_FIELD = re.compile("^Teacher.s code$")
SCREENS = ((390, 844), (1280, 800), (1920, 1080))
TEACHER, VIEWER = (f":root[data-role={role}]" for role in ("teacher", "viewer"))


def wait_for_role(page: Page, role: str) -> None:
    expect(page.locator(role)).to_be_attached()


@pytest.mark.viewer
def test_a_viewer_sees_everything_and_no_control(page: Page, broker: Broker) -> None:
    wait_for_role(page, VIEWER)
    with NodeProcess(broker.url, "ada"):
        expect(page.locator(".tile .value")).to_be_visible()
        expect(page.locator("#dock")).to_be_hidden()
        page.locator(".tile").click()
        expect(page.locator(".node-title h1")).to_have_text("ada")
        expect(page.locator("#dock")).to_be_hidden()
        page.goto("/leaderboard")
        expect(page.locator(".stage")).to_be_visible()
        expect(page.locator(".referee")).to_be_hidden()
        expect(page.locator("#teacher")).to_have_text("Log in")
        page.goto("/commands")
        expect(page.locator(".commands")).to_be_visible()
        expect(page.locator("main :is(button, input, select)").locator("visible=true")).to_have_count(0)
        expect(page.locator("[data-place=commands]")).to_be_hidden()


@pytest.mark.viewer
@pytest.mark.complains  # the browser itself reports the 401 of the wrong code
def test_a_wrong_code_is_said_and_the_right_one_lets_in(page: Page) -> None:
    wait_for_role(page, VIEWER)
    page.locator("#teacher").click()
    expect(page.get_by_label(CODE_FIELD)).to_be_focused()
    page.keyboard.type("not the code")
    page.keyboard.press("Enter")
    expect(page.locator("dialog .wrong-code")).to_have_text("This is not the teacher's code.")
    page.keyboard.type(rights.CODE.upper().replace("-", " "))  # over the old one, which is selected
    page.keyboard.press("Enter")
    wait_for_role(page, TEACHER)
    expect(page.locator("dialog")).to_be_hidden()
    expect(page.locator("#dock")).to_be_visible()
    expect(page.locator("#teacher")).to_have_text("Teacher")
    page.reload()
    expect(page.locator("#dock")).to_be_visible()
    page.locator("#teacher").click()
    page.get_by_role("button", name="Log out").click()
    wait_for_role(page, VIEWER)
    expect(page.locator("#dock")).to_be_hidden()
    assert page.evaluate("document.cookie") == "", "no script sees a login"


@pytest.mark.viewer
def test_a_link_logs_in_and_the_code_is_gone_from_the_address(page: Page, dashboard: DashboardProcess) -> None:
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.goto(f"/leaderboard#teacher={rights.CODE}")
    wait_for_role(page, TEACHER)
    assert page.url == f"{dashboard.url}/leaderboard"
    assert not [url for url in asked if rights.CODE in url.partition("#")[0]]
    page.go_back()
    page.go_forward()
    assert rights.CODE not in page.url, "nor in the history"


@pytest.mark.viewer
@pytest.mark.complains  # the 401 of the wrong code
def test_a_link_with_an_old_code_asks_for_the_right_one(page: Page) -> None:
    page.goto("/#teacher=an-old-code")
    expect(page.locator("dialog .wrong-code")).to_have_text("This is not the teacher's code.")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_be_hidden()
    wait_for_role(page, VIEWER)


@pytest.mark.complains  # the 401 of the command whose login had ended
def test_what_was_typed_is_sent_after_a_login_that_had_ended(page: Page, broker: Broker) -> None:
    with NodeProcess(broker.url, "ada"), Probe(broker.url, "fleet/1/+/cmd/+") as probe:
        page.locator("[data-command=say]").click()
        page.locator("#arg-text").fill("hello to all of you")
        page.context.clear_cookies()  # as after 12 hours
        page.locator("#dock .send").click()
        expect(page.locator("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_be_hidden()
        assert not probe.seen("#"), "nothing is sent without"
        page.locator("#teacher").click()
        page.keyboard.type(rights.CODE)
        page.keyboard.press("Enter")
        expect(page.locator("dialog")).to_be_hidden()  # the login is over: its cookie is there to be cleared
        expect(page.locator("#arg-text")).to_have_value("hello to all of you")
        page.context.clear_cookies()
        page.locator("#dock .send").click()
        expect(page.locator("dialog")).to_be_visible()
        page.keyboard.type(rights.CODE)
        page.keyboard.press("Enter")
        sent = probe.expect("fleet/1/_all/cmd/say", within=30)
        assert sent.json()["text"] == "hello to all of you"
        expect(page.locator(".rollcall .summary")).to_contain_text("1 of 1")


@pytest.mark.viewer
def test_a_page_that_is_asked_by_hand_is_refused(page: Page, broker: Broker) -> None:
    """What a viewer does in the browser's console: hiding a button is no protection, and is not meant as one."""
    wait_for_role(page, VIEWER)
    with Probe(broker.url, "fleet/1/+/cmd/+") as probe:
        answer = page.request.post("/api/commands", data={"target": "_all", "name": "buzz"})
        assert answer.status == 401
        probe.settle(30)
        assert not probe.seen("#")


@pytest.mark.viewer
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), SCREENS)
def test_the_login_fits_and_can_be_read(
    page: Page, shoot: Callable[[Page, str], Path], width: int, height: int, scheme: str
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    wait_for_role(page, VIEWER)
    page.locator("#teacher").click()
    box = page.locator("dialog").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shoot(page, f"login-{scheme}-{width}")
    page.get_by_label("Show what I type").check()
    expect(page.get_by_label(CODE_FIELD)).to_have_attribute("type", "text")
