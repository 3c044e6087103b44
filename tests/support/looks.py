"""A page as people will see it: at every width, light and dark, one look after the other."""

from collections.abc import Iterable, Iterator

from playwright.sync_api import Page, expect

from support.pages import SCREENS, THEMES


def looks(page: Page, screens: Iterable[tuple[int, int]] = SCREENS) -> Iterator[tuple[int, str]]:
    """(width, theme), each when the page has taken it and is painted."""
    for width, height in screens:
        page.set_viewport_size({"width": width, "height": height})
        for theme in THEMES:
            page.emulate_media(color_scheme="light" if theme == "light" else "dark")
            expect(page.locator("html")).to_have_attribute("data-theme", theme)
            page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            yield width, theme


def too_wide(page: Page) -> int:
    """By how many px it is wider than its screen; 0 or less if it fits."""
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))
