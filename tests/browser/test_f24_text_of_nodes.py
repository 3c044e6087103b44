"""F24: no text that a node can send becomes code, markup, a style or a request, on any page; it is shown as text.

Every payload is a node of its own that says it in all places where the contract lets it say anything. Content-Security-
Policy alone would pass a test of "did a script run", so the document is searched for elements as well.
"""

from __future__ import annotations

import csv
import io
import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from fleet_dashboard.web import PLACES
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.probe import Probe
from support.security import tried

NAME, UNIT = 32, 16  # how many characters the contract allows there
PAYLOADS = (
    "<script>boom()</script>",
    "<img src=x onerror=boom()>",
    "<svg onload=boom()>",
    '"><b onclick=boom() class=boom>',
    "' onfocus=boom() autofocus x='",
    "</title><script>boom()</script>",
    "<iframe srcdoc='<p class=boom>'>",
    "<a href=javascript:boom()>x</a>",
    "<details open ontoggle=boom()>",
    "<base href=//evil.example/>",
    "<link rel=icon href=//evil.ex/>",
    "<style>@import'//evil.ex'</style>",
    "<meta http-equiv=refresh>",
    "<form action=//evil.ex><input>",
    "<math><mi class=boom>x",
    "<template class=boom>",
    "<!--<p class=boom>-->",
    "{{constructor.constructor('boom')}}",
    "${boom()}",
    "javascript:boom()",
    "data:text/html,<p class=boom>",
    "&lt;p class=boom&gt;&#60;p&#62;",
    "\u202e\u2028\u2066<p class=boom>\ufeff",
    '=HYPERLINK("//evil.ex")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
)
WORDS = ("constructor", "script", "onerror", "then", "length")  # names that are legal and mean something to JavaScript


pytestmark = pytest.mark.timeout(300)  # many pages, and a busy machine makes each of them later, not wrong


@dataclass(frozen=True)
class Attack:
    node: str
    text: str

    def say(self, probe: Probe, boot: str) -> None:
        """Everything that a node can say; what is too long for its place is cut there."""
        text, word = self.text, WORDS[int(self.node[1:]) % len(WORDS)]
        ascii_text = text.encode("ascii", "replace").decode()
        me = {"boot": boot}
        everywhere = {
            "status": {"state": "online", "boot": boot, "conn": 1},
            "meta": {
                **me, "seq": 0, "up": 1, "schema": "1.1", "period": 600_000,
                "name": text[:NAME], "board": text[:NAME], "fw": text[:NAME], "app": text[:NAME],
                "groups": [word], "inputs": {word: [word]},
                "sensors": {word: {word: [ascii_text[:UNIT], ascii_text[:UNIT]]}},
                "commands": {word: [[word, "s", 0, 40, text[:40]]]},
            },
            f"tele/{word}": {**me, "seq": 1, "up": 2, "v": {word: 1.5}, "note": text},
            f"event/{word}": {**me, "seq": 2, "up": 3, "event_type": word, "n": 1, "note": text},
            "health": {**me, "seq": 3, "up": 4, "mem": 1, "note": text},
            "log/error": {**me, "seq": 4, "up": 5, "msg": text, "tb": f"{text}\n\t{text}"},
            "ack": {**me, "seq": 5, "up": 6, "id": "x", "cmd": word, "st": "fail", "err": text, "re": text},
        }  # fmt: skip
        for kind, fields in everywhere.items():
            probe.publish(f"fleet/1/{self.node}/{kind}", json.dumps(fields), retain=kind in ("status", "meta"))
        # Where the contract allows names only: refused, but counted and told of.
        for spoilt in (
            {**everywhere["meta"], "groups": [text]},
            {**everywhere["meta"], "sensors": {text: {text: [text, text]}}},
            {**everywhere["meta"], "inputs": {text: [text]}},
            {**everywhere["meta"], "commands": {text: [[text, "s", 0, 40]]}},
        ):
            probe.publish(f"fleet/1/{self.node}/meta", json.dumps(spoilt))
        probe.publish(f"fleet/1/{self.node}/tele/{word}", json.dumps({**me, "seq": 6, "up": 7, "v": {text: text}}))
        probe.publish(f"fleet/1/{self.node}/event/{word}", json.dumps({**me, "seq": 7, "up": 8, "event_type": text}))
        topic_part = re.sub(r"[+#\x00/]", "", text).encode("ascii", "ignore").decode()
        for topic in (f"fleet/1/{topic_part}/status", f"fleet/1/{self.node}/log/{topic_part}"):
            probe.publish(topic, json.dumps(everywhere["status"]))
        probe.publish(f"fleet/1/{self.node}/tele/{topic_part}", json.dumps({**me, "seq": 8, "up": 9, "v": {word: 1}}))


