"""The page that a node serves itself, asked by its viewers and by whoever else is in the network. One node for all
tests, and it never stops publishing; its send buffers are as small as a board's."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from support import own_page, tiers
from support.broker import Broker, free_port
from support.node import BUSY_LAG_MS, NodeProcess
from support.own_page import Viewer, ask, command, raw, request
from support.probe import Probe

SENSORS = ["sht4x", "bmp280", "mpu6886"]
CONNECTIONS, VIEWERS = 6, 4  # of web/__init__.py


class Room:
    def __init__(self, port: int, node: NodeProcess, broker: Broker, probe: Probe) -> None:
        self.port, self.node, self.broker, self.probe = port, node, broker, probe
        self.half: list[socket.socket] = []


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    port = free_port()
    settings = {"web": port, "web_commands": True, "period": 100, "sensors": SENSORS, "name": "Ada", "health": 1000}
    with ExitStack() as stack:
        broker = stack.enter_context(Broker())
        probe = stack.enter_context(Probe(broker.url, "fleet/1/#"))
        node = stack.enter_context(NodeProcess(broker.url, script=own_page.SCRIPT, **settings))
        node.expect("web: http://127.0.0.1:")
        probe.expect("fleet/1/ada/tele/sht4x")
        slow = stack.enter_context(
            socket.socket()
        )  # one that looks and never reads; the last test asks what became of it
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        slow.connect(("127.0.0.1", port))
        slow.sendall(request(port, "GET", "/live"))
        yield Room(port, node, broker, probe)
        assert "Traceback" not in node.output


def test_the_page_and_its_parts_come_whole_and_may_load_nothing_from_elsewhere(room: Room) -> None:
    for path, name, kind in (
        ("/", "page.html", "text/html"),
        ("/page.js", "page.js", "text/javascript"),
        ("/page.css", "page.css", "text/css"),
    ):
        status, head, body = ask(room.port, "GET", path)
        assert status == 200
        assert body == (tiers.NODE / "fleet_node" / "web" / name).read_text()
        assert f"Content-Type: {kind}" in head
        for word in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "nosniff"):
            assert word in head, word
    assert ask(room.port, "GET", "/?x=1")[0] == 200
    for path in ("/nothing", "/../main.py", "/page.js/", "/live/x", "/%2e%2e/main.py", "/web/page.js", "//page.js"):
        assert ask(room.port, "GET", path)[0] == 404, path


def test_a_viewer_is_told_who_this_is_the_last_minute_and_what_is_new(room: Room) -> None:
    born = room.probe.expect("fleet/1/ada/meta").json()
    with Viewer(room.port) as viewer:
        meta = json.loads(viewer.expect("meta"))
        assert (meta["name"], meta["sensors"], meta["commands"]) == ("Ada", born["sensors"], born["commands"])
        state = viewer.state(lambda state: state["link"] == "up")
        assert (state["node"], state["may"]) == ("ada", True)
        past = [json.loads(viewer.expect("past")) for _ in range(sum(map(len, born["sensors"].values())))]
        fields = {(one["s"], one["f"]) for one in past}
        assert fields == {(sensor, field) for sensor, known in born["sensors"].items() for field in known}
        for one in past:
            assert len(one["t"]) == len(one["v"])
            assert one["t"] == sorted(one["t"])
        sensor, payload = viewer.expect("tele", lambda data: data.startswith("sht4x ")).split(" ", 1)
        same = room.probe.expect(
            f"fleet/1/ada/tele/{sensor}", lambda seen: seen.json()["seq"] == json.loads(payload)["seq"]
        )
        assert same.payload.decode() == payload, "the broker and the page are told the same"
        room.node.world("tap button-a")
        assert '"press"' in viewer.expect("event", lambda data: data.startswith("button-a "))


def test_a_command_over_the_page_gets_the_checks_and_the_words_of_an_ack(room: Room) -> None:
    mark = room.probe.mark()
    assert command(room.port, "period", {"ms": 150, "id": "p1"}) == {
        "cmd": "period",
        "id": "p1",
        "st": "done",
        "re": 150,
    }
    assert room.probe.expect("fleet/1/ada/meta", since=mark).json()["period"] == 150, "the fleet is told"
    assert command(room.port, "period", {"ms": 150, "id": "p1"})["st"] == "dup"
    bad = command(room.port, "period", {"ms": 3})
    assert (bad["st"], "from 100 to 3600000" in bad["err"]) == ("bad", True)
    assert command(room.port, "buzz", {"ms": 20, "hz": 1234})["st"] == "ok"
    room.node.expect("heard 1234 Hz")
    assert command(room.port, "mute", {"s": 60}) == {"cmd": "mute", "st": "done", "re": 60}
    assert command(room.port, "buzz")["st"] == "muted"
    assert command(room.port, "mute", {"s": 0})["st"] == "done"
    assert command(room.port, "format")["st"] == "unknown"
    assert ask(room.port, "POST", "/cmd/period", "{not json")[2].count('"bad"') == 1
    assert not room.probe.seen("fleet/1/ada/ack"), "who asks over the page is answered there"
    command(room.port, "period", {"ms": 100})


FOREIGN = (
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:8080"},
    {"origin": "https://127.0.0.1:{port}"},
    {"host": "evil.example:{port}", "origin": "http://evil.example:{port}"},  # a name that leads to our address
    {"host": "ada.evil.example", "origin": "http://ada.evil.example"},
    {"host": "", "origin": ""},
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "same-site"},
    {"content_type": "text/plain"},
    {"content_type": "application/x-www-form-urlencoded", "origin": ""},
    {"content_type": ""},
)


def test_a_page_of_somebody_else_commands_nothing_and_reads_nothing(room: Room) -> None:
    mark = room.probe.mark()
    for headers in FOREIGN:
        mine = {name: value.format(port=room.port) for name, value in headers.items()}
        status, head, body = ask(room.port, "POST", "/cmd/period", '{"ms":5000}', **mine)
        assert status in (403, 415), (headers, body)
        assert "access-control" not in head.lower()
        if "content_type" not in headers:
            assert ask(room.port, "GET", "/live", **mine)[0] == 403, headers
    assert ask(room.port, "OPTIONS", "/cmd/period", origin="http://evil.example")[0] == 403
    assert ask(room.port, "OPTIONS", "/cmd/period")[0] == 405
    for host in (f"localhost:{room.port}", f"ada:{room.port}", "ADA.local", "192.168.4.2", "[::1]:80"):
        assert ask(room.port, "GET", "/", host=host, origin="")[0] == 200, host
    room.probe.settle()
    assert not [seen for seen in room.probe.seen("fleet/1/ada/meta") if seen.json()["period"] == 5000]
    assert len(room.probe.seen()) > mark


def test_garbage_is_refused_in_words_and_the_node_goes_on(room: Room) -> None:
    post = request(room.port, "POST", "/cmd/echo", '{"text":"x"}')
    host = f"Host: 127.0.0.1:{room.port}\r\n".encode()
    answers = {
        b"\r\n\r\n": 400,
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\n\n": 400,  # TLS
        b"\x10\x10\0\x04MQTT\x04\x02\0\x0f\0\x04eve1\r\n": 400,
        bytes(range(256)) * 2 + b"\n\n": 400,
        b"GET /\r\n\r\n": 400,
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n": 400,
        b"GET / HTTP/1.1\r\n" + host * 2 + b"\r\n": 400,
        b"GET / HTTP/1.1\r\n" + host + b"X: " + b"y" * 5000 + b"\r\n\r\n": 431,
        b"GET / HTTP/1.1\r\n" + host + b"X: y\r\n" * 2000 + b"\r\n": 431,
        b"GET /" + b"a" * 4000 + b" HTTP/1.1\r\n" + host + b"\r\n": 431,
        b"DELETE / HTTP/1.1\r\n" + host + b"\r\n": 405,
        post.replace(b"content-length: 12", b"content-length: 9999"): 413,
        post.replace(b"content-length: 12", b"content-length: " + b"9" * 400): 413,
        post.replace(b"content-length: 12", b"content-length: -1"): 411,
        post.replace(b"content-length: 12", b"transfer-encoding: chunked\r\ncontent-length: 12"): 411,
        post.replace(b"/cmd/echo", b"/"): 404,
        post.replace(b"/cmd/echo", b"/cmd/" + b"\xff\0x" * 99): 200,  # no such command, says the ack
        b"": None,
        b"G": None,
    }
    for sent, status in answers.items():
        if status is None:
            with own_page.connect(room.port) as link:  # gone again at once
                link.sendall(sent)
            continue
        came = raw(room.port, sent)
        # Who sends much too much may be cut off before the answer is read.
        assert (came[:12] == b"HTTP/1.1 %d" % status) or (status == 431 and not came), (sent[:60], came[:120])
    assert '"done"' in ask(room.port, "POST", "/cmd/echo", '{"text":"x"}')[2]


def test_half_requests_lock_nobody_out(room: Room) -> None:
    room.half = [own_page.connect(room.port) for _ in range(2 * CONNECTIONS)]
    for link in room.half:
        link.sendall(b"GET / HTTP/1.1\r\nHos")
    assert ask(room.port, "GET", "/")[0] == 200, "somebody with a whole request is served meanwhile"


def test_there_are_so_many_viewers_and_the_next_gets_the_first_place_that_is_free(room: Room) -> None:
    viewers = []
    while len(viewers) <= VIEWERS:
        viewers.append(Viewer(room.port))
        if viewers[-1].status == 503:
            break
    assert [one.status for one in viewers].count(503) == 1
    assert len(viewers) - 1 in (VIEWERS - 1, VIEWERS), "the slow one may look too"
    assert ask(room.port, "GET", "/page.js")[0] == 200, "a page can still be loaded"
    assert viewers[0].state(lambda state: state["viewers"] == VIEWERS)["refused"] >= 1
    for one in viewers[1:]:
        one.close()
    viewers[0].state(lambda state: state["viewers"] <= 2)
    with Viewer(room.port) as late:
        assert late.status == 200
        late.expect("tele")
    viewers[0].close()


def test_a_viewer_that_does_not_read_is_cut_and_meanwhile_no_reading_was_missed(room: Room) -> None:
    with Viewer(room.port) as viewer:
        state = viewer.state(lambda state: state["cut"] >= 1 and state["viewers"] == 1)
    for link in room.half:  # those of the test above: cut without a word, the last of them by the clock
        try:
            assert link.recv(100) == b""
        except ConnectionResetError:
            pass
        link.close()
    print(f"cut {state['cut']}, refused {state['refused']}")
    room.probe.publish("fleet/1/ada/cmd/echo", '{"id":"last","text":"x"}')
    end = room.probe.expect("fleet/1/ada/ack", lambda seen: seen.json().get("id") == "last").json()["seq"]
    sent = ("fleet/1/ada/tele/+", "fleet/1/ada/event/+")
    room.probe.expect("fleet/1/ada/tele/+", lambda seen: seen.json()["seq"] >= end)
    seqs = {seen.json()["seq"] for name in sent for seen in room.probe.seen(name)}
    assert seqs >= set(range(end)), sorted(set(range(end)) - seqs)
    worst = max(seen.json()["lag"] for seen in room.probe.seen("fleet/1/ada/health"))
    errors = [seen.json()["errors"] for seen in room.probe.seen("fleet/1/ada/health")][-1]
    print(f"{end} readings, worst loop lag {worst} ms")
    assert worst <= BUSY_LAG_MS
    assert errors == 0


class NodeWithoutPage(NodeProcess):
    """As a board from which the files of the page were removed."""

    def _folder(self) -> Path:
        folder = self.directory / "node"
        shutil.copytree(tiers.NODE, folder, ignore=shutil.ignore_patterns("web", "__pycache__"))
        return folder


def test_a_node_that_shows_no_page_does_not_even_load_it(room: Room) -> None:
    with NodeWithoutPage("mqtt://127.0.0.1:1", "bo") as node:
        node.expect("joining: ")
        node.quit()
        assert "Traceback" not in node.output
        assert "web:" not in node.output


def test_without_web_commands_the_page_only_shows_and_a_port_that_is_taken_is_said_in_words(room: Room) -> None:
    port = free_port()
    with NodeProcess("mqtt://127.0.0.1:1", "bo", web=port, heap="256K", sensors=SENSORS) as node:
        node.expect("web: http://127.0.0.1:")
        with Viewer(port) as viewer:  # without any broker
            state = viewer.state(lambda state: "nothing listens there" in state["why"])
            assert (state["may"], state["link"]) == (False, "down")
            viewer.expect("tele")
        for name in ("buzz", "period", "reset"):
            status, _, body = ask(port, "POST", f"/cmd/{name}", "{}")
            assert status == 403
            assert json.loads(body)["err"].startswith('this page only shows: "web_commands": true')
        with NodeProcess("mqtt://127.0.0.1:1", "cy", web=port) as other:
            other.expect(f"web: port {port} cannot be had")
            other.expect("next try")
        assert "Traceback" not in node.output + other.output


@contextmanager
def sim_up(tmp_path: Path, *words: str, says: tuple[str, ...]) -> Iterator[Path]:
    """`fleet sim up`, once it has said all of these; the file of what it says."""
    said = tmp_path / "log"
    command = [sys.executable, "-m", "fleet_tools", "sim", "up", *words, "--period", "100"]
    with said.open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path)
    try:
        deadline = time.monotonic() + own_page.WAIT_S
        while not all(one in said.read_text() for one in says):
            assert time.monotonic() < deadline, said.read_text()
            time.sleep(0.05)
        yield said
    finally:
        process.send_signal(signal.SIGINT)  # also after a failure: killed, it would leave its nodes behind
        ended = process.wait(30)
    assert ended == 0, said.read_text()


def test_a_stand_alone_node_has_no_broker_and_keeps_nothing_for_one(tmp_path: Path) -> None:
    port = free_port()
    words = ("1", "--prefix", "alone-", "--alone", "--web", str(port))
    with sim_up(tmp_path, *words, says=(f"web: http://127.0.0.1:{port}",)) as said:
        with Viewer(port) as viewer:
            state = viewer.state(lambda state: state["up"] >= 2)
            assert (state["node"], state["link"], state["may"]) == ("alone-1", "none", True)
            assert state["waiting"] <= 1
        assert command(port, "buzz", {"ms": 20})["st"] == "ok"
    assert "1 nodes without any broker" in said.read_text()
    for word in ("cannot reach", "joining", "Traceback"):
        assert word not in said.read_text()


def test_simulated_nodes_are_at_the_broker_and_serve_a_page_each(room: Room, tmp_path: Path) -> None:
    port = free_port()
    words = ("2", "--prefix", "both-", "--web", str(port), "--broker", room.broker.url)
    with sim_up(tmp_path, *words, says=(f"127.0.0.1:{port}", f"127.0.0.1:{port + 1}")):
        for number in (1, 2):
            with Viewer(port + number - 1) as viewer:
                assert viewer.state(lambda state: state["link"] == "up")["node"] == f"both-{number}"
            room.probe.expect(f"fleet/1/both-{number}/tele/+")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"web": 70000}, '"web" is 70000: use a whole number from 0 to 65535'),
        ({"web": 8000, "web_commands": "yes"}, '"web_commands" is "yes": use true or false'),
    ],
)
def test_a_wrong_setting_is_told_in_a_sentence(settings: dict[str, object], sentence: str) -> None:
    with NodeProcess("mqtt://127.0.0.1:1", **settings) as node:  # type: ignore[arg-type]
        node.expect(sentence)
        assert node.wait() == 2
