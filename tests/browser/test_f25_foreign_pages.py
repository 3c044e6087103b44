"""F25: while a teacher is logged in, a page of somebody else in the same browser commands nothing and reads nothing.

The pages are real ones of real other origins: another site, another port of this computer (to cookies the same site),
another name for it, no origin at all. The dashboard is reached by an address, and by a name as in a classroom's
network, where browsers do not say who asks (Sec-Fetch-Site). Names are given by Chromium's own resolver rules.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response

from support import rights, tiers
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.probe import Probe
from support.security import tried

WALL = "wall.school"
RULES = f"--host-resolver-rules=MAP evil.example 127.0.0.1,MAP *.evil.example 127.0.0.1,MAP {WALL} 127.0.0.1"
ORIGINS = ("evil.example", "127.0.0.1", "localhost", "nowhere")  # the last one is a sandboxed frame
WAIT_MS = 30_000

pytestmark = pytest.mark.timeout(300)  # a busy machine makes each try later, not wrong

# What a page does is an async function of the dashboard's address; what it could read it gives back, else "".
HELP = """
const BUZZ = JSON.stringify({target: "_all", name: "buzz", args: {}});
const later = (ms) => new Promise((done) => setTimeout(done, ms));
const within = (promise) => Promise.race([promise, later(8000).then(() => "")]).catch(() => "");
const load = (tag, attributes) => new Promise((done) => {
  const one = document.createElement(tag);
  one.onload = () => done("loaded");
  one.onerror = () => done("");
  Object.assign(one, attributes);
  document.body.append(one);
});
const form = (path, fields, enctype) => new Promise((done) => {
  const frame = document.createElement("iframe");
  const form = document.createElement("form");
  frame.name = `f${Math.random()}`;
  Object.assign(form, {method: "post", action: path, target: frame.name, enctype});
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement("input");
    Object.assign(input, {type: "hidden", name, value});
    form.append(input);
  }
  document.body.append(frame, form);
  frame.onload = () => setTimeout(() => {
    try { done(frame.contentDocument.body.innerText.includes("expected") ? "read" : ""); } catch { done(""); }
  }, 300);
  form.submit();
});
const listen = (source, event) => new Promise((done) => {
  source.addEventListener(event, () => done("heard"));
  source.onerror = () => { source.close(); done(""); };
});
"""
COMMANDS = {
    "form, urlencoded": """form(at + "/api/commands",
        {target: "_all", name: "buzz"}, "application/x-www-form-urlencoded")""",
    "form, multipart": 'form(at + "/api/commands", {target: "_all", name: "buzz"}, "multipart/form-data")',
    "form, text/plain that is JSON": """form(at + "/api/commands",
        {'{"target":"_all","name":"buzz","args":{},"x":"': '"}'}, "text/plain")""",
    "form that starts a round": """form(at + "/api/rounds", {'{"challenge":"sprint","x":"': '"}'}, "text/plain")""",
    "form that logs out": 'form(at + "/api/logout", {}, "text/plain")',
    "form that logs somebody in": """form(at + "/api/login", {'{"code":"CODE","x":"': '"}'}, "text/plain")""",
    "fetch, no-cors": """fetch(at + "/api/commands",
        {method: "POST", mode: "no-cors", credentials: "include", body: BUZZ}).then(() => "")""",
    "fetch, cors, text": """fetch(at + "/api/commands",
        {method: "POST", credentials: "include", body: BUZZ}).then((answer) => answer.text())""",
    "fetch, cors, JSON": """fetch(at + "/api/commands", {method: "POST", credentials: "include", body: BUZZ,
        headers: {"content-type": "application/json"}}).then((answer) => answer.text())""",
    "fetch with a token": """fetch(at + "/api/commands", {method: "POST", body: BUZZ,
        headers: {authorization: "Bearer TOKEN"}}).then((answer) => answer.text())""",
    "fetch, keepalive": """fetch(at + "/api/commands", {method: "POST", mode: "no-cors", keepalive: true,
        credentials: "include", body: BUZZ}).then(() => "")""",
    "XMLHttpRequest": """new Promise((done) => {
        const asked = new XMLHttpRequest();
        asked.open("POST", at + "/api/commands");
        asked.withCredentials = true;
        asked.onload = () => done(asked.responseText);
        asked.onerror = () => done("");
        asked.send(BUZZ);
      })""",
    "beacon": '(navigator.sendBeacon(at + "/api/commands", new Blob([BUZZ])), later(500).then(() => ""))',
}
READS = {
    "fetch of the snapshot": """fetch(at + "/api/snapshot", {credentials: "include"})
        .then((answer) => answer.text())""",
    "fetch of the backup": """fetch(at + "/api/backup", {credentials: "include"}).then((answer) => answer.text())""",
    "fetch of metrics, no-cors": 'fetch(at + "/metrics", {mode: "no-cors"}).then((answer) => answer.text())',
    "event stream": 'listen(new EventSource(at + "/api/stream"), "snapshot")',
    "event stream with the login": 'listen(new EventSource(at + "/api/stream", {withCredentials: true}), "snapshot")',
    "web socket": 'listen(new WebSocket(at.replace("http", "ws") + "/api/stream"), "open")',
    "image of the backup": 'load("img", {src: at + "/api/backup"})',
    "script of the snapshot": 'load("script", {src: at + "/api/snapshot"})',
    "script of the page": 'load("script", {src: at + "/static/app.js"})',
    "module of the page": 'import(at + "/static/dom.js").then(() => "imported")',
    "style of the page": 'load("link", {rel: "stylesheet", href: at + "/static/app.css"})',
    "frame of the wall": """load("iframe", {src: at + "/"}).then(() => {
        try { return frames[frames.length - 1].document.body.innerText.includes("Sensor") ? "read" : ""; }
        catch { return ""; } })""",
    "window of the wall": """(async () => {
        const wall = open(at + "/");
        await later(1500);
        try { return wall?.document?.body.innerText.includes("Sensor") ? "read" : ""; } catch { return ""; }
        finally { wall?.close(); } })()""",
}


class Foreign(BaseHTTPRequestHandler):
    """An empty page without any policy."""

    def do_GET(self) -> None:
        body = b"<!doctype html><title>a page of somebody else</title><body>"
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def foreign_port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Foreign)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def browser(browser: Browser) -> Iterator[Browser]:
    """One that finds our names."""
    chromium = browser.browser_type.launch(
        executable_path=tiers.chromium(), args=["--no-sandbox", "--disable-gpu", "--disable-quic", RULES]
    )
    yield chromium
    chromium.close()


@pytest.fixture(scope="module")
def dashboard(broker: Broker) -> Iterator[DashboardProcess]:
    with DashboardProcess(broker.url, environment={"FLEET_HTTP_NAMES": WALL}) as running:
        yield running


@pytest.fixture
def teacher(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()


def foreign_page(context: BrowserContext, origin: str, port: int) -> Page:
    """Of that origin, its scripts allowed to do what scripts do."""
    page = context.new_page()
    page.goto(f"http://{'127.0.0.1' if origin == 'nowhere' else origin}:{port}/")
    return page


def attempt(page: Page, origin: str, action: str, at: str) -> Any:
    """What the page could read by it."""
    place: Any = page.main_frame
    if origin == "nowhere":
        page.evaluate(
            """() => new Promise((done) => {
              const frame = document.createElement("iframe");
              frame.sandbox = "allow-scripts allow-forms allow-popups";
              frame.onload = done;
              frame.srcdoc = "<body>";
              document.body.replaceChildren(frame);
            })"""
        )
        place = page.frames[-1]
    action = action.replace("CODE", rights.CODE).replace("TOKEN", rights.TOKEN)
    return place.evaluate(f"async (at) => {{ {HELP} return within({action}); }}", at)


def log_in(page: Page, at: str) -> None:
    """As a person does, with the link; the code does not stay in the address bar."""
    page.goto(f"{at}/#teacher={rights.CODE}")
    page.wait_for_selector(":root[data-role=teacher]", state="attached")
    assert page.url == f"{at}/"


def addresses(dashboard: DashboardProcess) -> tuple[str, str]:
    return dashboard.url, dashboard.url.replace("127.0.0.1", WALL)


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_foreign_page_commands_nothing(
    teacher: BrowserContext, dashboard: DashboardProcess, broker: Broker, foreign_port: int, origin: str
) -> None:
    own = teacher.new_page()
    for at in addresses(dashboard):
        log_in(own, at)
    own.goto("about:blank")  # the login stays, and from here on nobody but the foreign page asks anything
    page = foreign_page(teacher, origin, foreign_port)
    answers: list[Response] = []
    page.on("response", lambda one: answers.append(one) if one.url.startswith(addresses(dashboard)) else None)
    with Probe(broker.url, "fleet/1/+/cmd/+", "fleet/1/_host/board/#") as probe:
        for at in addresses(dashboard):
            for vector, action in COMMANDS.items():
                since = len(answers)
                read = attempt(page, origin, action, at)
                probe.settle(30)
                did = [str(one) for one in probe.seen("fleet/1/+/cmd/+")]
                let_in = [one.status for one in answers[since:] if one.status < 400]
                tried("F25", vector, f"{origin} to {'an address' if at == dashboard.url else 'a name'}",
                      bool(read or did or let_in), "refused, nothing sent")  # fmt: skip
                assert (read, did, let_in) == ("", [], []), f"{vector} of {origin} to {at}"
    assert dashboard.get("/api/rounds") == {"rounds": []}
    assert dashboard.get("/api/snapshot")["round"] is None
    for at in addresses(dashboard):
        own.goto(at)
        own.wait_for_selector(":root[data-role=teacher]", state="attached"), "and the teacher is still logged in"


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_foreign_page_reads_nothing(
    teacher: BrowserContext, dashboard: DashboardProcess, foreign_port: int, origin: str
) -> None:
    own = teacher.new_page()
    for at in addresses(dashboard):
        log_in(own, at)
    own.goto("about:blank")  # the login stays, and from here on nobody but the foreign page asks anything
    page = foreign_page(teacher, origin, foreign_port)
    for at in addresses(dashboard):
        for vector, action in READS.items():
            read = attempt(page, origin, action, at)
            tried(
                "F25",
                vector,
                f"{origin} to {'an address' if at == dashboard.url else 'a name'}",
                bool(read),
                "not read",
            )
            assert read == "", f"{vector} of {origin} from {at}"
    for other in teacher.pages:
        if other is not page:
            other.close()  # windows of the wall itself, which a link may open, but the one who did has no hold of them
    dashboard.wait_for("/api/stats", lambda stats: stats["viewers"] == 0, within=30)


@pytest.mark.parametrize(
    "name", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", f"{WALL}.evil.example"]
)
def test_a_name_that_is_bound_to_us_anew_reaches_nothing(
    teacher: BrowserContext, dashboard: DashboardProcess, broker: Broker, name: str
) -> None:
    """DNS rebinding: to the browser the attacker's page and the dashboard are one origin then."""
    rebound = dashboard.url.replace("127.0.0.1", name)
    page = teacher.new_page()
    first = page.goto(rebound)
    assert first is not None
    assert first.status == 403
    with Probe(broker.url, "fleet/1/+/cmd/+") as probe:
        for vector, action in {
            "the snapshot": 'fetch("/api/snapshot").then((answer) => answer.status)',
            "the backup": 'fetch("/api/backup").then((answer) => answer.status)',
            "the stream": 'listen(new EventSource("/api/stream"), "snapshot")',
            "a command": 'fetch("/api/commands", {method: "POST", body: BUZZ}).then((answer) => answer.status)',
            "a command with a token": """fetch("/api/commands", {method: "POST", body: BUZZ,
                headers: {authorization: "Bearer TOKEN"}}).then((answer) => answer.status)""",
            "a login": """fetch("/api/login", {method: "POST", body: JSON.stringify({code: "CODE"})})
                .then((answer) => answer.status)""",
        }.items():
            got = attempt(page, name, action, rebound)
            probe.settle(30)
            did = probe.seen("fleet/1/+/cmd/+")
            tried("F25", f"DNS rebinding, {vector}", name, got not in (403, "") or bool(did))
            assert got in (403, ""), vector
            assert not did
