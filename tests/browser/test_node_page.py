"""The page of one node: its state, its charts with real history, its raw topic."""

import json
import re

import pytest
from playwright.sync_api import Page, Request, Route, expect

from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess

PLOT = "[data-sensor=sht4x] .plot"
SOME = re.compile(r"^([4-9]|\d\d+)$")  # how many points a plot must have before we believe it


def test_the_chart_has_the_history_and_grows_while_one_looks(
    page: Page, broker: Broker, dashboard: DashboardProcess
) -> None:
    with NodeProcess(broker.url, "ada", name="Ada"):
        dashboard.node("ada", lambda node: node["counts"]["received"] > 8)
        page.locator("[data-node=ada] .tile").click()
        expect(page.locator("h1")).to_have_text("Ada")
        expect(page.locator(PLOT)).to_have_attribute("data-points", SOME)
        before = page.locator(PLOT).get_attribute("data-points") or ""
        expect(page.locator(PLOT)).not_to_have_attribute("data-points", before)
        expect(page.locator("[data-sensor=sht4x] .u-over")).to_be_visible()
        expect(page.locator(".node-state")).to_have_text("online")
        expect(page.locator(".legend").first).to_contain_text("°C")


def test_every_range_can_be_chosen_and_stands_in_the_address(page: Page, broker: Broker) -> None:
    with NodeProcess(broker.url, "ada"):
        expect(page.locator("#online")).to_have_text("1 / 1")
        page.goto("/node/ada?range=1h")
        pressed = page.locator(".range-row [aria-pressed=true]")
        expect(pressed).to_have_text("1 h")
        expect(page.locator(PLOT)).to_have_attribute("data-points", re.compile("^[1-9]"))
        for key in ("1m", "6h", "1d", "7d", "30d", "365d", "10m"):
            with page.expect_response(lambda answer: "/series?sensor=sht4x" in answer.url) as answer:
                page.locator(f"[data-range='{key}']").click()
            assert answer.value.ok
            expect(pressed).to_have_attribute("data-range", key)
            assert page.url.endswith(f"?range={key}")


@pytest.mark.complains  # the browser itself reports the missing file
def test_without_uplot_the_page_draws_its_own_charts(page: Page, broker: Broker) -> None:
    page.route("**/static/vendor/*", lambda route: route.fulfill(status=404, body=""))
    with NodeProcess(broker.url, "ada"):
        expect(page.locator("#online")).to_have_text("1 / 1")
        page.goto("/node/ada")
        expect(page.locator(PLOT)).to_have_attribute("data-points", SOME)
        drawn = """() => {
          const canvas = document.querySelector('[data-sensor=sht4x] canvas.plain');
          const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
          return pixels.filter((byte) => byte !== 0).length;
        }"""
        assert page.evaluate(drawn) > 1000, "the fallback chart is empty"


def test_a_command_on_the_node_page_goes_to_that_node_alone(page: Page, broker: Broker) -> None:
    with NodeProcess(broker.url, "ada"), NodeProcess(broker.url, "bo"):
        expect(page.locator("#online")).to_have_text("2 / 2")
        page.locator("[data-node=bo] .tile").click()
        expect(page.locator("h1")).to_have_text("bo")
        page.reload()
        expect(page.locator("#target")).to_have_value("bo")
        page.locator("[data-command=echo]").click()
        page.get_by_label("text").fill("hello")
        page.locator(".send").click()
        expect(page.locator(".answers li")).to_have_count(1)
        expect(page.locator(".answers li")).to_contain_text("hello")
        expect(page.locator(".rows-commands")).to_contain_text("echo")


def test_the_node_page_gives_the_line_that_shows_its_raw_messages(page: Page, broker: Broker) -> None:
    with NodeProcess(broker.url, "ada"):
        expect(page.locator("#online")).to_have_text("1 / 1")
        page.goto("/node/ada")
        expect(page.locator(".raw")).to_have_text(f"mosquitto_sub -h 127.0.0.1 -p {broker.port} -v -t 'fleet/1/ada/#'")


def test_a_sensor_that_is_unplugged_is_shown_as_no_reading(page: Page, broker: Broker) -> None:
    with NodeProcess(broker.url, "ada") as ada:
        expect(page.locator("#online")).to_have_text("1 / 1")
        page.goto("/node/ada")
        expect(page.locator(".values .unit").first).not_to_have_text("no reading")
        ada.world("unplug sht4x")
        expect(page.locator(".values [data-missing]").first).to_contain_text("no reading")


def test_a_node_that_never_was_is_said_to_be_unknown(page: Page) -> None:
    page.goto("/node/nobody")
    expect(page.locator(".empty h2")).to_have_text("No such node")


@pytest.mark.complains  # the browser itself reports the 400
def test_what_the_dashboard_refuses_is_said_in_its_own_words(page: Page, broker: Broker) -> None:
    def spoil(route: Route, request: Request) -> None:
        route.continue_(post_data=json.dumps({**json.loads(request.post_data or "{}"), "name": "No Such Name"}))

    page.route("**/api/commands", spoil)
    with NodeProcess(broker.url, "ada"):
        expect(page.locator("#online")).to_have_text("1 / 1")
        page.locator("[data-command=identify]").click()
        page.locator(".send").click()
        expect(page.locator(".problem")).to_contain_text("name is the name of a command")
