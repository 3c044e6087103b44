"""The routes of challenges and rounds: what they answer, and that they are guarded like commands."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fleet_dashboard import web
from fleet_dashboard.challenge import ChallengeError
from fleet_dashboard.settings import load
from fleet_dashboard.web_rounds import RoundPages
from support.rights import TEACHER, Rights

ROUND = "20261128-194705-0a1b2c"


class Fleet:
    rights = Rights()


class Rounds:
    """One finished round; it notes what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def challenges(self) -> dict[str, Any]:
        return {"challenges": [], "problems": []}

    def start(self, fields: dict[str, Any]) -> str:
        if fields.get("challenge") != "sprint":
            raise ChallengeError("there is no such round")
        self.told.append(fields)
        return ROUND

    def stop(self, name: str) -> str | None:
        self.told.append(name)
        return "stopped" if name == ROUND else None

    def results(self) -> list[dict[str, Any]]:
        return [{"id": ROUND}]

    async def result(self, name: str) -> dict[str, Any] | None:
        rows = [{"place": 1, "node": "ada", "name": "=1+1", "score": 3, "teams": []}]
        return {"id": name, "challenge": "sprint", "unit": "presses", "rows": rows} if name == ROUND else None


@pytest.fixture
def rounds() -> Rounds:
    return Rounds()


@pytest.fixture
async def http(rounds: Rounds) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(web.application(Fleet(), (), RoundPages(rounds).routes()))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080", headers=TEACHER) as client:
        yield client


async def test_a_round_is_started_stopped_and_read(http: httpx.AsyncClient, rounds: Rounds) -> None:
    started = await http.post("/api/rounds", json={"challenge": "sprint"})
    assert (started.status_code, started.json()) == (202, {"id": ROUND})
    assert (await http.post(f"/api/rounds/{ROUND}/stop")).json() == {"done": "stopped"}
    assert (await http.get("/api/rounds")).json() == {"rounds": [{"id": ROUND}]}
    assert (await http.get(f"/api/rounds/{ROUND}")).json()["rows"][0]["score"] == 3
    assert (await http.get("/api/challenges")).json() == {"challenges": [], "problems": []}


async def test_an_export_is_a_file_without_formulas(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"/api/rounds/{ROUND}.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="sprint-{ROUND}.csv"'
    assert answer.text.splitlines()[1] == "1,ada,'=1+1,3,presses,,"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/api/rounds", f"/api/rounds/{ROUND}/stop"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"host": "evil.example", "origin": "http://evil.example"},
    ],
)
async def test_a_foreign_page_starts_and_stops_nothing(
    http: httpx.AsyncClient, rounds: Rounds, path: str, headers: dict[str, str]
) -> None:
    assert (await http.post(path, json={"challenge": "sprint"}, headers=headers)).status_code == 403
    assert rounds.told == []


async def test_an_export_is_not_started_by_a_foreign_page(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"/api/rounds/{ROUND}.csv", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/api/challenges", "/api/rounds", f"/api/rounds/{ROUND}", f"/api/rounds/{ROUND}.csv"])
async def test_no_route_is_there_for_a_foreign_name(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path, headers={"host": "evil.example"})).status_code == 403


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"challenge": "no"}', b'{"challenge": "' + b"x" * 5000 + b'"}'])
async def test_a_bad_body_is_one_sentence(http: httpx.AsyncClient, body: bytes) -> None:
    answer = await http.post("/api/rounds", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize("name", ["nothing", "..%2f..%2fsecret", "%2e%2e"])
async def test_what_is_not_there_is_not_there(http: httpx.AsyncClient, name: str) -> None:
    assert (await http.get(f"/api/rounds/{name}")).status_code in (404, 307)
    assert (await http.get(f"/api/rounds/{name}.csv")).status_code == 404
    assert (await http.post(f"/api/rounds/{name}/stop")).status_code == 404


async def test_a_start_is_a_post_and_nothing_else(http: httpx.AsyncClient, rounds: Rounds) -> None:
    assert (await http.get(f"/api/rounds/{ROUND}/stop")).status_code in (404, 405)
    assert (await http.put("/api/rounds", json={})).status_code == 405
    assert rounds.told == []


def test_own_challenges_are_in_the_data_folder_unless_a_setting_names_another() -> None:
    assert load([], {"FLEET_DATA": "here"}).challenges == Path("here/challenges")
    assert load([], {"FLEET_CHALLENGES": "class3b"}).challenges == Path("class3b")
    assert load(["--challenges", "flag"], {"FLEET_CHALLENGES": "class3b"}).challenges == Path("flag")
