"""The wall as a class sees it: tiles that live, die with a reason, and answer commands."""

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess


def test_an_empty_wall_says_how_to_start_a_node_and_fills_by_itself(page: Page, broker: Broker) -> None:
    expect(page.locator(".empty")).to_contain_text("fleet sim up 5")
    expect(page.locator(".empty")).to_contain_text(broker.url)
    with NodeProcess(broker.url, "ada", name="Ada"):
        expect(page.locator(".tile-name")).to_have_text("Ada")
        expect(page.locator(".empty")).to_be_hidden()
        expect(page.locator("#online")).to_have_text("1 / 1")


def test_a_reading_appears_with_its_unit_and_changes_without_a_reload(page: Page, broker: Broker) -> None:
    page.evaluate("window.unreloaded = true")
    with NodeProcess(broker.url, "ada") as node:
        node.world("set temp 21.5")
        expect(page.locator("[data-node=ada] .value")).to_have_text(re.compile(r"^21\.\d$"))
        expect(page.locator("[data-node=ada] .unit")).to_have_text("°C")
        node.world("set temp 30.5")
        expect(page.locator("[data-node=ada] .value")).to_have_text(re.compile(r"^30\.\d$"))
        expect(page.locator("[data-node=ada] .minor")).to_contain_text("%")
        expect(page.locator("[data-node=ada]")).to_have_attribute("data-line", "")
    assert page.evaluate("window.unreloaded") is True


def test_a_killed_node_is_shown_as_lost_with_the_reason_and_comes_back(page: Page, broker: Broker) -> None:
    with NodeProcess(broker.url, "ada") as ada, NodeProcess(broker.url, "bo"):
        expect(page.locator("#online")).to_have_text("2 / 2")
        ada.kill()
        slot = page.locator("[data-node=ada]")
        expect(slot.locator(".tile-state")).to_have_text("lost")
        expect(slot.locator("use")).to_have_attribute("href", "#state-lost")
        expect(slot.locator(".tile-why")).to_contain_text("broke without a goodbye")
        expect(page.locator("#online")).to_have_text("1 / 2")
        expect(page.locator(".ticker-lines")).to_contain_text("is lost")
        ada.start()
        expect(slot.locator(".tile-state")).to_have_text("online")


def test_a_press_is_shown_at_once_and_moves_the_leaderboard(
    page: Page, broker: Broker, dashboard: DashboardProcess
) -> None:
    with NodeProcess(broker.url, "ada", name="Ada") as ada, NodeProcess(broker.url, "bo", name="Bo") as bo:
        expect(page.locator("#online")).to_have_text("2 / 2")
        ada.world("tap button-a")
        expect(page.locator("[data-node=ada] .tile-event")).to_contain_text("press")
        expect(page.locator(".ticker-lines")).to_contain_text("button-a press")
        first = page.locator(".ranks li").first
        expect(first.locator(".name")).to_have_text("Ada")
        for _ in range(2):
            before = (dashboard.node("bo")["event"] or {"n": 0})["n"]
            bo.world("tap button-a")  # a press and a release, each counted
            dashboard.node("bo", lambda node, n=before: node["event"] and node["event"]["n"] == n + 2)
        expect(first.locator(".name")).to_have_text("Bo")
        expect(first.locator(".score")).to_have_text("2")
        expect(page.locator("[data-node=bo] .tile-event")).to_have_text("button-a press")


def test_equal_scores_share_a_place(page: Page, broker: Broker) -> None:
    with NodeProcess(broker.url, "ada") as ada, NodeProcess(broker.url, "bo") as bo:
        expect(page.locator("#online")).to_have_text("2 / 2")
        ada.world("tap button-a")
        bo.world("tap button-a")
        expect(page.locator(".ranks .place")).to_have_text(["=1", "=1"])


