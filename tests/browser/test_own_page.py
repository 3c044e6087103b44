"""The page that a node serves itself, in a real browser: live, obeyed, and with no broker at all."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from support import own_page
from support.broker import Broker, free_port
from support.looks import too_wide
from support.node import NodeProcess
from support.own_page import command
from support.pages import CUT, THEMES
from support.watched import watched

SENSORS = ["sht4x", "bmp280", "mpu6886"]
STOPPED = ("ERR_",)  # net::ERR_CONNECTION_REFUSED and the like, once the node is stopped
FIRST = ".value b"


@pytest.fixture(autouse=True)
def empty_fleet() -> None:
    """There is no dashboard in these tests."""


@pytest.fixture(scope="module")
def broker_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def web_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def node(broker_port: int, web_port: int) -> Iterator[NodeProcess]:
    settings = {"web": web_port, "web_commands": True, "sensors": SENSORS, "period": 200, "name": "Ada"}
    with NodeProcess(f"mqtt://127.0.0.1:{broker_port}", script=own_page.SCRIPT, **settings) as node:
        node.expect("web: http://127.0.0.1:")
        node.expect("nothing listens there")
        yield node


@pytest.fixture
def own(browser: Browser, node: NodeProcess, web_port: int) -> Iterator[Page]:
    with watched(browser, f"http://127.0.0.1:{web_port}", excused=STOPPED) as page:
        yield page


def points(page: Page, field: str) -> int:
    """How many points the curve of a field has."""
    lines = page.locator(f"[data-field='{field}'] polyline").evaluate_all("all => all.map(one => one.points.length)")
    return sum(lines)


def test_the_page_shows_every_reading_and_its_curve_grows(own: Page, shoot: Callable[[Page, str], Path]) -> None:
    expect(own.get_by_role("heading", level=1)).to_have_text("Ada")
    expect(own.locator("#live")).to_have_text("live")
    expect(own.locator("article")).to_have_count(8)
    for card in own.locator("article").all():
        expect(card.locator(FIRST)).to_have_text(re.compile(r"^-?\d+\.\d+$"))
    expect(own.locator("#link")).to_have_text(re.compile("^not connected to 127.0.0.1"))
    expect(own.locator("#why")).to_have_text(
        re.compile(r"^Nothing listens there.* The node goes on without it; \d+ reading")
    )
    before = points(own, "sht4x temp")
    own.wait_for_function(
        "least => document.querySelector(\"[data-field='sht4x temp'] polyline\").points.length >= least",
        arg=before + 10,
    )
    shoot(own, "own-page-without-broker")


def test_with_a_broker_it_is_a_node_of_the_fleet_too(own: Page, broker_port: int) -> None:
    expect(own.locator("#broker")).to_have_attribute("data-state", "wait")
    with Broker(port=broker_port):
        expect(own.locator("#link")).to_have_text(f"connected to 127.0.0.1:{broker_port}")
        expect(own.locator("#broker")).to_have_attribute("data-state", "good")
        expect(own.locator("#why")).to_have_text("The host has not answered yet.")
    expect(own.locator("#link")).to_have_text(f"not connected to 127.0.0.1:{broker_port}")


def test_a_sensor_that_is_gone_is_no_number_and_its_curve_has_a_gap(own: Page, node: NodeProcess) -> None:
    value = own.locator("[data-field='sht4x temp']").locator(FIRST)
    expect(value).to_have_text(re.compile(r"^\d"))
    node.world("unplug sht4x")
    expect(value).to_have_text("no answer")
    node.world("plug sht4x")
    expect(value).to_have_text(re.compile(r"^\d"))
    expect(own.locator("[data-field='sht4x temp'] polyline")).to_have_count(2)
    expect(own.locator("[data-field='bmp280 temp'] polyline")).to_have_count(1)


def test_its_buttons_are_obeyed_and_the_node_says_what_became_of_it(own: Page, node: NodeProcess) -> None:
    mark = node.mark()
    own.get_by_role("button", name="Buzz").click()
    expect(own.locator("#said")).to_have_text("buzz: ok")
    node.expect("heard 2000 Hz", since=mark)
    own.get_by_role("button", name="Identify").click()
    expect(own.locator("#said")).to_have_text("identify: ok")
    node.expect("heard 1500 Hz", since=mark)
    own.get_by_label("A reading every").fill("0.3")
    own.get_by_role("button", name="Set").click()
    expect(own.locator("#said")).to_have_text("period: done")
    expect(own.locator("#what")).to_have_text("node ada, unix, a reading every 0.3 s")
    node.world("tap button-a")
    expect(own.locator("#said")).to_have_text("button-a: press")


def test_what_a_node_says_of_itself_is_text_on_its_page(own: Page, web_port: int) -> None:
    name = "<img src=x onerror=alert(1)>"
    assert command(web_port, "name", {"name": name})["st"] == "done"
    expect(own.get_by_role("heading", level=1)).to_have_text(name)
    expect(own.locator("img")).to_have_count(0)
    command(web_port, "name", {"name": "Ada"})
    expect(own.get_by_role("heading", level=1)).to_have_text("Ada")


FOREIGN = """async (at) => {
  const within = (promise) => Promise.race([promise, new Promise((done) => setTimeout(done, 3000))]).catch(() => "");
  const body = JSON.stringify({ms: 60000});
  const json = {"content-type": "application/json"};
  const read = [];
  for (const how of [
    {method: "POST", mode: "no-cors", body}, {method: "POST", body}, {method: "POST", body, headers: json},
    {method: "POST", mode: "no-cors", body, headers: json}, {method: "POST", mode: "no-cors", body, keepalive: true},
  ]) read.push(await within(fetch(`${at}/cmd/period`, how).then((answer) => answer.text())));
  navigator.sendBeacon(`${at}/cmd/period`, new Blob([body]));
  read.push(await within(fetch(`${at}/live`).then((answer) => answer.text())));
  read.push(await within(new Promise((done) => {
    const live = new EventSource(`${at}/live`);
    for (const kind of ["meta", "state", "tele"]) live.addEventListener(kind, (heard) => done(heard.data));
    live.onerror = () => done("");
  })));
  const form = document.createElement("form");
  const field = document.createElement("input");
  Object.assign(form, {method: "post", action: `${at}/cmd/period`, enctype: "text/plain"});
  Object.assign(field, {name: '{"ms":60000,"x":"', value: '"}'});
  form.append(field);
  document.body.append(form);
  form.submit();
  return read.filter(Boolean);
}"""


class Elsewhere(BaseHTTPRequestHandler):
    """A page of somebody else: the same computer, another port."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title><body>")

    def log_message(self, *_: object) -> None:
        pass


