"""The timeline: what is wrong now with what to do, and what happened, live, filtered and in pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from fleet_schema import topics
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.looks import looks, too_wide
from support.node import NodeProcess
from support.probe import Probe

XSS = "<img src=x onerror=alert(1)>"


def rows(page: Page, text: str) -> Any:
    return page.locator(".happening").filter(has_text=text)


def births(count: int, first: int = 1) -> list[dict[str, Any]]:
    """Rows of the API, newest first, one a minute."""
    base = {"until": 0, "n": 1, "kind": "birth", "word": "new", "about": "", "state": "online", "boot": "9f3a"}
    return [
        {**base, "id": number, "t": 1_795_000_000_000 + number * 60_000, "node": f"n-{number}", "text": "connected"}
        for number in range(first + count - 1, first - 1, -1)
    ]


def test_what_happens_is_listed_at_once_with_its_reason_and_what_to_do(page: Page, broker: Broker) -> None:
    page.goto("/timeline")
    expect(page.locator(".timeline .well")).to_contain_text("no alert is open")
    with NodeProcess(broker.url, "ada", name="Ada", keepalive=2, groups=["red"]) as ada:
        expect(rows(page, "Ada joined")).to_have_count(1)
        ada.kill()
        expect(rows(page, "Ada is lost")).to_contain_text("without a goodbye")
        card = page.locator(".card[data-kind=lost]")
        expect(card).to_contain_text("A node is lost")
        expect(card.locator(".remedy")).to_contain_text("give it power")
        lost = rows(page, "Ada is lost")
        lost.locator("summary").click()
        expect(lost.locator("details p")).to_contain_text("give it power")
        ada.start()
        expect(rows(page, "Ada started again")).to_have_count(1)
        expect(card).to_have_count(0)
    rows(page, "Ada joined").locator("a").first.click()
    expect(page.locator("h1")).to_have_text("Ada")


def test_an_alert_is_a_card_as_long_as_it_is_open_and_a_line_for_ever(page: Page, broker: Broker) -> None:
    page.goto("/timeline")
    expect(page.locator(".timeline .well")).to_be_visible()
    topic = topics.command_topic("fleet", "_all", "buzz")
    with Probe(broker.url, "fleet/1/none") as probe:
        probe.publish(topic, b"300", retain=True)
    card = page.locator(".card[data-kind=retained-command]")
    expect(card).to_contain_text(topic)
    expect(card.locator(".who")).to_contain_text("all nodes")
    expect(card.locator(".remedy code")).to_have_text("-r")
    expect(rows(page, "Alert: Command with retain")).to_have_count(1)


def test_each_filter_shows_only_its_kind_and_stays_in_the_address(
    page: Page, broker: Broker, dashboard: DashboardProcess
) -> None:
    with NodeProcess(broker.url, "ada", groups=["red"]), NodeProcess(broker.url, "bo", groups=["blue"]):
        expect(page.locator("#online")).to_have_text("2 / 2")
        page.locator("[data-node=bo]").wait_for()
        assert dashboard.post("/api/commands", {"target": "ada", "name": "buzz", "args": {"ms": 50}})[0] == 202
        page.goto("/timeline")
        for name in ("ada joined", "bo joined", "buzz to ada", "Dashboard started"):
            expect(rows(page, name).first).to_be_visible()
        kinds = {"nodes": "birth|state", "alerts": "alert", "commands": "command", "rounds": "round", "host": "host"}
        for choice, kind in kinds.items():
            page.locator(f"[data-choice={choice}]").click()
            expect(page.locator(f"[data-choice={choice}]")).to_have_attribute("aria-pressed", "true")
            other = page.locator(".happening").evaluate_all(
                "(rows, kind) => rows.map((row) => row.dataset.kind).filter((one) => !new RegExp(kind).test(one))", kind
            )
            assert not other, (choice, other)
            expect(page).to_have_url(re.compile(f"kind={choice}"))
        page.locator("[data-choice=nodes]").click()
        expect(rows(page, "ada joined")).not_to_have_count(0)
        page.get_by_label("Show only a node").select_option("bo")
        expect(rows(page, "ada joined")).to_have_count(0)
        expect(rows(page, "bo joined")).not_to_have_count(0)
        page.get_by_label("Show only a group").select_option("red")
        expect(rows(page, "bo joined")).to_have_count(0)
        expect(rows(page, "ada joined")).not_to_have_count(0)
        page.reload()
        expect(page.get_by_label("Show only a group")).to_have_value("red")
        expect(rows(page, "bo joined")).to_have_count(0)
        expect(rows(page, "ada joined")).not_to_have_count(0)


def test_earlier_ones_are_loaded_on_demand_and_grouped_by_day_and_hour(page: Page) -> None:
    everything = births(250)

    def answer(route: Route) -> None:
        found = re.search(r"before=(\d+)", route.request.url)
        at = int(found[1]) if found else 0
        more = f"{at + 100}.1" if at + 100 < len(everything) else None
        route.fulfill(json={"now": 0, "happenings": everything[at : at + 100], "before": more, "guide": {}})

    page.route(re.compile("/api/timeline"), answer)
    everything[0]["n"], everything[0]["until"] = 14, everything[0]["t"] + 5000
    page.goto("/timeline")
    expect(page.locator(".happening")).to_have_count(100)
    expect(page.locator(".happening").first).to_contain_text("14 changes until")
    page.get_by_role("button", name="Earlier").click()
    expect(page.locator(".happening")).to_have_count(200)
    page.get_by_role("button", name="Earlier").click()
    expect(page.locator(".happening")).to_have_count(250)
    expect(page.get_by_role("button", name="Earlier")).to_be_hidden()
    expect(page.get_by_text("That is all that is kept.")).to_be_visible()
    assert page.locator(".hour").count() >= 4
    texts = page.locator(".happening time").all_text_contents()
    assert texts[0] != texts[-1]


def test_text_of_nodes_stays_text(page: Page, dashboard: DashboardProcess) -> None:
    row = {**births(1)[0], "kind": "alert", "word": "raised", "about": XSS, "text": XSS, "state": None, "node": XSS}
    answer = {"now": 0, "happenings": [row], "before": None, "guide": {XSS: {"title": XSS, "means": XSS, "do": XSS}}}
    page.route(re.compile("/api/timeline"), lambda route: route.fulfill(json=answer))
    page.goto("/timeline")
    expect(page.locator(".happening .text")).to_contain_text("onerror")
    page.locator(".happening summary").click()
    expect(page.locator(".happening details p")).to_contain_text("onerror")
    assert page.locator(".timeline img").count() == 0


def test_nothing_yet_says_what_will_be_here(page: Page) -> None:
    empty = {"now": 0, "happenings": [], "before": None, "guide": {}}
    page.route(re.compile("/api/timeline"), lambda route: route.fulfill(json=empty))
    page.goto("/timeline")
    expect(page.locator(".nothing")).to_contain_text("Here you will see each node that joins")
    page.locator("[data-choice=alerts]").click()
    expect(page.locator(".nothing")).to_contain_text("Nothing of this kind")


@pytest.mark.complains("the browser notes an answer of 503")
def test_a_dashboard_that_cannot_answer_is_said_and_asked_again(page: Page) -> None:
    answers = [503]
    why = {"error": "the timeline cannot be read (interrupted); ask for a shorter span"}

    def answer(route: Route) -> None:
        if answers:
            answers.pop()
            route.fulfill(status=503, json=why)
        else:
            route.fulfill(json={"now": 0, "happenings": births(3), "before": None, "guide": {}})

    page.route(re.compile("/api/timeline"), answer)
    page.evaluate("history.pushState(null, '', '/timeline'); dispatchEvent(new PopStateEvent('popstate'))")
    expect(page.locator(".happening")).to_have_count(3)
    expect(page.locator(".past .problem")).to_be_hidden()


def test_the_timeline_fits_every_screen(page: Page, broker: Broker, shoot: Callable[[Page, str], Path]) -> None:
    page.emulate_media(reduced_motion="reduce")
    with NodeProcess(broker.url, "ada", name="W" * 32, keepalive=2) as ada, Probe(broker.url, "fleet/1/none") as probe:
        page.goto("/timeline")
        expect(rows(page, f"{'W' * 32} joined").first).to_be_visible()
        expect(page.locator("#online")).to_have_text("1 / 1")
        ada.kill()
        probe.publish(topics.node_topic("fleet", "ada", "tele", "sht4x"), b"{" + b"x" * 300)
        expect(page.locator(".card[data-kind=lost]")).to_be_visible()
        expect(page.locator(".card[data-kind=schema]")).to_be_visible()
        for width, theme in looks(page):
            wider = too_wide(page)
            assert wider <= 0, f"the timeline is {wider} px wider than a screen of {width} px"
            shoot(page, f"timeline-{width}-{theme}")
