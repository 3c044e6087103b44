"""The class controls with real nodes: mute and pause end by themselves, boards are named, grouped and forgotten."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess
from support.probe import Probe


@pytest.fixture(autouse=True)
def calm(page: Page, broker: Broker) -> None:
    """At the page of commands; nothing that an earlier test muted or paused is on."""
    with Probe(broker.url, "fleet/1/none") as probe:
        for name in ("mute", "pause"):
            probe.publish(f"fleet/1/_all/cmd/{name}", "0")
    page.emulate_media(reduced_motion="reduce")
    page.goto("/commands")


def connected(page: Page, number: int) -> None:
    """The page knows so many boards and what they can do."""
    expect(page.locator(".class-count")).to_have_text(f"{number} of {number} boards are connected")
    expect(page.locator(".command-choices [data-command=pause]")).to_be_visible()


def test_mute_all_refuses_a_buzz_counts_down_in_every_browser_and_is_ended_by_hand(page: Page, broker: Broker) -> None:
    with NodeProcess(broker.url, "ada", name="Ada"), NodeProcess(broker.url, "bo", name="Bo"):
        connected(page, 2)
        mute = page.locator(".switch[data-command=mute]")
        mute.get_by_role("button", name="15 min").click()
        mute.get_by_role("button", name="Mute all").click()
        expect(page.locator(".answer .summary")).to_have_text(re.compile(r"^2 of 2 in "))
        expect(mute.locator(".switch-clock")).to_have_text(re.compile(r"^1[345]:\d\d$"))
        expect(mute.locator(".switch-state")).to_contain_text(re.compile(r"Muted until \d\d:\d\d"))
        page.locator(".command-choices [data-command=buzz]").click()
        page.get_by_role("button", name="Send buzz to everyone").click()
        expect(page.locator(".answer .answers [data-st=muted]")).to_have_count(2)
        page.reload()
        expect(mute.locator(".switch-clock")).to_have_text(re.compile(r"^1[345]:\d\d$"))
        assert page.context.browser is not None
        login = page.context.storage_state()
        with page.context.browser.new_context(base_url=page.url, storage_state=login) as other:
            elsewhere = other.new_page()
            elsewhere.goto("/commands")
            expect(elsewhere.locator(".switch[data-command=mute] .switch-clock")).to_have_text(re.compile(r"^1[345]:"))
            mute.get_by_role("button", name="Unmute all").click()
            expect(elsewhere.get_by_role("button", name="Mute all", exact=True)).to_be_visible()
        expect(mute.locator(".switch-clock")).to_be_hidden()
        page.locator(".command-choices [data-command=buzz]").click()
        page.get_by_role("button", name="Send buzz to everyone").click()
        expect(page.locator(".answer h2").first).to_have_text("buzz")
        expect(page.locator(".answer .summary")).to_have_text(re.compile(r"^2 of 2 in "))


def test_pause_all_stops_readings_is_said_on_the_wall_and_ends_by_hand(
    page: Page, broker: Broker, dashboard: DashboardProcess, shoot: Callable[[Page, str], Path]
) -> None:
    with (
        NodeProcess(broker.url, "ada", name="Ada", period=200),
        NodeProcess(broker.url, "bo", name="Bo"),
        Probe(broker.url, "fleet/1/#") as probe,
    ):
        connected(page, 2)
        pause = page.locator(".switch[data-command=pause]")
        pause.get_by_role("button", name="Pause all").click()
        paused = probe.expect("fleet/1/ada/ack", lambda seen: seen.json()["cmd"] == "pause", within=30).json()["up"]
        expect(page.locator(".answer .summary")).to_have_text(re.compile(r"^2 of 2 in "))
        dashboard.node("ada", lambda node: node["paused"], within=30)
        page.goto("/")
        tile = page.locator("[data-node=ada]")
        expect(tile).to_have_attribute("data-state", "online")
        expect(tile.locator(".tile-why")).to_have_text(re.compile(r"^Paused until \d\d:\d\d$"))
        shoot(page, "wall-paused")
        page.goto("/commands")
        expect(pause.locator(".switch-clock")).to_have_text(re.compile(r"^[345]:\d\d$"))
        late = [seen.json() for seen in probe.seen("fleet/1/ada/tele/+") if seen.json()["up"] > paused]
        assert not late, f"readings were taken during the pause: {late}"
        with NodeProcess(broker.url, "cy", name="Cy"):
            expect(pause.locator(".switch-groups")).to_have_text("Not paused: Cy.")
            shoot(page, "class-paused")
            pause.get_by_role("button", name="Pause them too").click()
            dashboard.node("cy", lambda node: node["paused"], within=30)
            expect(pause.locator(".switch-groups")).to_be_hidden()
            mark = probe.mark()
            pause.get_by_role("button", name="Resume all").click()
            probe.expect("fleet/1/ada/tele/+", within=30, since=mark)
            expect(pause.locator(".switch-clock")).to_be_hidden()
            dashboard.node("ada", lambda node: node["state"] == "online" and not node["paused"], within=30)


def test_a_pause_that_anybody_sent_ends_by_itself_on_the_page(page: Page, broker: Broker) -> None:
    with NodeProcess(broker.url, "ada"), Probe(broker.url, "fleet/1/#") as probe:
        connected(page, 1)
        pause = page.locator(".switch[data-command=pause]")
        probe.publish("fleet/1/_all/cmd/pause", "6")  # as mosquitto_pub would
        expect(pause.locator(".switch-clock")).to_have_text(re.compile(r"^0:0\d$"))
        expect(pause.get_by_role("button", name="Pause all")).to_be_visible()
        mark = probe.mark()
        probe.expect("fleet/1/ada/tele/+", within=30, since=mark)


def test_names_are_given_by_walking_from_board_to_board(
    page: Page, broker: Broker, dashboard: DashboardProcess
) -> None:
    with NodeProcess(broker.url, "n-1"), NodeProcess(broker.url, "n-2"), Probe(broker.url, "fleet/1/#") as probe:
        connected(page, 2)
        page.get_by_role("button", name="Name them one by one").click()
        probe.expect("fleet/1/n-1/ack", lambda seen: seen.json()["cmd"] == "identify", within=30)
        expect(page.get_by_label("Name of n-1")).to_be_focused()
        page.keyboard.type("Ada")
        page.keyboard.press("Enter")
        expect(page.get_by_label("Name of n-2")).to_be_focused()
        probe.expect("fleet/1/n-2/ack", lambda seen: seen.json()["cmd"] == "identify", within=30)
        page.keyboard.type("Bo <b>")
        page.keyboard.press("Enter")
        dashboard.node("n-2", lambda node: node["name"] == "Bo <b>", within=30)
        expect(page.locator(".roster-rows [data-node=n-2] .said")).to_contain_text("name: ")
        renames = [seen.json()["re"] for seen in probe.seen("fleet/1/+/ack") if seen.json()["cmd"] == "name"]
        assert sorted(renames) == ["Ada", "Bo <b>"], "each name is sent once"
        page.goto("/")
        expect(page.locator("[data-node=n-1] .tile-name")).to_have_text("Ada")
        expect(page.locator("[data-node=n-2] .tile-name")).to_have_text("Bo <b>")


def test_a_refusal_of_a_name_or_group_is_shown_in_the_nodes_own_words(page: Page, broker: Broker) -> None:
    with NodeProcess(broker.url, "ada", groups=["red"]):
        connected(page, 1)
        row = page.locator(".roster-rows [data-node=ada]")
        row.get_by_label("Groups of ada").fill("Red Team")
        row.get_by_label("Groups of ada").press("Enter")
        expect(row.locator(".said")).to_contain_text("a group is [a-z0-9]")
        expect(row.get_by_label("Groups of ada")).to_have_value("Red Team")
        row.get_by_label("Groups of ada").press("Escape")
        expect(row.get_by_label("Groups of ada")).to_have_value("red")
        row.get_by_label("Groups of ada").fill("red, row-1")
        row.get_by_label("Groups of ada").press("Enter")
        expect(page.locator(".targets [data-target=_row-1]")).to_be_visible()


def test_several_boards_are_put_into_a_group_at_once(page: Page, broker: Broker, dashboard: DashboardProcess) -> None:
    names = ("ada", "bo", "cy")
    with NodeProcess(broker.url, "ada"), NodeProcess(broker.url, "bo", groups=["blue"]), NodeProcess(broker.url, "cy"):
        connected(page, 3)
        for name in names[:2]:
            page.get_by_label(f"Select {name}").check()
        page.get_by_label("Group", exact=True).fill("red")
        page.get_by_role("button", name="Put into group").click()
        expect(page.locator(".answer .summary")).to_have_text(re.compile(r"^2 of 2 in "))
        dashboard.node("ada", lambda node: node["groups"] == ["red"], within=30)
        dashboard.node("bo", lambda node: node["groups"] == ["blue", "red"], within=30)
        page.locator(".targets [data-target=_red]").click()
        expect(page.locator(".asked")).to_have_text("2 of 2 will be asked.")
        page.get_by_role("button", name="Take out").click()
        dashboard.node("bo", lambda node: node["groups"] == ["blue"], within=30)


def test_boards_that_are_gone_are_forgotten_after_one_question_and_a_living_one_returns(
    page: Page, broker: Broker, dashboard: DashboardProcess, shoot: Callable[[Page, str], Path]
) -> None:
    with (
        NodeProcess(broker.url, "ada", name="Ada"),
        NodeProcess(broker.url, "bo", name="Bo") as bo,
        NodeProcess(broker.url, "cy", name="Cy") as cy,
        Probe(broker.url, "fleet/1/+/status") as probe,
    ):
        connected(page, 3)
        bo.kill()
        cy.kill()
        expect(page.locator(".roster-rows [data-state=lost]")).to_have_count(2)
        before = {boot["boot"] for boot in dashboard.get("/api/nodes/bo")["delivery"]}
        status, answer = dashboard.post("/api/nodes/ada/forget", {})
        assert (status, answer["error"]) == (409, "Ada is online: it would be back at once; switch it off first")
        assert dashboard.post("/api/nodes/nobody/forget", {})[0] == 404
        page.get_by_role("button", name="Forget 2 lost boards").click()
        expect(page.locator(".confirm h2")).to_have_text("Forget 2 boards?")
        shoot(page, "class-forget")
        page.locator(".confirm").get_by_role("button", name="Keep").click()
        expect(page.locator(".roster-rows li")).to_have_count(3)
        page.get_by_role("button", name="Forget 2 lost boards").click()
        page.locator(".confirm .danger").click()
        expect(page.locator(".roster-rows li")).to_have_count(1)
        expect(page.locator(".answer .summary")).to_have_text(re.compile(r"^2 of 2 in "))
        expect(page.locator(".answer .answers")).to_contain_text("Bo")
        cleared = probe.expect("fleet/1/bo/status", lambda seen: not seen.payload, within=30)
        assert cleared.topic == "fleet/1/bo/status"
        bo.start()
        expect(page.locator(".roster-rows li")).to_have_count(2)
        expect(page.get_by_label("Name of bo")).to_have_value("Bo")
        after = {boot["boot"] for boot in dashboard.get("/api/nodes/bo")["delivery"]}
        assert before < after, f"what it measured before it was forgotten is still stored: {before} of {after}"


def test_nothing_is_cut_off_on_any_screen_light_or_dark(
    page: Page, broker: Broker, shoot: Callable[[Page, str], Path]
) -> None:
    with NodeProcess(broker.url, "ada", name="Ada", groups=["red"]), NodeProcess(broker.url, "bo", name="W" * 32) as bo:
        connected(page, 2)
        page.locator(".switch[data-command=mute] .switch-button").click()
        expect(page.locator(".answer .summary")).to_have_text(re.compile(r"^2 of 2 in "))
        bo.kill()
        page.locator(".command-choices [data-command=identify]").click()
        page.get_by_role("button", name="Send identify to everyone").click()
        expect(page.locator(".answer .answers [data-st=muted]")).to_have_count(1)
        for theme in ("light", "dark"):
            page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
            for width, height in ((390, 844), (1280, 800), (1920, 1080)):
                page.set_viewport_size({"width": width, "height": height})
                wide = page.evaluate("document.querySelector('main').scrollWidth")
                assert wide <= width, f"what is below the strip is {wide} px wide on a screen of {width}"
                overlaps = page.evaluate(OVERLAPS)
                assert not overlaps, f"at {width} px these parts of a switch lie on each other: {overlaps}"
                shoot(page, f"commands-{width}-{theme}")
                page.locator(".roster").scroll_into_view_if_needed()
                page.locator(".roster-rows li").last.scroll_into_view_if_needed()
                shoot(page, f"commands-boards-{width}-{theme}")
                page.evaluate("scrollTo(0, 0)")


OVERLAPS = """() => [...document.querySelectorAll(".switch")].flatMap((one) => {
  const all = one.querySelectorAll(".switch-words, .switch-clock, .tabs, .switch-button");
  const parts = [...all].filter((part) => part.offsetParent);
  return parts.flatMap((a, at) => parts.slice(at + 1).filter((b) => {
    const [p, q] = [a.getBoundingClientRect(), b.getBoundingClientRect()];
    return p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1;
  }).map((b) => `${a.className} and ${b.className}`));
})"""
