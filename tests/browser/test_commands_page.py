"""The commands page: whom, what, with which arguments, and who answered."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.broker import Broker
from support.node import NodeProcess
from support.obedient_crowd import ObedientCrowd
from support.probe import Probe


@pytest.fixture(autouse=True)
def at_the_page(page: Page) -> None:
    page.goto("/commands")


def test_the_page_says_who_will_be_asked_and_who_answered_in_how_many_ms(page: Page, broker: Broker) -> None:
    with NodeProcess(broker.url, "ada", name="Ada", groups=["red"]), NodeProcess(broker.url, "bo", name="Bo"):
        expect(page.locator(".asked")).to_have_text("2 of 2 will be asked.")
        page.locator(".targets [data-target=_red]").click()
        expect(page.locator(".asked")).to_have_text("1 of 1 will be asked.")
        assert page.url.endswith("/commands?to=_red")
        page.locator(".command-choices [data-command=echo]").click()
        page.get_by_label("text").fill("hello")
        page.get_by_role("button", name="Send echo to group red").click()
        expect(page.locator(".answer .summary")).to_have_text(re.compile(r"^1 of 1 in \d+ ms$"))
        expect(page.locator(".answer .answers li")).to_have_text(re.compile(r"^Ada\d+ ms · hello$"))
        page.reload()
        expect(page.locator(".targets [data-target=_red]")).to_have_attribute("aria-pressed", "true")


def test_limits_stand_by_each_argument_and_are_checked_before_anything_is_sent(page: Page, broker: Broker) -> None:
    with NodeProcess(broker.url, "ada"):
        page.locator(".command-choices [data-command=period]").click()
        expect(page.locator("#page-ms-limits")).to_have_text("100 to 3600000")
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
        page.get_by_label("ms").fill("50")
        page.get_by_role("button", name="Send period").click()
        expect(page.locator("#page-ms-limits")).to_have_text("a whole number, 100 to 3600000")
        expect(page.get_by_label("ms")).to_have_attribute("aria-invalid", "true")
        assert not sent
        page.get_by_label("ms").fill("500")
        page.get_by_role("button", name="Send period").click()
        expect(page.locator(".answer .answers li")).to_contain_text("500")


def test_the_silent_are_named_first_then_those_who_refused(page: Page, broker: Broker) -> None:
    with (
        NodeProcess(broker.url, "ada", name="Ada"),
        NodeProcess(broker.url, "bo", name="Bo") as bo,
        NodeProcess(broker.url, "cy", name="Cy"),
    ):
        expect(page.locator(".asked")).to_have_text("3 of 3 will be asked.")
        page.locator(".targets [data-target=ada]").click()
        page.locator(".command-choices [data-command=mute]").click()
        page.get_by_role("button", name="Send mute to Ada").click()
        expect(page.locator(".answer .summary")).to_contain_text("1 of 1")
        os.kill(bo.pid, signal.SIGSTOP)
        page.locator(".targets [data-target=_all]").click()
        page.locator(".command-choices [data-command=buzz]").click()
        page.get_by_role("button", name="Send buzz to everyone").click()
        expect(page.locator(".answer .summary")).to_have_text(re.compile(r"^1 of 3 in .*, 1 refused, silent: Bo$"))
        expect(page.locator(".answer .answers b")).to_have_text(["Bo", "Ada", "Cy"])
        os.kill(bo.pid, signal.SIGCONT)


def test_what_was_sent_can_be_sent_again_also_after_a_reload(page: Page, broker: Broker) -> None:
    with NodeProcess(broker.url, "ada", name="Ada"):
        page.locator(".targets [data-target=ada]").click()
        page.locator(".command-choices [data-command=buzz]").click()
        page.get_by_label("ms").fill("20")
        page.get_by_role("button", name="Send buzz to Ada").click()
        line = page.locator(".history-lines li")
        expect(line).to_contain_text("buzz to Ada: ms 20")
        expect(line).to_contain_text("1 of 1 in")
        page.get_by_role("link", name="Wall", exact=True).click()
        page.get_by_role("link", name="Commands").click()
        expect(page.locator(".answer .summary")).to_contain_text("1 of 1 in")
        page.reload()
        expect(line).to_have_count(1)
        line.get_by_role("button", name="Again").click()
        expect(line).to_have_count(2)
        expect(page.locator(".answer .summary")).to_have_text(re.compile(r"^1 of 1 in "))


def test_a_command_that_only_some_know_says_how_many(page: Page, broker: Broker) -> None:
    with NodeProcess(broker.url, "ada"), ObedientCrowd(broker.url, ["dice"], {"roll": []}):
        expect(page.locator(".command-choices [data-command=roll] small")).to_have_text("1 of 2 know it")
        page.locator(".targets [data-target=dice]").click()
        expect(page.locator(".command-choices button")).to_have_count(1)


def test_of_a_large_class_the_exceptions_are_listed_and_the_rest_on_request(
    page: Page, broker: Broker, shoot: Callable[[Page, str], Path]
) -> None:
    nobody = {"state": "online", "boot": "dead", "conn": 1}  # of a node that is not there any more, and nobody said so
    names = [f"n-{number}" for number in range(120)]
    with ObedientCrowd(broker.url, names, {"echo": []}), Probe(broker.url, "fleet/1/none") as probe:
        probe.publish("fleet/1/ghost/status", json.dumps(nobody), retain=True)
        expect(page.locator(".asked")).to_have_text("121 of 121 will be asked.")
        expect(page.locator(".composer .hint").first).to_have_text("and 81 more: type a part of the name")
        page.get_by_label("Find a group or a node").fill("n-77")
        expect(page.locator(".targets button")).to_have_count(2)
        page.locator(".command-choices [data-command=echo]").click()
        page.get_by_role("button", name="Send echo to everyone").click()
        expect(page.locator(".answer .summary")).to_have_text(re.compile(r"^120 of 121 in .*, silent: ghost$"))
        expect(page.locator(".answer .answers li")).to_have_count(1)
        expect(page.locator(".answer .answers li")).to_contain_text("ghost")
        shoot(page, "commands-121-nodes")
        page.locator(".answer .more").click()
        expect(page.locator(".answer .answers li")).to_have_count(121)
