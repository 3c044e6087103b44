"""Who may ask, what is refused, and what every answer carries; the fleet behind it is a small one made here."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from fleet_dashboard import web
from fleet_dashboard.commands import BadCommand
from fleet_dashboard.settings import SettingsError, load
from fleet_dashboard.store import StoreError
from support.rights import TEACHER, Rights


class Fleet:
    """The least that the pages need: one node, and it notes the commands it is given."""

    rights = Rights()

    def __init__(self) -> None:
        self.commands: list[tuple[Any, Any, Any]] = []

    def snapshot(self) -> dict[str, Any]:
        return {"nodes": []}

    def stats(self) -> dict[str, Any]:
        return {"messages": 1}

    def health(self) -> dict[str, Any]:
        return {"ok": False}

    def viewers(self) -> int:
        return 0

    async def watch(self) -> AsyncIterator[bytes]:
        yield b": hello\n\n"

    async def node(self, name: str) -> dict[str, Any] | None:
        return {"id": name} if name == "ada" else None

    async def series(self, node: str, sensor: str, start: int, end: int, points: int) -> dict[str, Any] | None:
        return {"asked": [node, sensor, start, end, points]}

    async def delivery(self, since: int) -> dict[str, Any]:
        if since == 13:
            raise StoreError("the account cannot be read (interrupted); ask for a shorter span")
        return {"now": 1, "nodes": [], "since": since}

    def command(self, target: Any, name: Any, args: Any) -> dict[str, Any]:
        if target != "_all":
            raise BadCommand("target is a node id")
        self.commands.append((target, name, args))
        return {"id": "c1", "expected": []}

    def rollcall(self, name: str) -> dict[str, Any] | None:
        return None

    def now_ms(self) -> int:
        return 1_000_000_000


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
async def http(fleet: Fleet) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(web.application(fleet, ("wall.school",)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080", headers=TEACHER) as client:
        yield client


BUZZ = {"target": "_all", "name": "buzz", "args": {}}


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "localhost", "[::1]:8080", "10.0.0.5:8080", "wall.school", "WALL.school:80"]
)
async def test_our_names_and_all_addresses_are_served(http: httpx.AsyncClient, host: str) -> None:
    assert (await http.get("/api/stats", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1", "localhost.evil.example:8080"])
async def test_a_foreign_name_is_refused(http: httpx.AsyncClient, host: str) -> None:
    assert (await http.get("/api/stats", headers={"host": host})).status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "https://127.0.0.1:8080"])
async def test_a_foreign_page_cannot_command(http: httpx.AsyncClient, fleet: Fleet, origin: str) -> None:
    answer = await http.post("/api/commands", json=BUZZ, headers={"origin": origin})
    assert (answer.status_code, fleet.commands) == (403, [])
    assert "error" in answer.json()


async def test_our_page_and_a_script_can_command(http: httpx.AsyncClient, fleet: Fleet) -> None:
    for headers in ({"origin": "http://127.0.0.1:8080"}, {}):
        answer = await http.post("/api/commands", json=BUZZ, headers=headers)
        assert (answer.status_code, answer.json()["id"]) == (202, "c1")
    assert len(fleet.commands) == 2


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"target":"ada"}', b"x" * 5000])
async def test_a_bad_command_is_one_sentence(http: httpx.AsyncClient, fleet: Fleet, body: bytes) -> None:
    answer = await http.post("/api/commands", content=body)
    assert (answer.status_code, fleet.commands) == (400, [])
    assert answer.json()["error"]


@pytest.mark.parametrize("path", ["/api/stats", "/api/none", "/static/none.js", "/static/../service.py", "/nowhere"])
async def test_every_answer_carries_the_security_headers(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert b"import " not in answer.content


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("sensor=sht4x", 200),
        ("sensor=sht4x&from=1&to=2&points=3", 200),
        ("", 400),
        ("sensor=sht4x&from=2&to=1", 400),
        ("sensor=sht4x&from=x", 400),
        ("sensor=sht4x&points=0", 400),
        ("sensor=sht4x&from=" + "9" * 30, 400),
    ],
)
async def test_a_series_needs_a_span_that_makes_sense(http: httpx.AsyncClient, query: str, status: int) -> None:
    assert (await http.get(f"/api/nodes/ada/series?{query}")).status_code == status


@pytest.mark.parametrize(("query", "status"), [("", 200), ("?since=5", 200), ("?since=x", 400), ("?since=13", 503)])
async def test_the_account_is_told_or_one_sentence(http: httpx.AsyncClient, query: str, status: int) -> None:
    answer = await http.get(f"/api/delivery{query}")
    assert (answer.status_code, "error" in answer.json()) == (status, status != 200)


async def test_what_is_not_there_is_not_found(http: httpx.AsyncClient) -> None:
    for path in ("/api/nodes/bob", "/api/commands/c9", "/static/vendor/other.js"):
        assert (await http.get(path)).status_code == 404, path
    assert (await http.get("/api/health")).status_code == 503


@pytest.mark.parametrize("name", web.VENDOR)
async def test_the_chart_library_is_byte_for_byte_the_one_we_know(http: httpx.AsyncClient, name: str) -> None:
    answer = await http.get(f"/static/vendor/{name}")
    assert hashlib.sha256(answer.content).hexdigest() == web.VENDOR[name][2]
    assert answer.headers["content-type"].startswith(web.VENDOR[name][1])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("FLEET_BROKER", "http://x"),
        ("FLEET_BASE", "Class 3"),
        ("FLEET_HTTP_PORT", "99999"),
        ("FLEET_HTTP_PORT", "www"),
        ("FLEET_KEEP_RAW_DAYS", "-1"),
        ("FLEET_KEEP_RAW_DAYS", "1.5"),
        ("FLEET_KEEP_HOURS_DAYS", "99999999"),
        ("FLEET_KEEP_MINUTES_DAYS", "30"),  # and what it is made of, for ever
    ],
)
def test_a_bad_setting_names_its_key(key: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{key}: "):
        load([], {key: value})


def test_a_flag_is_stronger_than_the_environment() -> None:
    chosen = load(["--http-port", "0"], {"FLEET_HTTP_PORT": "9000", "FLEET_BASE": "class3b", "FLEET_DATA": ""})
    assert (chosen.http_port, chosen.base, str(chosen.database)) == (0, "class3b", "fleet-data/fleet.db")


def test_what_is_coarser_is_kept_for_longer() -> None:
    keep = load(["--keep-raw-days", "30"], {"FLEET_KEEP_MINUTES_DAYS": "400"}).keep
    assert (keep.raw, keep.minutes, keep.hours) == (30, 400, 0)
    with pytest.raises(SettingsError, match="FLEET_KEEP_HOURS_DAYS: 100 is shorter than FLEET_KEEP_MINUTES_DAYS"):
        load(["--keep-raw-days", "30", "--keep-minutes-days", "400", "--keep-hours-days", "100"], {})
