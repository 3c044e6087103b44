"""The sheets of a class as text: what stands on them, for whom, and that nothing of a name is markup."""

import json
import re
import stat
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fleet_tools import cli, lan, sheets
from fleet_tools.sheets import A_PAGE, Sheet, page
from fleet_tools.ticket import Ticket

CA = "0123456789abcdef0123456789abcdef"


def ticket(node: str, tls: bool = True) -> Ticket:
    port, ca = (8883, CA) if tls else (1883, "")
    return Ticket(node, "abcd-efgh-jkmn-pqrs", "192.168.1.10", port, "3b", tls, ca)


class Cards(HTMLParser):
    """The texts of each card, its attributes apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cards: list[str] = []
        self.tags: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: object) -> None:
        self.tags.append(tag)
        if tag == "article":
            self.cards.append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "article":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.cards[-1] += data + "\n"


def test_a_card_says_all_that_its_node_needs() -> None:
    card = Cards(page("3b", [Sheet("Ada Lovelace", ticket("3b-01"))])).cards[0].splitlines()
    for expected in ("Ada Lovelace", "3b-01", "abcd-efgh-jkmn-pqrs", "192.168.1.10", "8883 with TLS", "3b"):
        assert expected in card
    assert {"fleet join", "import join"} <= set(card)
    assert "".join(card).endswith(str(ticket("3b-01")))


def test_a_card_without_tls_says_another_port() -> None:
    card = Cards(page("3b", [Sheet("Ada", ticket("3b-01", tls=False))])).cards[0]
    assert "\n1883\n" in card
    assert "TLS" not in card
    assert card.rstrip().endswith("@\n192.168.1.10/3b")


@pytest.mark.parametrize("count", [1, A_PAGE - 1, A_PAGE, A_PAGE + 1, 30])
def test_there_are_six_cards_on_a_page(count: int) -> None:
    found = Cards(page("3b", [Sheet(f"Node {n}", ticket(f"3b-{n:02}")) for n in range(1, count + 1)]))
    assert len(found.cards) == found.tags.count("svg") == count
    assert found.tags.count("section") == -(-count // A_PAGE)
    assert 4 <= A_PAGE <= 8


@pytest.mark.parametrize(
    "name", ["<b>x</b>", "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a & b", "'"]
)
def test_a_name_is_text_and_nothing_else(name: str) -> None:
    found = Cards(page("3b", [Sheet(name, ticket("3b-01"))]))
    assert found.cards[0].startswith(name + "\n")
    assert not {"b", "script", "img"} & set(found.tags) - {"b"}
    assert found.tags.count("b") == 1, "the one of our own text"


def test_it_is_one_file_that_asks_for_nothing_and_runs_nothing() -> None:
    text = page("3b", [Sheet("Ada", ticket("3b-01"))])
    assert "default-src 'none'" in text
    assert not re.search(r"<(script|link|img|iframe)|@import|url\(|src=|\son\w+=", text)
    outside = set(re.findall(r"https?://[^\"'\s<]+", text)) - {"http://www.w3.org/2000/svg"}
    assert not outside


def test_the_code_of_a_phone_leads_to_the_page_that_helps_to_join() -> None:
    assert sheets.link(ticket("3b-01")) == f"http://192.168.1.10:8080/join#{ticket('3b-01')}"
    assert sheets.link(ticket("3b-01"), 8081).startswith("http://192.168.1.10:8081/join#mqtts://")


def test_it_says_for_programs_where_the_broker_is() -> None:
    assert '<meta name="fleet-broker" content="192.168.1.10:8883">' in page("3b", [Sheet("Ada", ticket("3b-01"))])


# -- fleet class sheets -------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLEET_CLASSES", str(tmp_path / "classes"))
    monkeypatch.delenv("FLEET_CLASS_FOLDER", raising=False)
    assert cli.run(["class", "new", "3b", "--nodes", "8", "--at", "192.168.1.10"]) == 0
    return tmp_path


def secrets(root: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((root / "classes/3b/credentials/class/nodes.json").read_text())
    return found


def test_a_new_class_has_its_sheets(root: Path) -> None:
    path = root / "classes" / "3b" / "sheets.html"
    assert len(Cards(path.read_text()).cards) == 8
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_a_network_a_class_is_made_all_the_same(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lan, "addresses", lambda: [])
    assert cli.run(["class", "new", "4a", "--nodes", "2"]) == 0
    assert "no sheets yet: this computer is in no network" in capsys.readouterr().out
    assert not (root / "classes" / "4a" / "sheets.html").exists()


def test_the_sheets_of_a_class_are_a_private_file_in_its_folder(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["class", "sheets", "3b"]) == 0
    path = root / "classes" / "3b" / "sheets.html"
    assert capsys.readouterr().out.strip().endswith(str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    cards = Cards(path.read_text()).cards
    assert len(cards) == 8
    for card, (node, secret) in zip(cards, secrets(root).items(), strict=True):
        assert f"\n{node}\n" in card
        assert f"\n{secret}\n" in card


def test_who_is_revoked_gets_no_sheet(root: Path) -> None:
    assert cli.run(["class", "revoke", "3b", "3b-02"]) == 0
    assert cli.run(["class", "sheets", "3b"]) == 0
    text = (root / "classes" / "3b" / "sheets.html").read_text()
    assert len(Cards(text).cards) == 7
    assert secrets(root)["3b-02"] not in text


def test_another_address_stays_the_one_of_the_class(root: Path) -> None:
    assert cli.run(["class", "sheets", "3b", "--at", "10.0.0.7"]) == 0
    assert cli.run(["class", "sheets", "3b"]) == 0
    assert "\n10.0.0.7\n" in Cards((root / "classes/3b/sheets.html").read_text()).cards[0]


@pytest.mark.parametrize("address", ["", "a b", "http://192.168.1.10", "192.168.1.10:1883", "<b>"])
def test_what_is_no_address_is_refused_and_not_kept(
    root: Path, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (root / "classes" / "3b" / "class.json").read_bytes()
    assert cli.run(["class", "sheets", "3b", "--at", address]) == 2
    assert "cannot be on a sheet" in capsys.readouterr().err
    assert (root / "classes" / "3b" / "class.json").read_bytes() == before


def test_each_node_has_a_drawing_of_its_code(root: Path, tmp_path: Path) -> None:
    codes = tmp_path / "codes"
    assert cli.run(["class", "sheets", "3b", "--svg", str(codes)]) == 0
    found = sorted(codes.iterdir())
    assert [path.name for path in found] == [f"3b-{n:02}.svg" for n in range(1, 9)]
    assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}
    assert all('width="40mm"' in path.read_text() for path in found)
    assert len({path.read_text() for path in found}) == 8


def test_a_class_of_nobody_has_no_sheets(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(1, 9):
        assert cli.run(["class", "revoke", "3b", f"3b-{number:02}"]) == 0
    assert cli.run(["class", "sheets", "3b"]) == 2
    assert "no node that may join" in capsys.readouterr().err