ATTACKS = tuple(Attack(f"x{number:02}", text) for number, text in enumerate(PAYLOADS))


@pytest.fixture
def attacked(broker: Broker, dashboard: DashboardProcess) -> Iterator[Probe]:
    boot = secrets.token_hex(2)  # readings of a boot that was heard already would be refused as duplicates
    with Probe(broker.url, "fleet/1/+/cmd/+") as probe:
        for attack in ATTACKS:
            attack.say(probe, boot)
        for attack in ATTACKS:
            shown = dashboard.node(attack.node, lambda node: node["counts"]["bad"] >= 6 and node["v"], within=60)
            assert shown["name"] == attack.text[:NAME]
        yield probe


@pytest.fixture
def ran(page: Page) -> list[str]:
    """What was run or built from text. The listener is there before the page's own scripts."""
    found: list[str] = []
    page.context.expose_function("boom", lambda *_: found.append("a script ran"))
    page.context.expose_function("violated", lambda what: found.append(f"the policy stopped {what}"))
    page.add_init_script(
        "addEventListener('securitypolicyviolation', (event) => violated(`${event.violatedDirective} ${event.sample}`))"
    )
    return found


def built(page: Page) -> list[str]:
    """Elements and attributes that none of our files makes."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('*')].filter((one) =>
          one.matches('.boom, iframe, base, math, object, embed, style, [srcdoc], [style*="url("]')
          || (one.matches('img, script, link') && !(one.src || one.href).startsWith(`${location.origin}/static/`))
          || (one.matches('form') && one.hasAttribute('action'))
          || (one.matches('a[href]') && !/^https?:$/.test(one.protocol))
          || [...one.attributes].some(({name}) => name.startsWith('on')))
          .map((one) => one.outerHTML.slice(0, 120))"""
    )
    return found


def judge(page: Page, ran: list[str], where: str) -> None:
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
    wrong = [*ran, *built(page)]
    for attack in ATTACKS:
        tried("F24", attack.text, where, bool(wrong), "shown as text")
    assert not wrong, f"on {where}: {wrong}"
    assert "Sensor Fleet" in page.title()


def test_no_text_of_a_node_runs_on_any_page(page: Page, attacked: Probe, ran: list[str]) -> None:
    page.goto("/")
    expect(page.locator(".tile-name")).to_have_count(len(ATTACKS))
    names = page.locator(".tile-name").evaluate_all("(all) => all.map((one) => one.textContent)")
    assert sorted(names) == sorted(attack.text[:NAME] for attack in ATTACKS)
    judge(page, ran, "the wall")
    for place in PLACES:
        if "{" not in place and place != "/":
            page.goto(place)
            expect(page.locator("#online")).to_have_text(f"{len(ATTACKS)} / {len(ATTACKS)}")
            judge(page, ran, place)


def test_no_text_of_a_node_runs_on_its_own_page(page: Page, attacked: Probe, ran: list[str]) -> None:
    for attack in ATTACKS:
        page.goto(f"/node/{attack.node}")
        expect(page.locator(".node-title h1")).to_have_text(attack.text[:NAME])
        expect(page.locator(".rows-logs")).to_contain_text(attack.text)  # as soon as it is stored
        expect(page.locator(".rows-events")).not_to_contain_text("Press a button")
        wrong = [*ran, *built(page)]
        tried("F24", attack.text, "name, unit, log, event, health of a node's page", bool(wrong), "shown as text")
        assert not wrong, f"{attack}: {wrong}"


