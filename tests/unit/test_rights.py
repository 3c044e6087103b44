"""Who may do what, decided without a network: codes, logins, tokens, wrong codes, and the table of all routes."""

import json
import re
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.routing import Mount, Route

from fleet_client import credentials
from fleet_client.credentials import CredentialError, Token
from fleet_dashboard import guard, openapi, rights, web
from fleet_dashboard.rights import Rights, TooManyTries, WrongCode
from fleet_dashboard.settings import SettingsError, load
from support import parts

HERE = "http://127.0.0.1:8080"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opened(folder: Path, clock: Clock, code: str = "") -> Rights:
    found = Rights(folder, code, clock, clock)
    found.open()
    return found


def code_of(folder: Path) -> str:
    code = credentials.read_code(folder)
    assert code is not None
    return code


# -- the code and the logins ---------------------------------------------------------------------------------------


def test_a_code_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path, clock: Clock) -> None:
    opened(tmp_path, clock)
    first = code_of(tmp_path)
    opened(tmp_path, clock)
    assert code_of(tmp_path) == first
    assert stat.S_IMODE((tmp_path / credentials.CODE_FILE).stat().st_mode) == 0o600


def test_a_made_code_is_easy_to_type_and_hard_to_guess() -> None:
    codes = {credentials.new_code() for _ in range(200)}
    assert len(codes) == 200
    assert all(len(code) == 11 and set(code) <= {*credentials.ALPHABET, "-"} for code in codes)
    assert not set("01oil") & set(credentials.ALPHABET)
    assert len(credentials.ALPHABET) ** 9 > 2**40


@pytest.mark.parametrize("typed", ["k7m-3xq-w9d", "K7M 3XQ W9D", " k7m3xqw9d\n", "k7M-3xq--w9d"])
def test_capitals_spaces_and_hyphens_do_not_matter(tmp_path: Path, clock: Clock, typed: str) -> None:
    credentials.write_code(tmp_path, "k7m-3xq-w9d")
    found = opened(tmp_path, clock)
    assert found.role_of_session(found.login(typed, "10.0.0.5")) == "teacher"


@pytest.mark.parametrize("typed", ["", " ", "-", "k7m-3xq-w9e", "k7m-3xq", "k7m-3xq-w9d-2", "\x00"])
def test_a_wrong_code_is_no_login(tmp_path: Path, clock: Clock, typed: str) -> None:
    credentials.write_code(tmp_path, "k7m-3xq-w9d")
    with pytest.raises(WrongCode, match="not the teacher's code"):
        opened(tmp_path, clock).login(typed, "10.0.0.5")


def test_before_there_is_a_code_nothing_is_the_code(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / credentials.CODE_FILE).mkdir()  # what cannot be read, and cannot be made
    unready = Rights(tmp_path, "", clock, clock)
    with pytest.raises(CredentialError):
        unready.open()
    with pytest.raises(WrongCode):
        unready.login("", "10.0.0.5")


def test_a_chosen_code_is_stronger_than_the_file_and_makes_none(tmp_path: Path, clock: Clock) -> None:
    found = opened(tmp_path, clock, "our class 3b")
    assert list(tmp_path.iterdir()) == []
    assert found.role_of_session(found.login("OurClass3b", "::1")) == "teacher"


def test_a_login_ends_after_a_school_day_by_logout_and_with_the_code(tmp_path: Path, clock: Clock) -> None:
    found = opened(tmp_path, clock)
    one, two = (found.login(code_of(tmp_path), "10.0.0.5") for _ in range(2))
    found.logout(one)
    assert (found.role_of_session(one), found.role_of_session(two)) == ("viewer", "teacher")
    clock.now += rights.SESSION_S - 1
    assert found.role_of_session(two) == "teacher"
    clock.now += 1
    assert found.role_of_session(two) == "viewer"
    three = found.login(code_of(tmp_path), "10.0.0.5")
    credentials.write_code(tmp_path, credentials.new_code())  # `fleet teacher --new`, while it runs
    assert found.role_of_session(three) == "viewer"
    assert found.role_of_session(found.login(code_of(tmp_path), "10.0.0.5")) == "teacher"


def test_a_restart_keeps_logins_and_a_file_of_them_is_worth_nothing(tmp_path: Path, clock: Clock) -> None:
    session = opened(tmp_path, clock).login(code_of(tmp_path), "10.0.0.5")
    kept = tmp_path / rights.SESSIONS_FILE
    assert session not in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    again = opened(tmp_path, clock)
    assert again.role_of_session(session) == "teacher"
    assert [again.role_of_session(key) for key in json.loads(kept.read_text())] == ["viewer"]
    assert opened(tmp_path, clock, "another code").role_of_session(session) == "viewer"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": "b"}', '{"a": null}', "\udcff"])
