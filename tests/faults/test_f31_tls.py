"""F31: a certificate that is expired, not yet valid, of another class or of nobody; a clock that is 20 years off; a
port with TLS taken for one without; a man in the middle: refused with a reason that people understand, and no secret
sent.

Each case is a real mosquitto with real certificates, or the man in the middle. Node, tools and dashboard meet it with
the same address. What each of them said becomes tests/artifacts/tls.md.
"""

import asyncio
import contextlib
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fleet_client import Client, ClientError
from support import tiers
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess
from support.pki import DAY, NOW, Pki, Server
from support.proxy import DOWN, UP, Cut, Proxy
from support.rig import wait

SCRIPT = Path(tiers.__file__).with_name("upy_cut_link.py")
HANG_MS = 30_000  # the link itself gives up after 2 s here
SECRET = "s3cret-of-ada"
LIBRARY = next(iter(sorted(Path("/usr/lib").glob("**/faketime/libfaketime.so.1"))), None)
TABLE = tiers.ROOT / "tests" / "artifacts" / "tls.md"
PATIENCE = 60.0
IN_2000 = "@2000-01-01 00:00:10"
IN_20_YEARS = f"@{NOW.year + 20}-01-01 00:00:10"


@dataclass(frozen=True)
class Case:
    """A broker (`server`: its certificate; None: it speaks plain MQTT), how it is spoken to, and what is said then."""

    title: str
    server: Callable[[Pki], Server | None]
    node: str  # part of what each of them says
    host: str
    scheme: str = "mqtts"
    clock: str = ""
    joining: str = ""

    @property
    def environment(self) -> dict[str, str]:
        if not self.clock:
            return {}
        return {"LD_PRELOAD": str(LIBRARY), "FAKETIME": self.clock, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


CASES = [
    Case(
        "certificate expired",
        lambda pki: pki.signed("expired", begin=NOW - 30 * DAY, end=NOW - DAY),
        "the broker's certificate has expired",
        "has expired",
        joining="certificate expired",
    ),
    Case(
        "certificate not yet valid",
        lambda pki: pki.signed("early", begin=NOW + 30 * DAY),
        "the broker's certificate is not valid yet",
        "is not valid yet: this computer's clock says",
        joining="certificate not valid yet",
    ),
    Case(
        "certificate for another name",
        lambda pki: pki.signed("other-name", name="fleet-4b"),
        "its certificate is for another name",
        "its certificate is not for fleet-3b",
        joining="another broker",
    ),
    Case(
        "another class of the same name",
        lambda pki: pki.of_another_class(),
        "another CA signed its certificate",
        "its certificate is not signed by",
        joining="not your broker",
    ),
    Case(
        "certificate signed by itself",
        lambda pki: pki.self_signed(),
        "another CA signed its certificate",
        "its certificate is not signed by",
        joining="not your broker",
    ),
    Case(
        "TLS to the plain port",
        lambda pki: None,
        "it ended the TLS handshake",
        "does not speak TLS",
        joining="no TLS there",
    ),
    Case(
        "clock in 2000, certificate from today on",
        lambda pki: pki.signed("today"),
        "is not valid yet (by this node's clock, which says 2000-01-01)",
        "is not valid yet: this computer's clock says 2000-01-01",
        clock=IN_2000,
        joining="certificate not valid yet",
    ),
    Case(
        "clock 20 years ahead",
        lambda pki: pki.good,
        f"has expired (by this node's clock, which says {NOW.year + 20}-01-01)",
        f"has expired: this computer's clock says {NOW.year + 20}-01-01",
        clock=IN_20_YEARS,
        joining="certificate expired",
    ),
]


@dataclass
class Table:
    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def said(self, case: str, who: str, sentence: str) -> None:
        """Without what differs from run to run."""
        sentence = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8883", re.sub(r"/\S*/(ca\.\w+)", r"\1", sentence))
        self.rows.append((case, who, re.sub(r"; next try in \d+ ms", "", sentence)))


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    made = Table()
    yield made
    lines = ["# What was said of TLS in this run\n\n", "| case | who | what it said |\n|---|---|---|\n"]
    lines += [f"| {case} | {who} | {sentence} |\n" for case, who, sentence in made.rows]
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text("".join(lines))


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


def clock_is_real(case: Case) -> bool:
    return not case.clock or LIBRARY is not None


def a_broker(server: Server | None) -> Broker:
    return Broker(*(server.config if server else ("allow_anonymous true",)))


def ls(url: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(tiers.ROOT / part) for part in ("node", "fleet-tools"))
    return subprocess.run(
        [sys.executable, "-m", "fleet_tools", "ls"],
        env={**os.environ, "PYTHONPATH": path, "FLEET_BROKER": url, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("case", CASES, ids=[case.title.replace(" ", "-") for case in CASES])
def test_what_is_not_our_broker_is_refused_with_a_reason_and_gets_no_secret(case: Case, pki: Pki, table: Table) -> None:
    tiers.require(clock_is_real(case), "libfaketime is not installed (apt install faketime)")
    with ExitStack() as stack:
        broker = stack.enter_context(a_broker(case.server(pki)))
        wire = stack.enter_context(Proxy(broker.port))
        url = pki.url(wire.port, case.scheme)
        node = stack.enter_context(NodeProcess(url, "ada", base="3b", environment=case.environment))
        dashboard = stack.enter_context(DashboardProcess(url, wait=False, environment=case.environment))
        tool = ls(url, case.environment)
        reason = node.expect(case.node, within=PATIENCE).removeprefix("ada: ")
        joining = node.expect("joining: " + case.joining, within=PATIENCE)
        told = dashboard.wait_for_output("waiting for the broker: ", PATIENCE)
        wire.expect(lambda wire: wire.accepted >= 3, "an attempt of each of the three")
        assert tool.returncode == 5, tool
        assert case.host in tool.stderr, tool.stderr
        assert case.host in told, told
        heard, log = bytes(wire.heard), broker.log
    assert heard, "nobody said anything"
    assert SECRET.encode() not in heard
    assert b"MQTT" not in heard, "somebody spoke without TLS"
    assert "New client connected" not in log
    for who, sentence in (("node", reason), ("node, joining", joining), ("fleet ls", tool.stderr), ("dashboard", told)):
        table.said(case.title, who, sentence.strip())


@pytest.mark.parametrize("clock", ["", IN_2000], ids=["a right clock", "a clock in 2000"])
def test_the_right_broker_is_joined_and_no_secret_can_be_read_on_the_wire(clock: str, pki: Pki, table: Table) -> None:
    """A board without a clock can join too: the certificates of the tools begin before any clock that was never set."""
    case = Case("the class's broker" + (", clock in 2000" if clock else ""), lambda pki: pki.good, "", "", clock=clock)
    tiers.require(clock_is_real(case), "libfaketime is not installed (apt install faketime)")
    with ExitStack() as stack:
        broker = stack.enter_context(a_broker(pki.good))
        wire = stack.enter_context(Proxy(broker.port))
        url = pki.url(wire.port)
        node = stack.enter_context(NodeProcess(url, "ada", environment=case.environment))
        dashboard = stack.enter_context(DashboardProcess(pki.url(wire.port, login="host:word-of-host")))
        joined = node.expect("connected to", within=PATIENCE)
        works = node.expect("joining: it works", within=PATIENCE)
        tool = ls(pki.url(wire.port, login="tools:word-of-tools"), case.environment)
        assert tool.returncode == 0, tool
        assert re.search(r"^ada\s", tool.stdout, re.MULTILINE), tool
        with urllib.request.urlopen(dashboard.url + "/api/health", timeout=PATIENCE) as answer:
            assert answer.status == 200
        assert node.quit() >= 0
        heard, log = bytes(wire.heard), broker.log
    assert "u'ada'" in log, "the broker knows her"
    for secret in (SECRET, "word-of-host", "word-of-tools", "tele/sht4x"):
        assert secret.encode() not in heard
    table.said(case.title, "node", joined.removeprefix("ada: "))
    table.said(case.title, "node, joining", works)


def test_plain_mqtt_to_a_port_with_tls_says_what_is_missing(pki: Pki, table: Table) -> None:
    with a_broker(pki.good) as broker:
        url = pki.url(broker.port, "mqtt")
        tool = ls(url, {})
        with NodeProcess(url, "ada") as node, DashboardProcess(url, wait=False) as dashboard:
            joining = node.expect("joining: ", within=PATIENCE)
            told = dashboard.wait_for_output("waiting for the broker: ", PATIENCE)
    assert "TLS" in joining, joining
    for said in (tool.stderr, told):
        assert "if it wants TLS, write mqtts://" in said, said
    for who, sentence in (("node, joining", joining), ("fleet ls", tool.stderr.strip()), ("dashboard", told)):
        table.said("plain MQTT to the TLS port", who, sentence)


def test_a_man_in_the_middle_hears_not_a_byte(pki: Pki, table: Table) -> None:
    """He has a certificate of the right name by a CA of his own, and passes all on to the real broker."""
    with ExitStack() as stack:
        broker = stack.enter_context(a_broker(None))
        man = stack.enter_context(Proxy(broker.port, disguise=pki.of_another_class().context))
        wire = stack.enter_context(Proxy(man.port))
        url = pki.url(wire.port)
        node = stack.enter_context(NodeProcess(url, "ada"))
        dashboard = stack.enter_context(DashboardProcess(url, wait=False))
        tool = ls(url, {})
        said = node.expect("another CA signed its certificate", within=PATIENCE)
        dashboard.wait_for_output("waiting for the broker: ", PATIENCE)
        wait(lambda: wire.accepted >= 6, lambda: f"{wire.accepted} attempts")
        assert tool.returncode == 5
        assert "is not the broker you mean" in tool.stderr
        assert (man.accepted, bytes(man.heard)) == (0, b"")
        assert SECRET.encode() not in wire.heard
        assert wire.heard
        assert "New client connected" not in broker.log

        # Who does not look at the certificate tells him everything: he would have heard it.
        careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        careless.check_hostname = False
        careless.verify_mode = ssl.CERT_NONE
        with Careless(wire.port, careless) as victim:
            victim.say(b"\x10\x29\x00\x04MQTT\x04\xc2\x00\x1e\x00\x03ada\x00\x03ada\x00\x0d" + SECRET.encode())
            wait(lambda: SECRET.encode() in man.heard, lambda: f"he heard {bytes(man.heard)!r}")
    table.said("a man in the middle", "node", said.removeprefix("ada: "))
    table.said("a man in the middle", "fleet ls", tool.stderr.strip())


class Careless:
    """A client that verifies nothing."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self._sock = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10))

    def say(self, data: bytes) -> None:
        self._sock.sendall(data)

    def __enter__(self) -> "Careless":
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()


CUTS = 30  # spread over the handshake and what follows


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize("way", [UP, DOWN])
def test_a_handshake_cut_anywhere_ends_at_once_and_the_next_one_succeeds(way: str, reset: bool, pki: Pki) -> None:
    whole = bytes_of_a_session(pki)
    step = max(1, whole[way] // CUTS)
    cuts = [Cut(after, way, reset) for after in range(0, whole[way], step)]
    with a_broker(pki.good) as broker:
        with Proxy(broker.port, lambda number: cuts[number] if number < len(cuts) else None) as proxy:
            process = start_link(pki, proxy.port, len(cuts) + 1)
            wait(lambda: proxy.accepted > len(cuts), lambda: f"{proxy.accepted} of {len(cuts)} were tried")
            wait(lambda: "as cut" in broker.log.rpartition("New connection")[2], lambda: broker.log[-2000:])
            proxy.cut_all()
            said = finish_link(process)
        ends = [line for line in said if "conn" in line]
        assert len(ends) >= len(cuts)
        slowest = max(line["ms"] for line in ends)
        assert slowest < HANG_MS, ends
        reasons = sorted({line["reason"] for line in ends})
        print(f"node, {len(cuts)} cuts {way}: slowest end {slowest} ms, loop {said[-1]}, reasons {reasons}")

        failures = []
        with Proxy(broker.port, lambda number: cuts[number] if number < len(cuts) else None) as proxy:
            for _ in cuts:
                try:
                    asyncio.run(greet(pki.url(proxy.port)))
                except ClientError as error:
                    failures.append(str(error))
            for _ in range(len(cuts)):  # one that fell back to MQTT 3.1.1 has used up two
                if proxy.accepted > len(cuts):
                    break
                with contextlib.suppress(ClientError):
                    asyncio.run(greet(pki.url(proxy.port)))
            asyncio.run(greet(pki.url(proxy.port)))
        print(f"fleet_client: {sorted(set(re.sub('[0-9]+', 'N', one) for one in failures))}")


def test_a_port_that_says_nothing_is_given_up(pki: Pki, table: Table) -> None:
    with a_broker(pki.good) as broker, Proxy(broker.port) as proxy:
        proxy.silence(DOWN)
        tool = ls(pki.url(proxy.port), {})
        with NodeProcess(pki.url(proxy.port), "ada", keepalive=4) as node:
            said = node.expect("no answer within", within=PATIENCE)
            proxy.heal()
            node.expect("connected to", within=PATIENCE)
    assert tool.returncode == 5
    assert "says nothing to TLS" in tool.stderr, tool.stderr
    table.said("a port that says nothing", "node", said.removeprefix("ada: "))
    table.said("a port that says nothing", "fleet ls", tool.stderr.strip())


def test_what_waits_for_a_slow_network_arrives_once_and_in_order(pki: Pki) -> None:
    """mbedTLS calls everything sent that it is shown when it sends what it could not send before."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        script = Path(tiers.__file__).with_name("upy_slow_reader.py")
        command = [str(tiers.micropython()), str(script), str(door.getsockname()[1]), str(pki.ca)]
        node = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        door.settimeout(PATIENCE)
        peer, _ = door.accept()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pki.good.context.wrap_socket(peer, server_side=True) as reader:
            reader.settimeout(PATIENCE)
            got = b""
            while piece := reader.recv(1000):
                got += piece
                if len(got) % 5 == 0:
                    threading.Event().wait(0.01)
        said, _ = node.communicate(timeout=PATIENCE)
    assert node.returncode == 0, said
    outcome = json.loads(said)
    assert outcome["waits"] > 3, f"the network was never full: {outcome}"
    assert got == b"".join(b"%08d" % number for number in range(0, outcome["sent"], 8))


async def greet(url: str) -> None:
    async with Client(url, client_id="tool"):
        pass


def bytes_of_a_session(pki: Pki) -> dict[str, int]:
    with a_broker(pki.good) as broker, Proxy(broker.port) as proxy:
        process = start_link(pki, proxy.port, 1)
        wait(lambda: "Sending PUBACK to cut" in broker.log, lambda: broker.log)
        passed = dict(proxy.passed)
        proxy.cut_all()
        finish_link(process)
    return passed


def start_link(pki: Pki, port: int, count: int) -> subprocess.Popen[str]:
    command = [str(tiers.micropython()), str(SCRIPT), str(port), str(count), str(pki.ca), "fleet-3b"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
    return subprocess.Popen(command, text=True, **pipes)


def finish_link(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 0, said
    return [json.loads(line) for line in said.splitlines()]


def test_what_came_in_one_piece_of_tls_is_heard_at_once(pki: Pki) -> None:
    """TLS hands out packets that the loop does not see on the socket any more."""
    message = b"\x30\x07\x00\x03a/bhi"

    def serve(door: socket.socket) -> None:
        peer, _ = door.accept()
        with pki.good.context.wrap_socket(peer, server_side=True) as client:
            client.recv(1000)
            client.sendall(b"\x20\x02\x00\x00")
            pid = client.recv(1000)[2:4]
            client.sendall(b"\x90\x03" + pid + b"\x01" + b"\xd0\x00" + message + b"\xd0\x00" + message)
            client.recv(1000)  # and no more comes until it leaves

    async def hear(port: int) -> int:
        heard = asyncio.Event()
        count = 0

        def take(_message: object) -> None:
            nonlocal count
            count += 1
            if count == 2:
                heard.set()

        async with Client(pki.url(port), protocol="3.1.1") as client, client.listen(["a/#"], take):
            async with asyncio.timeout(10):
                await heard.wait()
            return count

    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=serve, args=(door,), daemon=True)
        thread.start()
        assert asyncio.run(hear(door.getsockname()[1])) == 2
        thread.join(PATIENCE)
