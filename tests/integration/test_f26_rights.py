"""F26: on a running dashboard nothing is changed by who is not the teacher; `fleet teacher` and `fleet token` say who.

The table of routes is the one that the router itself describes, so that a new route is in it from its first day.
"""

import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.broker import Broker, free_port
from support.dashboard import DashboardProcess
from support.probe import Probe
from support.rights import CODE, TEACHER, TOKEN
from support.security import tried


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


@pytest.fixture(scope="module")
def dashboard(broker: Broker) -> Iterator[DashboardProcess]:
    with DashboardProcess(broker.url) as running:
        yield running


def ask(
    dashboard: DashboardProcess, method: str, path: str, headers: dict[str, str], body: Any = None
) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body) of a request that is sent as it stands."""
    host, port = dashboard.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def fleet(dashboard: DashboardProcess, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The fleet command on the dashboard's own computer."""
    env = {**dashboard._environment, "FLEET_DASHBOARD": dashboard.url, **environment}
    command = [sys.executable, "-m", "fleet_tools", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_every_route_that_changes_something_is_refused_to_all_but_the_teacher(
    dashboard: DashboardProcess, broker: Broker
) -> None:
    viewer = fleet(dashboard, "token", "new", "screen", "--role", "viewer").stdout.strip()
    described = dashboard.get("/api/openapi.json")["paths"]
    table = [
        (method.upper(), re.sub(r"{\w+}", "x", path))
        for path, item in described.items()
        for method, operation in item.items()
        if operation["security"]
    ]
    assert {("POST", "/api/commands"), ("POST", "/api/rounds"), ("GET", "/api/backup")} <= set(table)
    writes = {(method, path) for path, item in described.items() for method in item if method != "get"}
    assert {path for method, path in writes if not described[path][method]["security"]} == {"/api/login"}
    cookie = f"fleet_teacher_{dashboard.url.rpartition(':')[2]}"
    strangers: list[tuple[str, dict[str, str], int]] = [
        ("nobody", {}, 401),
        ("a made-up login", {"cookie": f"{cookie}=x", "origin": dashboard.url}, 401),
        ("a made-up token", {"authorization": "Bearer fleet_x"}, 401),
        ("a viewer's token", {"authorization": f"Bearer {viewer}"}, 403),
        ("a foreign page", {"origin": "http://evil.example"}, 403),
        ("a foreign page with a teacher's token", {**TEACHER, "origin": "http://evil.example"}, 403),
        ("a foreign name with a teacher's token", {**TEACHER, "host": "evil.example"}, 403),
        ("a forwarded address", {"x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1"}, 401),
        ("another method in a header", {"x-http-method-override": "GET"}, 401),
    ]
    body = {"target": "_all", "name": "buzz", "args": {}, "challenge": "sprint"}
    with Probe(broker.url, "fleet/1/+/cmd/+") as probe:
        for method, path in table:
            for who, headers, expected in strangers:
                status, _, said = ask(dashboard, method, path, headers, body)
                tried("F26", f"{method} {path}", who, status not in (401, 403), f"refused with {status}")
                assert status == expected, f"{method} {path} of {who}: {said!r}"
        probe.settle(30)
        assert not probe.seen("fleet/1/+/cmd/+")
    assert dashboard.get("/api/rounds") == {"rounds": []}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "X"])
def test_a_method_that_nobody_thought_of_is_refused(dashboard: DashboardProcess, method: str) -> None:
    for path in ("/", "/api/snapshot", "/api/commands", "/static/app.js"):
        status, headers, _ = ask(dashboard, method, path, {})
        tried("F26", f"{method} {path}", "nobody", status < 400, f"refused with {status}")
        assert status in (400, 401)
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "path", ["/api/backup%0A", "/api/backup%0a%0a", "/api/backup%00", "/api//backup", "/api/backup;x"]
)
def test_the_backup_has_no_second_name(dashboard: DashboardProcess, path: str) -> None:
    status, _, said = ask(dashboard, "GET", path, {})
    tried("F26", f"GET {path}", "nobody", said.startswith(b"SQLite"), f"refused with {status}")
    assert status == 404