def test_a_page_of_somebody_else_in_the_same_browser_commands_nothing(
    browser: Browser, node: NodeProcess, web_port: int
) -> None:
    command(web_port, "period", {"ms": 300})
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        with page.expect_response(lambda answer: answer.request.is_navigation_request()) as submitted:
            assert page.evaluate(FOREIGN, f"http://127.0.0.1:{web_port}") == []
        assert submitted.value.status == 403
        page.close()
        server.shutdown()
    with own_page.Viewer(web_port) as viewer:
        assert '"period":300' in viewer.expect("meta")


def test_it_is_whole_at_every_width_in_both_themes_and_says_when_the_node_is_stopped(
    own: Page, node: NodeProcess, shoot: Callable[[Page, str], Path]
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    expect(own.locator("article polyline").first).to_be_visible()
    for width, height in ((390, 844), (1280, 800)):
        own.set_viewport_size({"width": width, "height": height})
        for theme in THEMES:
            own.emulate_media(color_scheme="light" if theme == "light" else "dark")
            shoot(own, f"own-page-{width}-{theme}")
            assert too_wide(own) <= 0
            assert not own.evaluate(CUT)
            assert [one["id"] for one in Axe().run(own).response["violations"]] == []
    node.quit()
    expect(own.locator("#live")).to_have_text("the node does not answer")
    own.get_by_role("button", name="Buzz").click()
    expect(own.locator("#said")).to_have_text("buzz: the node does not answer")
    shoot(own, "own-page-stopped")