def test_a_spoilt_file_of_logins_only_logs_out(tmp_path: Path, clock: Clock, text: str) -> None:
    (tmp_path / rights.SESSIONS_FILE).write_text(text, errors="surrogateescape")
    found = opened(tmp_path, clock)
    assert found.role_of_session("a") == "viewer"
    assert found.role_of_session(found.login(code_of(tmp_path), "10.0.0.5")) == "teacher"


def test_logins_are_bounded_and_the_oldest_goes(tmp_path: Path, clock: Clock) -> None:
    found = opened(tmp_path, clock, "our class 3b")
    sessions = [found.login("our class 3b", "10.0.0.5") for _ in range(rights.MAX_SESSIONS + 1)]
    assert [found.role_of_session(one) for one in (sessions[0], sessions[1], sessions[-1])] == [
        "viewer",
        "teacher",
        "teacher",
    ]


@pytest.mark.parametrize("code", ["short", "1234567", "a-b-c-d-e-f-g"])
def test_a_chosen_code_that_is_too_short_names_the_setting(code: str) -> None:
    with pytest.raises(SettingsError, match=r"^FLEET_TEACHER_CODE: "):
        load([], {"FLEET_TEACHER_CODE": code})


def test_a_code_is_not_shown_with_the_settings() -> None:
    chosen = load([], {"FLEET_TEACHER_CODE": "our-class-3b"})
    assert chosen.teacher_code == "our-class-3b"
    assert "our-class" not in repr(chosen)


# -- wrong codes ---------------------------------------------------------------------------------------------------


def guess(found: Rights, address: str) -> str:
    try:
        found.login("wrong", address)
    except (WrongCode, TooManyTries) as error:
        return type(error).__name__
    return "in"


def test_guessing_is_slowed_for_one_address_and_for_no_other(tmp_path: Path, clock: Clock) -> None:
    found = opened(tmp_path, clock, "our class 3b")
    assert [guess(found, "10.0.0.5") for _ in range(rights.TRIES + 2)] == ["WrongCode"] * rights.TRIES + [
        "TooManyTries"
    ] * 2
    with pytest.raises(TooManyTries, match=r"try again in \d+ s") as refused:
        found.login("our class 3b", "10.0.0.5")
    assert found.login("our class 3b", "10.0.0.6")
    clock.now += refused.value.seconds
    assert found.login("our class 3b", "10.0.0.5"), "after as long as it said"
    assert guess(found, "10.0.0.5") == "WrongCode", "and who knew it begins anew"


def test_in_a_day_an_address_gets_no_more_tries_than_it_should(tmp_path: Path, clock: Clock) -> None:
    found = opened(tmp_path, clock, "our class 3b")
    looked_at = 0
    for _ in range(86_400):
        clock.now += 1
        looked_at += guess(found, "10.0.0.5") == "WrongCode"
    assert looked_at <= rights.TRIES + 86_400 / rights.EVERY_S + 1


def test_an_ipv6_network_is_one_address(tmp_path: Path, clock: Clock) -> None:
    found = opened(tmp_path, clock, "our class 3b")
    said = [guess(found, f"2001:db8::{number:x}") for number in range(rights.TRIES + 1)]
    assert said[-1] == "TooManyTries"
    assert guess(found, "2001:db8:0:1::1") == "WrongCode"
    assert guess(found, "fe80::1%eth0") == "WrongCode"


def test_the_table_of_wrong_codes_is_bounded(clock: Clock) -> None:
    tries = rights.Tries(clock)
    for _ in range(rights.TRIES):
        tries.wrong("10.0.0.5")
    for number in range(3 * rights.MAX_ADDRESSES):
        tries.wrong(f"host-{number}")
    assert len(tries._until) == rights.MAX_ADDRESSES
    assert tries.wait("10.0.0.5"), "and who guessed most is not the one who is forgotten"


# -- tokens --------------------------------------------------------------------------------------------------------


