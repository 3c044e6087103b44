"""The leaderboard page: a teacher plays a round, the class sees it; and what must hold for text, motion and keys."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess
from support.pupil import tap


@pytest.fixture(autouse=True)
def no_round(dashboard: DashboardProcess) -> Iterator[None]:
    """The tests share a dashboard: each leaves it without a round and without challenges of its own."""
    yield
    for path in (dashboard.data_dir / "challenges").glob("*.toml"):
        path.unlink()
    for _ in range(3):
        current = dashboard.get("/api/snapshot")["round"]
        if current is None:
            return
        dashboard.post(f"/api/rounds/{current['id']}/stop", {})
        dashboard.wait_for(
            "/api/snapshot", lambda shown: not shown["round"] or shown["round"]["state"] == "done", within=20
        )


def start(dashboard: DashboardProcess, challenge: str, **more: Any) -> str:
    status, answer = dashboard.post("/api/rounds", {"challenge": challenge, "countdown": 0, **more})
    assert status == 202, answer
    return str(answer["id"])


def test_a_teacher_plays_a_round_by_keyboard_and_the_result_stays(
    page: Page, broker: Broker, dashboard: DashboardProcess, shoot: Callable[[Page, str], Path]
) -> None:
    with (
        NodeProcess(broker.url, "ada", name="Ada", groups=["red"]) as ada,
        NodeProcess(broker.url, "bo", name="Bo", groups=["blue"]) as bo,
    ):
        expect(page.locator("#online")).to_have_text("2 / 2")
        page.goto("/leaderboard")
        page.get_by_label("Round", exact=True).select_option("sprint")
        page.get_by_label("Seconds").fill("60")
        page.keyboard.press("Enter")
        expect(page.locator(".count")).to_have_text(re.compile(r"^[123]$"))
        expect(page.locator(".phase")).to_have_text("Get ready")
        expect(page.locator(".phase")).to_have_text("Go!")
        expect(page.locator(".clock")).to_have_text(re.compile(r"^(1:00|5\d)$"))
        tap(dashboard, ada)
        expect(page.locator(".ranks .name")).to_have_text(["Ada"])
        tap(dashboard, bo, 2)
        expect(page.locator(".ranks .name")).to_have_text(["Bo", "Ada"])
        expect(page.locator(".ranks .score")).to_have_text(["2", "1"])
        expect(page.locator(".teams .name")).to_have_text(["blue", "red"])
        shoot(page, "round")
        page.get_by_role("button", name="Stop now").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".phase")).to_have_text("Result")
        expect(page.locator(".results li").first).to_contain_text("Bo — 2")
        with page.expect_download() as download:
            page.locator(".results a", has_text="CSV").first.click()
        assert download.value.path().read_text().splitlines()[1] == "1,bo,Bo,2,presses,blue,"
        assert page.url.endswith("/leaderboard"), "a file is no page"
        page.get_by_role("button", name="Put the result away").click()
        expect(page.locator(".stage h2")).to_have_text("Most button presses")
        page.reload()
        expect(page.locator(".results li").first).to_contain_text("Bo — 2")


def test_a_question_of_ones_own_is_asked_and_no_page_knows_the_answer_before_the_end(
    page: Page, broker: Broker, dashboard: DashboardProcess, shoot: Callable[[Page, str], Path]
) -> None:
    with NodeProcess(broker.url, "ada", name="Ada") as ada, NodeProcess(broker.url, "bo", name="Bo") as bo:
        expect(page.locator("#online")).to_have_text("2 / 2")
        page.goto("/leaderboard")
        page.get_by_label("Round", exact=True).select_option("quiz")
        page.get_by_label("Question", exact=True).select_option("own")
        page.get_by_label("My question").fill("<b>Which</b> is right?")
        page.get_by_label("Answer 1", exact=True).fill("this")
        page.get_by_label("Answer 3", exact=True).fill("that")
        page.get_by_label("Answer 3 is right").check()
        page.get_by_role("button", name="Start").click()
        expect(page.locator(".question")).to_have_text("<b>Which</b> is right?")
        expect(page.locator(".phase")).to_have_text("Go!")
        tap(dashboard, ada, 2)
        tap(dashboard, bo)
        expect(page.locator(".stage > .hint")).to_have_text("2 answered")
        shown = dashboard.get("/api/snapshot")["round"]
        assert (shown["answer"], shown["votes"], shown["top"]) == (None, None, [])
        expect(page.locator(".ranks li")).to_have_count(0)
        page.get_by_role("button", name="Stop now").click()
        expect(page.locator(".options [data-right=true]")).to_contain_text("that")
        expect(page.locator(".ranks .name")).to_have_text(["Ada", "Bo"])
        expect(page.locator(".options .votes")).to_have_text(["1", "1"])
        shoot(page, "quiz")


@pytest.mark.complains("the answer is 400")
def test_what_cannot_be_played_is_said_in_one_sentence(page: Page) -> None:
    page.goto("/leaderboard")
    page.get_by_label("Round", exact=True).select_option("quiz")
    page.get_by_label("Question", exact=True).select_option("own")
    page.get_by_label("My question").fill("Only one answer?")
    page.get_by_label("Answer 1", exact=True).fill("yes")
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".referee .problem")).to_contain_text("options is a list of 2 to 6 texts")


def test_rows_glide_to_their_places_unless_somebody_wants_no_motion(
    page: Page, broker: Broker, dashboard: DashboardProcess
) -> None:
    with NodeProcess(broker.url, "ada") as ada, NodeProcess(broker.url, "bo") as bo:
        expect(page.locator("#online")).to_have_text("2 / 2")
        page.goto("/leaderboard")
        page.evaluate(
            "const glide = Element.prototype.animate; window.glides = 0;"
            "Element.prototype.animate = function (...how) { window.glides += 1; return glide.apply(this, how); }; 0"
        )
        tap(dashboard, ada)
        expect(page.locator(".ranks .name")).to_have_text(["ada"])
        tap(dashboard, bo, 2)
        expect(page.locator(".ranks .name")).to_have_text(["bo", "ada"])
        assert page.evaluate("window.glides") >= 2
        page.emulate_media(reduced_motion="reduce")
        page.evaluate("window.glides = 0")
        tap(dashboard, ada, 2)
        expect(page.locator(".ranks .name")).to_have_text(["ada", "bo"])
        assert page.evaluate("window.glides") == 0


def test_a_move_is_told_by_shape_and_in_words(page: Page, broker: Broker, dashboard: DashboardProcess) -> None:
    with NodeProcess(broker.url, "ada") as ada, NodeProcess(broker.url, "bo") as bo:
        expect(page.locator("#online")).to_have_text("2 / 2")
        page.goto("/leaderboard")
        start(dashboard, "sprint", seconds=60)
        expect(page.locator(".phase")).to_have_text("Go!")
        tap(dashboard, ada, 2)
        tap(dashboard, bo)
        time.sleep(5.1)  # until the next look
        tap(dashboard, bo, 2)
        expect(page.locator(".ranks .moved")).to_have_text(["▲1", "▼1"])
        expect(page.get_by_role("img", name="up 1")).to_be_visible()
        expect(page.get_by_role("img", name="down 1")).to_be_visible()


def test_a_name_full_of_markup_is_text_on_the_stage_and_in_the_results(
    page: Page, broker: Broker, dashboard: DashboardProcess
) -> None:
    name = "<img src=x onerror=alert(1)>"
    folder = dashboard.data_dir / "challenges"
    (folder / "evil.toml").write_text(
        f'title = "{name}"\nrule = "{name}"\nkind = "round"\n[score]\nevent = "press"\ntake = "count"\n'
    )
    (folder / "bad.toml").write_text(f'title = "x"\nrule = "y"\nkind = "{name}"\n')
    with NodeProcess(broker.url, "ada", name=name) as ada:
        expect(page.locator("#online")).to_have_text("1 / 1")
        dashboard.wait_for("/api/challenges", lambda known: known["problems"])
        page.goto("/leaderboard")
        expect(page.locator(".podium .alerts")).to_contain_text(f"kind is '{name}'")
        round_id = start(dashboard, "evil", seconds=60)
        tap(dashboard, ada)
        expect(page.locator(".stage h2")).to_have_text(name)
        expect(page.locator(".ranks .name")).to_have_text(name)
        dashboard.post(f"/api/rounds/{round_id}/stop", {})
        expect(page.locator(".results li").first).to_contain_text(name)
        assert page.locator("main img").count() == 0


def test_the_projector_shows_no_controls_and_a_new_round_by_itself(
    page: Page, broker: Broker, dashboard: DashboardProcess
) -> None:
    with NodeProcess(broker.url, "ada", groups=["red"]) as ada:
        expect(page.locator("#online")).to_have_text("1 / 1")
        page.goto("/leaderboard")
        page.get_by_role("button", name="Warmest").click()
        page.get_by_role("button", name="Hide controls").click()
        assert page.url.endswith("/leaderboard?by=warmest&clean=")
        expect(page.locator(".referee")).to_be_hidden()
        expect(page.locator(".teams .name")).to_have_text("red")
        page.reload()
        expect(page.locator(".stage h2")).to_have_text("Warmest")
        expect(page.locator(".referee")).to_be_hidden()
        start(dashboard, "sprint", seconds=60)
        expect(page.locator(".stage h2")).to_have_text("Press sprint")
        page.goto("/")
        tap(dashboard, ada)
        expect(page.locator(".board select")).to_have_value("round")
        expect(page.locator(".board .ranks .score")).to_have_text("1")