def test_an_answer_of_a_node_is_text(page: Page, attacked: Probe, ran: list[str], broker: Broker) -> None:
    """The page sends a command, and the node's answer is the payload."""
    for attack in ATTACKS[:6]:
        page.goto(f"/node/{attack.node}")
        page.locator(".command-buttons button").first.click()
        since = attacked.mark()
        page.locator("#dock .send").click()
        asked = attacked.expect(f"fleet/1/{attack.node}/cmd/+", within=30, since=since)
        answer = {"boot": "00ff", "seq": 20, "up": 20, "id": asked.json()["id"], "cmd": asked.topic.rpartition("/")[2]}
        attacked.publish(f"fleet/1/{attack.node}/ack", json.dumps({**answer, "st": "fail", "err": attack.text}))
        expect(page.locator(".rollcall")).to_contain_text(attack.text)
        wrong = [*ran, *built(page)]
        tried("F24", attack.text, "the answer to a command", bool(wrong), "shown as text")
        assert not wrong, f"{attack}: {wrong}"


def test_a_path_that_is_markup_is_text(page: Page, ran: list[str]) -> None:
    for text in PAYLOADS:
        page.goto("/node/" + "".join(f"%{byte:02x}" for byte in text.replace("/", "").encode()))
        expect(page.locator(".empty h2")).to_have_text("No such node")
        wrong = [*ran, *built(page)]
        tried("F24", text, "the address of a page", bool(wrong), "shown as text")
        assert not wrong, f"{text}: {wrong}"


def test_a_report_that_is_kept_as_a_file_is_text(
    attacked: Probe, dashboard: DashboardProcess, page: Page, tmp_path: Path
) -> None:
    """As somebody opens it months later, from the disk; without its policy, so that the escaping is what is tested."""
    found = page.request.get("/api/report.html").text()
    kept = tmp_path / "report.html"
    kept.write_text(re.sub(r"<meta http-equiv=[^>]*Content-Security-Policy[^>]*>", "", found))
    assert "Content-Security-Policy" not in kept.read_text()
    ran: list[str] = []
    with page.context.browser.new_context() as elsewhere:  # type: ignore[union-attr]
        reader = elsewhere.new_page()
        reader.expose_function("boom", lambda *_: ran.append("a script ran"))
        reader.on("request", lambda asked: ran.append(asked.url) if asked.url != kept.as_uri() else None)
        reader.goto(kept.as_uri())
        text = reader.locator("body").text_content() or ""
        strange = (
            "script, .boom, iframe, base, math, img, svg, form, details, a, link, body style, [onload], [autofocus]"
        )
        wrong = [*ran, *reader.locator(strange).evaluate_all("(all) => all.map((one) => one.outerHTML.slice(0, 99))")]
    for attack in ATTACKS:
        tried("F24", attack.text, "/api/report.html, kept as a file", bool(wrong), "shown as text")
        assert attack.text[:NAME] in text
    assert not wrong


def test_what_goes_to_other_programs_is_no_code_there(attacked: Probe, dashboard: DashboardProcess, page: Page) -> None:
    for path in (
        "/api/snapshot",
        "/api/export/readings.csv",
        "/api/export/events.csv",
        "/metrics",
        "/api/nodes/x00",
        "/api/report",
        "/api/report.csv",
        "/api/timeline",
        "/api/replay/marks",
    ):
        answer = page.request.get(path)
        kind = answer.headers["content-type"]
        shown_as_page = "html" in kind or answer.headers["x-content-type-options"] != "nosniff"
        tried("F24", "every payload at once", path, shown_as_page, f"sent as {kind.partition(';')[0]}, not sniffed")
        assert not shown_as_page
        if "csv" in kind:
            formulas = [cell for row in csv.reader(io.StringIO(answer.text())) for cell in row if cell[:1] in "=+@\t\r"]
            assert not [cell for cell in formulas if cell], "a spreadsheet would run these"
