"""F28: no path of a request leaves its folder. Requests are bytes, so that nothing on the way makes them harmless."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.broker import Broker
from support.dashboard import DashboardProcess
from support.rights import TOKEN
from support.security import tried

SECRET = b"this file is nobody's but ours"
UPS = (
    "../", "..%2f", "..%2F", "%2e%2e/", "%2e%2e%2f", ".%2e/", "..\\", "..%5c", "%2e%2e%5c", "....//", "..;/", "..%00/",
    "%252e%252e%252f", "..%252f", "%c0%ae%c0%ae/", "..%c0%af", "..%ef%bc%8f", "/../", "./../", "//../",
)  # fmt: skip
TARGETS = ("secret.txt", "fleet.db", "teacher-code", "tokens.json", "etc/passwd", "service.py")
PLACES = (
    "/static/{}", "/static/vendor/{}", "/node/{}", "/api/nodes/{}", "/api/nodes/{}/series?sensor=x", "/api/commands/{}",
    "/api/rounds/{}", "/api/rounds/{}.csv", "/{}",
    "/mip/package/py/{}/latest.json", "/mip/file/aa/{}",
)  # fmt: skip
ABSOLUTE = ("/etc/passwd", "//etc/passwd", "file:///etc/passwd", "%2fetc%2fpasswd", "C:%5cboot.ini", "~root/.profile")
SIGNS = (SECRET, b"SQLite format 3", b"root:x:0", b"class Service", b'"digest"')


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardProcess]:
    folder = tmp_path_factory.mktemp("world")
    data = folder / "data"
    data.mkdir()
    for path in (folder, data, data / "rounds"):
        path.mkdir(exist_ok=True)
        (path / "secret.txt").write_bytes(SECRET)
    (folder / "secret.json").write_bytes(b'{"id": "secret", "rows": []}')  # what a round's file looks like, outside
    with Broker() as broker, DashboardProcess(broker.url, data_dir=data, environment={"FLEET_TEACHER_CODE": ""}) as one:
        yield one


def ask(dashboard: DashboardProcess, method: str, target: str) -> bytes:
    """All that is answered to this request line."""
    host, port = dashboard.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 30) as sock:
        head = f"{method} {target} HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {TOKEN}\r\n"
        end = "connection: close\r\ncontent-length: 2\r\n\r\n{}" if method == "POST" else "connection: close\r\n\r\n"
        sock.sendall((head + end).encode("latin-1"))
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
    return answer


def judge(dashboard: DashboardProcess, method: str, target: str, vector: str, place: str) -> None:
    answer = ask(dashboard, method, target)
    escaped = any(sign in answer for sign in SIGNS)
    status = answer.split(b" ", 2)[1].decode()
    # The pages of nodes are one document for every name; the name is only text to it (F24).
    tried(
        "F28", vector, place, escaped, "the page, which knows no such node" if status == "200" else f"refused: {status}"
    )
    assert not escaped, f"{method} {target}: {answer[:300]!r}"
    assert answer.startswith(b"HTTP/1.1 "), f"{target}: {answer[:100]!r}"
    assert int(status) < 500, f"{target}: {answer[:300]!r}"
    assert status != "200" or b"<title>Sensor Fleet</title>" in answer, f"{target} was found: {answer[:300]!r}"


@pytest.mark.parametrize("place", PLACES)
def test_going_up_ends_nowhere(dashboard: DashboardProcess, place: str) -> None:
    for up in UPS:
        for depth in (1, 2, 8):
            for target in TARGETS:
                if target in TARGETS[:2] or depth == 8:
                    judge(dashboard, "GET", place.format(up * depth + target), up, place)


@pytest.mark.parametrize("place", PLACES)
def test_an_absolute_path_is_a_name_that_is_not_there(dashboard: DashboardProcess, place: str) -> None:
    for target in ABSOLUTE:
        judge(dashboard, "GET", place.format(target), target, place)


@pytest.mark.parametrize("place", ["/api/rounds/{}/stop", "/api/nodes/{}/forget"])
def test_what_is_changed_is_changed_by_its_name_and_by_no_path(dashboard: DashboardProcess, place: str) -> None:
    for up in UPS:
        for target in ("secret", "secret.txt"):
            judge(dashboard, "POST", place.format(up + target), up, f"POST {place}")


def test_what_must_be_there_is_there(dashboard: DashboardProcess) -> None:
    """Else the tests above would be content with a server that has nothing."""
    assert b"200 OK" in ask(dashboard, "GET", "/static/app.js")
    assert b"200 OK" in ask(dashboard, "GET", "/static/vendor/uplot.js")
    assert b"SQLite format 3" in ask(dashboard, "GET", "/api/backup")


def test_a_link_out_of_the_folder_of_pages_is_not_followed(tmp_path: Path) -> None:
    from starlette.routing import Mount

    from fleet_dashboard import web

    (mounted,) = (one for one in web.Pages(_Nobody()).routes() if isinstance(one, Mount))  # type: ignore[arg-type]
    assert not mounted.app.follow_symlink


class _Nobody:
    rights = None
