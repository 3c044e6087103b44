"""A page of Chromium that is not the dashboard's: what it complains about, and which other origins it asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page

WAIT_MS = 30_000


@contextmanager
def watched(browser: Browser, url: str, *, excused: tuple[str, ...] = ()) -> Iterator[Page]:
    """`excused` are in complaints that the test wants, such as those about a program that was stopped."""
    context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    complaints: list[str] = []
    foreign: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(error.stack or str(error)))
    page.on("dialog", lambda dialog: (complaints.append(f"a dialog opened: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda asked: foreign.append(asked.url) if not asked.url.startswith((url, "data:")) else None)
    page.goto("/")
    try:
        yield page
    finally:
        context.close()
    assert not foreign, f"the page asked other origins: {foreign}"
    serious = [one for one in complaints if not any(word in one for word in excused)]
    assert not serious, f"the page complained: {serious}"
