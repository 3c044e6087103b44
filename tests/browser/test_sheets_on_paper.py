"""The sheets as they come out of a printer: every card whole on its page, and its code readable by a phone.

The codes are read by zxing-cpp, which knows nothing of segno that drew them.
"""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Page

from fleet_tools import ticket
from support.class_run import environment, fleet

NAMES = ["Ada Lovelace", "Grace", "Maximiliane von Hohenstein-Lang", "<b>bold</b>", "W" * 32, "李小龙", "نور", "Tom"]
PAPER = {"A4": (210, 297), "Letter": (216, 279)}  # mm
MARGIN, MM = 10, 96 / 25.4  # pixels of CSS


@pytest.fixture(autouse=True)
def empty_fleet() -> None:
    """These tests need no fleet."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("classes")
    rows = [f"{name},node-{number}" for number, name in enumerate(NAMES, 1)]
    (root / "names.csv").write_text("name,id\n" + "\n".join(rows) + "\n", encoding="utf-8")
    fleet(root, "class", "new", "3b", "--roster", "names.csv", "--at", "192.168.178.120")
    fleet(root, "class", "sheets", "3b", "--svg", str(root / "codes"))
    return root


@pytest.fixture(params=["tls", "plain"])
def sheets(root: Path, request: pytest.FixtureRequest) -> Path:
    path = root / f"{request.param}.html"
    option = [] if request.param == "tls" else ["--no-tls"]
    fleet(root, "class", "sheets", "3b", "-o", str(path), *option)
    return path


@pytest.fixture
def paper(browser: Browser, sheets: Path) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 900}, device_scale_factor=2)
    page.goto(sheets.as_uri())
    page.emulate_media(media="print")
    yield page
    page.close()


def tickets(root: Path) -> dict[str, str]:
    """{node: secret}"""
    found: dict[str, str] = json.loads((root / "3b/credentials/class/nodes.json").read_text())
    return found


def read(image: bytes) -> list[str]:
    """The texts of all QR codes in a picture."""
    return [code.text for code in zxingcpp.read_barcodes(Image.open(io.BytesIO(image)).convert("L"))]


def test_every_code_says_what_stands_beside_it(paper: Page, root: Path) -> None:
    cards = paper.locator("article")
    secrets = tickets(root)
    assert cards.count() == len(NAMES) == len(secrets)
    for number in range(cards.count()):
        card = cards.nth(number)
        (text,) = read(card.screenshot())
        link, _, line = text.partition("#")
        assert link == "http://192.168.178.120:8080/join"
        assert line == card.locator(".ticket").inner_text().replace("\n", "")
        found = ticket.parse(line)
        assert found.secret == secrets.pop(found.node), "the code is another node's"
        shown = card.locator("dd").all_inner_texts()
        assert shown[:3] == [found.node, found.secret, found.host]
        assert shown[4] == found.base == "3b"
    assert not secrets


@pytest.mark.parametrize("paper_size", PAPER)
def test_every_card_is_whole_on_either_paper(paper: Page, paper_size: str) -> None:
    """Nothing is cut off, wraps where it should not, or falls on two pages."""
    wide, high = (side - 2 * MARGIN for side in PAPER[paper_size])
    for section in paper.locator("section").all():
        box = section.bounding_box()
        assert box
        assert box["width"] <= wide * MM
        assert box["height"] <= high * MM
    for card in paper.locator("article").all():
        cut = card.evaluate("card => [card.scrollHeight - card.clientHeight, card.scrollWidth - card.clientWidth]")
        assert cut == [0, 0], card.inner_text()
        secret = card.locator(".secret")
        assert secret.evaluate("one => one.scrollWidth <= one.clientWidth"), "the secret leaves its column"
        height, line = secret.evaluate("one => [one.clientHeight, parseFloat(getComputedStyle(one).lineHeight)]")
        assert height < 1.5 * line, "the secret stands on two lines"


@pytest.mark.parametrize("paper_size", PAPER)
def test_eight_nodes_are_two_pages(paper: Page, paper_size: str, tmp_path: Path) -> None:
    pdf = paper.pdf(format=paper_size, path=tmp_path / "sheets.pdf")
    assert pdf.count(b"/Type /Page\n") == 2


def test_what_is_said_about_the_sheets_is_not_printed(paper: Page) -> None:
    assert paper.locator("header").is_hidden()
    paper.emulate_media(media="screen")
    assert "holds a secret" in paper.locator("header").inner_text()


def test_the_drawings_say_the_same_as_the_cards(browser: Browser, root: Path) -> None:
    page = browser.new_page(viewport={"width": 400, "height": 400}, device_scale_factor=2)
    for node, secret in tickets(root).items():
        page.goto((root / "codes" / f"{node}.svg").as_uri())
        (text,) = read(page.screenshot())
        found = ticket.parse(text.partition("#")[2])
        assert (found.node, found.secret) == (node, secret)
    page.close()


def test_it_needs_no_browser_to_be_made(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fleet_tools", "class", "sheets", "3b", "-o", "again.html"],
        env={**environment(root), "PATH": ""},
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (root / "again.html").read_text().count("<article>") == len(NAMES)
