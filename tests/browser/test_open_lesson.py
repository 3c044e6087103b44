"""The banner of an open lesson: on every page, until it is over. What is said comes over a real broker."""

import json
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from support import pages
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.probe import Probe

LESSON = "fleet/1/_host/lesson"


def say(broker: Broker, payload: bytes | str) -> None:
    with Probe(broker.url, "fleet/1/none") as probe:
        probe.publish(LESSON, payload, retain=True)


def open_until(until: int) -> str:
    return json.dumps({"open": True, "until": until})


def in_minutes(minutes: float) -> int:
    return int((time.time() + minutes * 60) * 1000)


@pytest.fixture(autouse=True)
def empty_fleet() -> None:
    """The class of the first test stays for the others."""


@pytest.fixture(autouse=True)
def lesson_over(broker: Broker, dashboard: DashboardProcess) -> Iterator[None]:
    yield
    say(broker, "")
    dashboard.wait_for("/api/snapshot", lambda found: found["lesson"] is None, within=30)


@pytest.mark.usefixtures("crowd")
def test_every_page_says_until_when_nobody_needs_a_password(broker: Broker, page: Page) -> None:
    until = in_minutes(45)
    say(broker, open_until(until))
    for _, path, ready in pages.PAGES:
        page.goto(path)
        expect(page.locator(ready).first).to_be_attached(timeout=30_000)
        banner = page.locator(".lesson")
        expect(banner).to_be_visible(timeout=30_000)
        expect(banner).to_contain_text("nobody needs a password")
        expect(banner).to_contain_text(time.strftime("%H:%M", time.localtime(until / 1000)))
        expect(banner).to_contain_text("fleet class lock fleet")


def test_the_banner_comes_and_goes_with_what_is_retained(broker: Broker, page: Page) -> None:
    page.goto("/")
    banner = page.locator(".lesson")
    expect(page.locator("#base")).to_have_text("fleet", timeout=30_000)
    expect(banner).to_be_hidden()
    say(broker, open_until(in_minutes(10)))
    expect(banner).to_be_visible(timeout=30_000)
    say(broker, "")
    expect(banner).to_be_hidden(timeout=30_000)


def test_a_lesson_whose_end_nobody_told_is_over_at_its_time(broker: Broker, page: Page) -> None:
    page.goto("/")
    say(broker, open_until(in_minutes(0.15)))
    expect(page.locator(".lesson")).to_be_visible(timeout=30_000)
    expect(page.locator(".lesson")).to_be_hidden(timeout=30_000)


@pytest.mark.parametrize("payload", [b"{", b'{"open":false,"until":1}', b'{"open":true,"until":"<b>"}', b"\xff"])
def test_what_is_no_lesson_opens_nothing(broker: Broker, dashboard: DashboardProcess, payload: bytes) -> None:
    until = in_minutes(5)
    say(broker, payload)
    assert dashboard.get("/api/snapshot")["lesson"] is None
    say(broker, open_until(until))
    dashboard.wait_for("/api/snapshot", lambda found: found["lesson"] == {"until": until}, within=30)
    say(broker, payload)
    say(broker, open_until(until + 1))
    dashboard.wait_for("/api/snapshot", lambda found: found["lesson"] == {"until": until + 1}, within=30)
