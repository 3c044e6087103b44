"""The page that a sheet's QR code leads to: what it shows of the ticket, what it says of the node, and what it keeps
to itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess
from support.vectors import cases

SECRET = "abcd-efgh-jkmn-pqrs"
CA = "0123456789abcdef0123456789abcdef"


def ticket(broker: Broker, base: str = "fleet") -> str:
    return f"mqtt://ada:{SECRET}@127.0.0.1:{broker.port}/{base}"


def test_the_page_reads_tickets_as_the_tools_and_the_boards_do(page: Page) -> None:
    vectors = cases("tickets.json")
    found = page.evaluate(
        """async (texts) => {
          const {parseTicket, ticketLine} = await import("/static/ticket.js");
          return texts.map((text) => {
            try {
              const ticket = parseTicket(text);
              return {ticket, line: ticketLine(ticket)};
            } catch (error) {
              return {part: error.part, why: error.message};
            }
          });
        }""",
        [case["text"] for case in vectors],
    )
    assert len(found) == len(vectors) >= 60
    for case, got in zip(vectors, found, strict=True):
        if case["part"]:
            assert got.get("part") == case["part"], f"{case['name']}: {got}"
            assert got["why"]
        else:
            assert got == {"ticket": case["ticket"], "line": case["line"]}, case["name"]


def test_the_page_says_the_same_of_a_mistake_as_the_tools(page: Page) -> None:
    from fleet_tools.ticket import TicketError, parse

    texts = [case["text"] for case in cases("tickets.json") if case["part"]]
    said = page.evaluate(
        """async (texts) => {
          const {parseTicket} = await import("/static/ticket.js");
          return texts.map((text) => { try { parseTicket(text); return ""; } catch (error) { return error.message; } });
        }""",
        texts,
    )
    for text, sentence in zip(texts, said, strict=True):
        with pytest.raises(TicketError) as caught:
            parse(text)
        assert sentence == str(caught.value)


@pytest.mark.viewer
def test_the_ticket_behind_the_hash_goes_nowhere(page: Page, broker: Broker) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.url} {request.all_headers()} {request.post_data}"))
    page.goto("/join#" + ticket(broker))
    expect(page.locator(".join-head h1")).to_have_text("ada")
    assert "#" not in page.url, "it stays in the address bar, for everybody to read"
    page.reload()
    expect(page.locator(".join-head h1")).to_have_text("ada")
    expect(page.locator(".join-verdict")).to_have_attribute("data-level", "wait")
    page.get_by_role("button", name="Another ticket").click()
    expect(page.locator(".join-form")).to_be_visible()
    page.reload()
    expect(page.locator(".join-form")).to_be_visible()
    assert asked
    assert not [one for one in asked if SECRET in one]


@pytest.mark.viewer
def test_the_secret_is_shown_only_when_asked_for_and_copied_whole(page: Page, broker: Broker) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/join#" + ticket(broker))
    expect(page.locator(".join-way").first).to_be_visible()
    assert SECRET not in page.locator("body").inner_text()
    page.get_by_role("button", name="Copy the line").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == ticket(broker)
    page.get_by_role("button", name="Show the secret").click()
    expect(page.locator(".join-way pre").first).to_have_text(ticket(broker))
    expect(page.get_by_role("button", name="Hide the secret")).to_be_visible()


@pytest.mark.viewer
def test_where_a_page_has_no_clipboard_the_line_is_copied_all_the_same(page: Page, broker: Broker) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/join#" + ticket(broker))
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined, configurable: true})")
    page.get_by_role("button", name="Copy the line").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    page.evaluate("delete navigator.clipboard")
    assert page.evaluate("navigator.clipboard.readText()") == ticket(broker)


@pytest.mark.viewer
def test_the_config_for_the_board_is_what_the_node_reads(page: Page, broker: Broker, tmp_path: Path) -> None:
    page.goto("/join#" + ticket(broker))
    with page.expect_download() as saving:
        page.get_by_role("link", name="Save as config.json").click()
    path = tmp_path / "config.json"
    saving.value.save_as(path)
    assert saving.value.suggested_filename == "config.json"
    login = {"host": "127.0.0.1", "port": broker.port, "user": "ada", "password": SECRET}
    assert json.loads(path.read_text()) == {"node": "ada", "base": "fleet", "broker": login}
    with NodeProcess("", "ada", environment={"FLEET_CONFIG": str(path), "FLEET_BROKER": ""}) as node:
        node.expect("joining: it works", within=30)
        expect(page.locator(".join-verdict")).to_have_text("It works. The dashboard has heard ada.")


@pytest.mark.viewer
def test_the_page_follows_the_node_as_it_comes_and_goes(
    page: Page, broker: Broker, shoot: Callable[[Page, str], Path]
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/join#" + ticket(broker))
    verdict = page.locator(".join-verdict")
    expect(verdict).to_contain_text("Not heard yet.")
    shoot(page, "join-waiting-390")
    with NodeProcess(broker.url, "ada") as node:
        expect(verdict).to_have_attribute("data-level", "good")
        assert node.quit() >= 0
    expect(verdict).to_contain_text("Not heard. ada was here")
    expect(verdict).to_have_attribute("data-level", "warn")


@pytest.mark.viewer
def test_a_ticket_of_another_class_is_told_before_anybody_tries(page: Page, broker: Broker) -> None:
    page.goto("/join#" + ticket(broker, "3c"))
    expect(page.locator(".join-verdict")).to_contain_text("Wrong class. This is the dashboard of fleet")
    expect(page.locator(".join-verdict")).to_have_attribute("data-level", "bad")


@pytest.mark.viewer
def test_a_ticket_typed_with_a_mistake_is_explained_and_stays_to_be_corrected(page: Page, broker: Broker) -> None:
    page.goto("/join")
    page.get_by_label("Ticket").fill("mqtt://ada:abcd@192.168.1.10")
    page.keyboard.press("Enter")
    expect(page.locator(".join-problem")).to_contain_text("The class is missing")
    expect(page.get_by_label("Ticket")).to_have_value("mqtt://ada:abcd@192.168.1.10")
    page.get_by_label("Ticket").fill(ticket(broker))
    page.keyboard.press("Enter")
    expect(page.locator(".join-head h1")).to_have_text("ada")
    page.goto("/join#nonsense")
    expect(page.locator(".join-problem")).to_contain_text("A ticket begins with mqtt://")


@pytest.mark.viewer
def test_a_ticket_with_tls_leads_to_the_certificate_of_this_dashboard(page: Page, dashboard: DashboardProcess) -> None:
    line = f"mqtts://ada:{SECRET}@192.168.1.10/fleet#{CA}"
    page.goto("/join#" + line)
    expect(page.locator(".join-head")).to_contain_text("192.168.1.10:8883, encrypted")
    expect(page.locator(".join-way").last).to_contain_text("certificate of your class")
    page.get_by_role("button", name="Show the secret").click()
    expect(page.locator(".join-way pre").first).to_have_text(f"{dashboard.url}/join#{line}")
    broker = json.loads(page.locator(".join-way pre").last.inner_text())["broker"]
    port = int(dashboard.url.rpartition(":")[2])
    wanted = {"tls": True, "ca": "ca.der", "tls_name": "fleet-fleet", "fingerprint": CA, "http": port, "port": 8883}
    assert wanted.items() <= broker.items()
