"""The extra with PyScript, typed as its README says: Python in the page shows a reading, and asks nobody else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from fleet_tools import workshop_extra
from fleet_tools import workshop_lessons as lessons
from fleet_tools.errors import FleetError
from fleet_tools.workshop_run import Program
from support import tiers
from support.workshop import blocks, fleet, port_8000

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

README = (workshop_extra.EXTRAS / "pyscript" / "README.md").read_text()
ORIGIN = "127.0.0.1:8000"


@pytest.fixture(autouse=True)
def empty_fleet() -> None:
    """There is no fleet here."""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """The node's program, started by the lines of the README."""
    (lines,) = blocks(README, "sh")
    assert lines == ["fleet workshop extra pyscript", "cd my-workshop/extra-pyscript", "micropython main.py"]
    folder = tmp_path / "my-workshop"
    try:
        workshop_extra.lay("pyscript", tmp_path / "first")
    except FleetError as error:
        tiers.require(False, str(error), "browser")
    assert "extra-pyscript/README.md" in fleet(folder, "extra", "pyscript")
    program = Program(folder / "extra-pyscript", tmp_path / "log", heap="512k")
    with port_8000():
        program.start()
        deadline = time.monotonic() + 30
        while program.address is None:
            assert program.running, program.lines
            assert time.monotonic() < deadline, program.lines
            time.sleep(0.05)
        yield program
        program.stop()


@pytest.mark.timeout(300)  # it may wait for port 8000
def test_python_in_the_page_shows_the_readings_and_sets_the_period_without_the_internet(
    browser: Browser, program: Program, shoot: Callable[[Page, str], Path]
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    foreign: list[str] = []
    complaints: list[str] = []

    def judge(route: Route) -> None:
        if urlsplit(route.request.url).netloc == ORIGIN:
            route.continue_()
        else:
            foreign.append(route.request.url)
            route.abort()

    context.route("**/*", judge)
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(program.address or "")
    expect(page.locator("#now")).to_contain_text("°C")
    expect(page.locator("#who")).to_have_text("micropython 1.27 in this browser")
    page.get_by_label("A reading every").fill("100")
    page.get_by_role("button", name="Set").click()
    expect(page.locator("#said")).to_have_text("now every 100 ms")
    page.wait_for_function("document.getElementById('curve').getAttribute('points').split(' ').length > 20")
    assert complaints == []
    shoot(page, "pyscript")
    page.get_by_label("A reading every").fill("1")
    page.get_by_role("button", name="Set").click()
    expect(page.locator("#said")).to_have_text("ms must be a whole number from 100 to 60000")
    assert foreign == [], "it asked others"
    assert context.request.get(f"http://{ORIGIN}/wifi.py").status == 404, "only the files of the page are served"
    program.stop()
    expect(page.locator("#count")).to_have_text("the sensor does not answer")
    context.close()


def test_an_extra_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert 'did you mean "pyscript"?' in fleet(tmp_path, "extra", "pyscrip", code=2)


def test_what_it_shares_with_lesson_6_is_the_same() -> None:
    ours = (workshop_extra.EXTRAS / "pyscript" / "main.py").read_text()
    theirs = (lessons.find("page").folder / "solution.py").read_text()
    functions = [part for part in theirs.split("\n\n\n")[1:] if "async def" in part]
    assert [part for part in functions if part not in ours] == []