def test_buzz_to_all_is_answered_by_a_roll_call_that_names_every_node(
    page: Page, broker: Broker, shoot: Callable[[Page, str], Path]
) -> None:
    with NodeProcess(broker.url, "ada", name="Ada"), NodeProcess(broker.url, "bo"), NodeProcess(broker.url, "cy"):
        expect(page.locator("#online")).to_have_text("3 / 3")
        page.get_by_role("button", name="buzz", exact=True).click()
        page.get_by_label("ms").fill("50")
        page.get_by_role("button", name="Send buzz to everyone").click()
        expect(page.locator(".rollcall .summary")).to_have_text(re.compile(r"^3 of 3 in \d+ ms$"))
        expect(page.locator(".answers b")).to_have_count(3)
        assert sorted(page.locator(".answers b").all_inner_texts()) == ["Ada", "bo", "cy"]
        expect(page.locator(".slot[data-answer=heard]")).to_have_count(3)
        shoot(page, "roll-call")


def test_a_refusal_is_shown_with_its_reason_and_a_frozen_node_is_named_as_silent(page: Page, broker: Broker) -> None:
    with NodeProcess(broker.url, "ada", name="Ada"), NodeProcess(broker.url, "bo", name="Bo") as bo:
        expect(page.locator("#online")).to_have_text("2 / 2")
        page.locator("[data-command=mute]").click()
        page.locator(".send").click()
        expect(page.locator(".rollcall .summary")).to_contain_text("2 of 2")
        os.kill(bo.pid, signal.SIGSTOP)
        page.locator("[data-command=buzz]").click()
        page.locator(".send").click()
        expect(page.locator(".answers [data-st=muted]")).to_contain_text("Ada")
        expect(page.locator(".rollcall .summary")).to_have_text("0 of 2, 1 refused, silent: Bo")


def test_a_name_full_of_markup_is_shown_as_text(page: Page, broker: Broker) -> None:
    name = "<img src=x onerror=alert(1)>"
    with NodeProcess(broker.url, "ada", name=name) as ada:
        expect(page.locator("[data-node=ada] .tile-name")).to_have_text(name)
        ada.world("tap button-a")
        expect(page.locator(".ticker-lines a").first).to_have_text(name)
        expect(page.locator(".ranks .name")).to_have_text(name)
        expect(page.locator("main img")).to_have_count(0)
        page.locator("[data-node=ada] .tile").click()
        expect(page.locator(".node-title h1")).to_have_text(name)
        assert page.locator("main img").count() == 0


def test_the_filter_leaves_what_matches_and_stands_in_the_address(page: Page, broker: Broker) -> None:
    with NodeProcess(broker.url, "ada", groups=["red"]), NodeProcess(broker.url, "bo", groups=["blue"]):
        expect(page.locator("#online")).to_have_text("2 / 2")
        page.get_by_role("searchbox").fill("bo")
        expect(page.locator(".slot")).to_have_count(1)
        expect(page.locator(".shown")).to_have_text("1 of 2 shown")
        page.get_by_role("searchbox").fill("")
        page.get_by_label("Show only a group").select_option("red")
        expect(page.locator(".slot")).to_have_count(1)
        expect(page.locator(".slot")).to_have_attribute("data-node", "ada")
        assert page.url.endswith("/?group=red")
        page.reload()
        expect(page.locator(".slot")).to_have_count(1)


def test_a_broker_that_died_is_said_on_the_page(page: Page, broker: Broker) -> None:
    with NodeProcess(broker.url, "ada"):
        expect(page.locator("#online")).to_have_text("1 / 1")
        broker.kill()
        expect(page.locator("#banner")).to_contain_text("no connection to the broker")
        broker.start()
        expect(page.locator("#banner")).to_be_hidden()
        expect(page.locator("[data-node=ada] .tile-state")).to_have_text("online")


def test_a_fleet_at_rest_is_not_a_broken_connection(page: Page) -> None:
    expect(page.locator("#age-label")).to_have_text("no news")
    expect(page.locator("#age-metric")).to_have_attribute("data-level", "good")
    expect(page.locator("#banner")).to_be_hidden()
