"""The hand-out of the workshop as it comes out of a printer: one page, with nothing cut off."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from fleet_tools import workshop_handout

LONGEST = ("a-class-of-16-on", "fleet-in-room-12.school.example")
A4 = (190, 277)  # mm, without the margins


@pytest.fixture(autouse=True)
def empty_fleet() -> None:
    """These tests need no fleet."""


@pytest.fixture(params=[("fleet", None), LONGEST], ids=["blank", "longest"])
def paper(browser: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    (tmp_path / "handout.html").write_text(workshop_handout.page(*request.param), encoding="utf-8")
    page = browser.new_page(viewport={"width": round(A4[0] / 25.4 * 96), "height": 900})
    page.goto((tmp_path / "handout.html").as_uri())
    page.emulate_media(media="print")
    yield page
    page.close()


@pytest.mark.parametrize("size", ["A4", "Letter"])
def test_it_is_one_page(paper: Page, size: str) -> None:
    pdf = paper.pdf(format=size, margin=dict.fromkeys(("top", "right", "bottom", "left"), "10mm"))
    assert pdf.count(b"/Type /Page\n") == 1


def test_nothing_leaves_its_column(paper: Page) -> None:
    for section in paper.locator("section").all():
        over = section.evaluate(
            """section => [...section.querySelectorAll('td, pre, p, li')].filter(one =>
                 one.getBoundingClientRect().right > section.getBoundingClientRect().right + 1
                 || one.scrollWidth > one.clientWidth + 1).map(one => one.innerText)"""
        )
        assert not over, over
