"""A real browser on a real dashboard with real nodes: what every test of this folder begins with.

One Chromium serves all tests, each test has a page of its own. Whatever the page complains about (console errors,
exceptions) or asks of another origin fails the test that was running, at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import rights, tiers
from support.broker import Broker
from support.crowd import Crowd
from support.dashboard import DashboardProcess
from support.probe import Probe

if TYPE_CHECKING:  # this file is read even where playwright is not installed
    from playwright.sync_api import Browser, BrowserContext, Page

WAIT_MS = 30_000  # for what is to become true: a busy machine makes it later, not wrong
ARTIFACTS = tiers.ROOT / "tests" / "artifacts"
QUIET = (
    "--no-sandbox",  # a container's root has no other way
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "complains: the browser's console may show errors in this test, and why")
    config.addinivalue_line("markers", "viewer: nobody is logged in on the page of this test")


@pytest.fixture(scope="module")  # not longer: while it lives, no other test could run an event loop
def browser() -> Iterator[Browser]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=tiers.chromium(), args=list(QUIET))
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


@pytest.fixture(scope="module")
def dashboard(broker: Broker) -> Iterator[DashboardProcess]:
    with DashboardProcess(broker.url) as running:
        yield running


@pytest.fixture(scope="module")
def crowd(broker: Broker, dashboard: DashboardProcess) -> Iterator[None]:
    """A class of twelve, in every state; a module that shows it lets it stay with an `empty_fleet` of its own."""
    with Crowd(broker.url, cast="class"):
        dashboard.wait_for("/api/stats", lambda stats: stats["rows"] > 200, within=60)  # there is something to replay
        yield


@pytest.fixture(autouse=True)
def empty_fleet(broker: Broker, dashboard: DashboardProcess) -> Iterator[None]:
    """The tests of a module share a broker; each finds it without nodes, because the one before takes its own away."""
    yield
    with Probe(broker.url, "fleet/1/none") as cleaner:
        for node in dashboard.get("/api/snapshot")["nodes"]:
            for kind in ("status", "meta"):
                cleaner.publish(f"fleet/1/{node['id']}/{kind}", retain=True)
        dashboard.wait_for("/api/snapshot", lambda snapshot: not snapshot["nodes"])


@pytest.fixture
def shoot() -> Callable[[Page, str], Path]:
    """Keep a screenshot in tests/artifacts, for people."""

    def take(page: Page, name: str) -> Path:
        ARTIFACTS.mkdir(exist_ok=True)
        path = ARTIFACTS / f"{name}.png"
        page.screenshot(path=path)
        return path

    return take


def log_in(context: BrowserContext) -> None:
    """From now on the pages of this context are the teacher's."""
    answer = context.request.post("/api/login", data={"code": rights.CODE})
    assert answer.ok, answer.text()


@pytest.fixture
def page(
    browser: Browser,
    dashboard: DashboardProcess,
    shoot: Callable[[Page, str], Path],
    request: pytest.FixtureRequest,
) -> Iterator[Page]:
    """A page at the wall, watched: what it complains about and which other origins it asks is judged at the end."""
    context = browser.new_context(base_url=dashboard.url, viewport={"width": 1280, "height": 800})
    if request.node.get_closest_marker("viewer") is None:
        log_in(context)
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    complaints: list[str] = []
    foreign: list[str] = []

    def note_request(url: str) -> None:
        if not url.startswith((f"{dashboard.url}/", "data:")):
            foreign.append(url)

    def note_dialog(message: str) -> None:
        complaints.append(f"a dialog opened: {message}")

    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(error.stack or str(error)))
    page.on("dialog", lambda dialog: (note_dialog(dialog.message), dialog.dismiss()))
    page.on("request", lambda asked: note_request(asked.url))
    failures = request.session.testsfailed
    page.goto("/")
    yield page
    if request.session.testsfailed > failures:
        shoot(page, request.node.name)
    context.close()
    assert not foreign, f"the page asked other origins: {foreign}"
    if request.node.get_closest_marker("complains") is None:
        assert not complaints, f"the page complained: {complaints}"