def test_a_token_works_from_when_it_is_made_until_it_is_removed(dashboard: DashboardProcess) -> None:
    made = fleet(dashboard, "token", "new", "grader")
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    assert "shown once" in made.stderr
    bearer = {"authorization": f"Bearer {token}"}
    assert dashboard.post("/api/commands", {"target": "x" * 30, "name": "buzz"}, bearer)[0] == 400, "it is let in"
    listed = fleet(dashboard, "token", "list").stdout
    assert re.search(r"^grader +teacher +made \d", listed, re.M)
    assert token not in listed
    again = fleet(dashboard, "token", "new", "grader")
    assert (again.returncode, "there is a token grader already" in again.stderr) == (2, True)
    wrong = fleet(dashboard, "token", "remove", "grade")
    assert (wrong.returncode, 'did you mean "grader"?' in wrong.stderr) == (2, True)
    assert fleet(dashboard, "token", "remove", "grader").returncode == 0
    status, answer = dashboard.post("/api/commands", {"target": "x", "name": "buzz"}, bearer)
    assert (status, "fleet token new" in answer["error"]) == (401, True)


def test_guessing_ends_in_waiting_and_a_forged_address_does_not_help(dashboard: DashboardProcess) -> None:
    said = [
        ask(dashboard, "POST", "/api/login", {"x-forwarded-for": f"10.0.0.{number}"}, {"code": f"guess-{number}"})
        for number in range(12)
    ]
    statuses = [status for status, _, _ in said]
    tried("F26", "guessing the code", "one address that forges others", 429 not in statuses, "slowed to one in 6 s")
    assert statuses[:10] == [401] * 10
    assert statuses[-1] == 429, statuses
    assert int(said[-1][1]["retry-after"]) >= 1


def test_a_code_is_made_printed_changed_and_no_log_has_it(broker: Broker, tmp_path: Path) -> None:
    settings = {"FLEET_TEACHER_CODE": "", "FLEET_HTTP_PORT": str(free_port())}
    with DashboardProcess(broker.url, data_dir=tmp_path, environment=settings) as dashboard:
        said = dict(line.split() for line in fleet(dashboard, "teacher").stdout.splitlines())
        assert said["link"] == f"{dashboard.url}/#teacher={said['code']}"
        origin = {"origin": dashboard.url}
        status, headers, _ = ask(dashboard, "POST", "/api/login", origin, {"code": said["code"]})
        assert status == 200
        login = {"cookie": headers["set-cookie"].partition(";")[0], **origin}
        bad = {"target": "x" * 30, "name": "buzz"}
        assert ask(dashboard, "POST", "/api/commands", login, bad)[0] == 400, "it is let in"
        dashboard.stop()
        dashboard.start()
        assert ask(dashboard, "POST", "/api/commands", login, bad)[0] == 400, "also after a restart"
        copy = tmp_path / "copy.db"
        assert fleet(dashboard, "backup", str(copy)).returncode == 0, "who may read the code may have the database"
        assert copy.read_bytes().startswith(b"SQLite format 3")
        renewed = fleet(dashboard, "teacher", "--new")
        assert "every login has ended" in renewed.stderr
        assert said["code"] not in renewed.stdout
        assert ask(dashboard, "POST", "/api/commands", login, bad)[0] == 401
        assert said["code"] not in dashboard.output
        strangers = fleet(dashboard, "backup", str(tmp_path / "no.db"), FLEET_DATA=str(tmp_path / "elsewhere"))
        assert (strangers.returncode, "only the teacher may do this" in strangers.stderr) == (1, True)
        assert not (tmp_path / "no.db").exists()


def test_a_code_that_is_set_is_the_code_and_a_short_one_does_not_start(broker: Broker, tmp_path: Path) -> None:
    with DashboardProcess(
        broker.url, data_dir=tmp_path, wait=False, environment={"FLEET_TEACHER_CODE": "1234"}
    ) as short:
        assert "FLEET_TEACHER_CODE" in short.wait_for_output("fleet-dashboard: ")
    with DashboardProcess(broker.url, data_dir=tmp_path) as dashboard:
        assert f"code {CODE}\n" in fleet(dashboard, "teacher").stdout
        refused = fleet(dashboard, "teacher", "--new")
        assert (refused.returncode, "FLEET_TEACHER_CODE" in refused.stderr) == (1, True)
        assert not (tmp_path / "teacher-code").exists()
        assert TOKEN not in (tmp_path / "tokens.json").read_text()