def test_tokens_come_and_go_while_it_runs_and_only_a_hash_is_kept(tmp_path: Path, clock: Clock) -> None:
    found = opened(tmp_path, clock, "our class 3b")
    token, screen = credentials.new_token(), credentials.new_token()
    assert found.role_of_token(token) is None
    made = [
        Token("grader", "teacher", credentials.digest(token), 1),
        Token("tv", "viewer", credentials.digest(screen), 1),
    ]
    credentials.write_tokens(tmp_path, made)
    assert (found.role_of_token(token), found.role_of_token(screen)) == ("teacher", "viewer")
    file = tmp_path / credentials.TOKENS_FILE
    assert token not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert found.role_of_token(made[0].digest) is None, "the hash is no token"
    credentials.write_tokens(tmp_path, made[1:])
    assert (found.role_of_token(token), found.role_of_token(screen)) == (None, "viewer")
    file.unlink()
    assert found.role_of_token(screen) is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"tokens": [{"name": "a"}]}', '{"tokens": [{"name":"A B","role":"god","digest":"","made":0}]}'],
)
def test_a_spoilt_file_of_tokens_is_said_and_lets_nobody_in(
    tmp_path: Path, clock: Clock, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = opened(tmp_path, clock, "our class 3b")
    (tmp_path / credentials.TOKENS_FILE).write_text(text)
    assert [found.role_of_token("") for _ in range(3)] == [None] * 3
    assert capsys.readouterr().err.count("tokens.json") == 1, "once, not at every request"
    with pytest.raises(CredentialError, match="delete it"):
        opened(tmp_path, clock, "our class 3b")


# -- every route ---------------------------------------------------------------------------------------------------


class Fleet:
    """Nobody gets as far as this one: what a route would ask of it is an error of the test."""

    def __init__(self, found: Rights) -> None:
        self.rights = found


def every_route() -> list[tuple[str, str]]:
    """(method, path) of all that the router has, its parameters filled in."""
    routes = web.Pages(Fleet(Rights(Path())), parts.routes()).routes()  # type: ignore[arg-type]
    assert all(isinstance(one, Route | Mount) for one in routes), "a kind of route that this table does not know"
    named = [one for one in routes if isinstance(one, Route)]
    return sorted((method, re.sub(r"{\w+}", "x", one.path)) for one in named for method in one.methods or ())


MUTATING = [(method, path) for method, path in every_route() if guard.needs_teacher(method, path)]


@pytest.fixture
async def http(tmp_path: Path, clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    found = opened(tmp_path, clock, "our class 3b")
    tokens = [
        Token("tv", "viewer", credentials.digest("looks"), 1),
        Token("t", "teacher", credentials.digest("may"), 1),
    ]
    credentials.write_tokens(tmp_path, tokens)
    transport = httpx.ASGITransport(web.application(Fleet(found), ("wall.school",), parts.routes()))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
        yield client


def test_the_table_is_complete_and_says_what_is_open() -> None:
    """A route that is added and not refused must be named here, with its reason."""
    open_writes = {path for method, path in every_route() if method not in guard.SAFE} - {path for _, path in MUTATING}
    assert open_writes == {"/api/login"}
    assert {path for method, path in MUTATING if method in guard.SAFE} == {"/api/backup"}
    described = {(method, re.sub(r"{\w+}", "x", path)) for method, path in openapi.API}
    assert described <= set(every_route()), "a part of the service is not in the table: add it to parts.routes()"
    assert {("POST", "/api/commands"), ("POST", "/api/rounds"), ("POST", "/api/rounds/x/stop")} <= set(MUTATING)


REFUSED: list[tuple[str, dict[str, str], int]] = [
    ("no login", {}, 401),
    ("a login that is none", {"cookie": "fleet_teacher_8080=x", "origin": HERE}, 401),
    ("an empty login", {"cookie": "fleet_teacher_8080=", "origin": HERE}, 401),
    ("a token that is none", {"authorization": "Bearer x"}, 401),
    ("an empty token", {"authorization": "Bearer "}, 401),
    ("another scheme", {"authorization": "Basic bWF5Om1heQ=="}, 401),
    ("a viewer's token", {"authorization": "Bearer looks"}, 403),
    ("a foreign page", {"origin": "http://evil.example"}, 403),
    ("a foreign page with a teacher's token", {"authorization": "Bearer may", "origin": "http://evil.example"}, 403),
    ("a page of another port", {"authorization": "Bearer may", "origin": "http://127.0.0.1:9999"}, 403),
    ("a sandboxed page", {"authorization": "Bearer may", "origin": "null"}, 403),
    ("a page that hides its origin", {"authorization": "Bearer may", "sec-fetch-site": "cross-site"}, 403),
    ("a foreign name", {"authorization": "Bearer may", "host": "evil.example"}, 403),
    ("a foreign name's own page", {"host": "evil.example:8080", "origin": "http://evil.example:8080"}, 403),
    ("a host that is none", {"authorization": "Bearer may", "host": "127.0.0.1:99999"}, 403),
]


@pytest.mark.parametrize(("method", "path"), MUTATING)
@pytest.mark.parametrize(("who", "headers", "status"), REFUSED, ids=[who for who, _, _ in REFUSED])
async def test_what_changes_something_is_refused(
    http: httpx.AsyncClient, method: str, path: str, who: str, headers: dict[str, str], status: int
) -> None:
    answer = await http.request(method, path, headers=headers, content=b"{}")
    assert answer.status_code == status, f"{who}: {answer.text}"
    assert method == "HEAD" or answer.json()["error"]
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "post"])
async def test_a_method_that_nobody_thought_of_is_refused_too(http: httpx.AsyncClient, method: str) -> None:
    request = http.build_request("GET", "/api/rounds")
    request.method = method
    assert (await http.send(request)).status_code == 401


@pytest.mark.parametrize(
    "path", ["/api/backup%0A", "/api/backup%0a", "/api/login%0A", "/api/backup%00", "/api/rounds%0D"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_path_that_only_looks_like_another_is_no_way_around(
    http: httpx.AsyncClient, method: str, path: str
) -> None:
    """A route of Starlette ends with `$`, which lets one newline pass."""
    assert (await http.request(method, path, content=b"{}")).status_code == 404


async def test_a_teacher_s_token_needs_no_page_and_passes(http: httpx.AsyncClient) -> None:
    for headers in ({}, {"origin": HERE}):
        answer = await http.post("/api/rounds", content=b"{", headers={"authorization": "bearer may", **headers})
        assert (answer.status_code, "not JSON" in answer.text) == (400, True)


async def test_a_browser_s_login_counts_for_our_own_pages_only(http: httpx.AsyncClient) -> None:
    answer = await http.post("/api/login", json={"code": "Our Class 3b"}, headers={"origin": HERE})
    assert (answer.status_code, answer.json()) == (200, {"role": "teacher"})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("fleet_teacher_8080=")
    assert {"HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={rights.SESSION_S}"} <= set(cookie.split("; "))
    assert (await http.get("/api/me")).json() == {"role": "teacher"}
    for headers, status in (({"origin": HERE}, 400), ({}, 403), ({"origin": "http://evil.example"}, 403)):
        assert (await http.post("/api/rounds", content=b"{", headers=headers)).status_code == status
    assert (await http.post("/api/logout", headers={"origin": HERE})).json() == {"role": "viewer"}
    assert (await http.get("/api/me")).json() == {"role": "viewer"}
    assert (await http.post("/api/rounds", content=b"{", headers={"origin": HERE})).status_code == 401


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"code": 1}', b'{"code": null}', b'{"code": "' + b"x" * 9000]
)
async def test_a_login_without_a_code_is_one_sentence(http: httpx.AsyncClient, body: bytes) -> None:
    answer = await http.post("/api/login", content=body)
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)


async def test_guesses_over_http_are_told_when_to_come_again(http: httpx.AsyncClient) -> None:
    answers = [await http.post("/api/login", json={"code": "guess"}) for _ in range(rights.TRIES + 1)]
    assert [one.status_code for one in answers] == [401] * rights.TRIES + [429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert "try again in" in answers[-1].json()["error"]
    answer = await http.post("/api/rounds", content=b"{", headers={"authorization": "Bearer may"})
    assert answer.status_code == 400, "tokens are not counted"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, 200),
        ({"origin": HERE}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, 403),
    ],
)
async def test_a_foreign_page_does_not_even_look(http: httpx.AsyncClient, headers: dict[str, str], status: int) -> None:
    answer = await http.get("/api/me", headers=headers)
    assert answer.status_code == status
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


async def test_a_link_to_the_wall_may_be_anywhere(http: httpx.AsyncClient) -> None:
    there = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert (await http.get("/", headers=there)).status_code == 200


def test_the_description_says_what_needs_the_teacher() -> None:
    document = openapi.document(web.Pages(Fleet(Rights(Path())), parts.routes()).routes(), "1")  # type: ignore[arg-type]
    schemes = set(document["components"]["securitySchemes"])
    for path, item in document["paths"].items():
        for method, operation in item.items():
            needed = guard.needs_teacher(method.upper(), path)
            assert {key for one in operation["security"] for key in one} == (schemes if needed else set()), path
            assert not needed or {"401", "403"} <= set(operation["responses"]), path
    assert "429" in document["paths"]["/api/login"]["post"]["responses"]
