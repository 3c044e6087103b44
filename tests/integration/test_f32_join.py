"""F32: whatever is in the way of joining, the student sees which it is, within 10 s, as a sentence with what to do.

A real mosquitto with the accounts of a class, a real dashboard, real Unix-port nodes. What is judged is the screen of
`fleet join`; the node finds it out itself, so a board says the same.
"""

import json
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fleet_tools.accounts import Account, dashboard, document, node
from fleet_tools.ticket import Ticket
from support import peer, student, tiers
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.peer import Peer, Visit
from support.probe import Probe
from support.student import Student

WITHIN = 10.0  # s, of F32
BASE = "3b"
SECRETS = {"ada": "abcd-efgh-jkmn-pqrs", "bea": "bcde-fghj-kmnp-qrst", "odd": "cdef-ghjk-mnpq-rstu"}


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    yield
    student.write()


class Class:
    """A closed broker with the accounts of ada and bea, one of odd that has the rights of bea, and the dashboard's."""

    page = ""  # where its dashboard is

    def __init__(self, folder: Path, *config: str) -> None:
        library = tiers.dynamic_security()
        tiers.require(library, "mosquitto's dynamic-security plugin is not installed")
        accounts = [node(BASE, name, SECRETS[name]) for name in ("ada", "bea")]
        accounts.append(Account("odd", SECRETS["odd"], node(BASE, "bea", "").acls))
        path = folder / "dynamic-security.json"
        path.write_text(json.dumps(document([*accounts, dashboard(BASE, "hosts")])))
        self.broker = Broker("allow_anonymous false", f"plugin {library}", f"plugin_opt_config_file {path}", *config)

    def ticket(self, who: str = "ada", secret: str = "", base: str = BASE) -> str:
        return str(Ticket(who, secret or SECRETS[who], "127.0.0.1", self.broker.port, base))

    def dashboard(self) -> DashboardProcess:
        return DashboardProcess(f"mqtt://dashboard:hosts@127.0.0.1:{self.broker.port}", base=BASE)

    def as_host(self) -> Probe:
        return Probe(f"mqtt://dashboard:hosts@127.0.0.1:{self.broker.port}", f"{BASE}/1/#")


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Class]:
    """A class whose dashboard runs."""
    group = Class(tmp_path_factory.mktemp("lesson"))
    with group.broker, group.dashboard() as page:
        group.page = page.url
        yield group


def checked(folder: Path, trouble: str, ticket: str, title: str, code: int, *how: str) -> str:
    """`fleet join --check` shows `title` in time, and nothing else, and ends with `code`; the whole sentence."""
    with Student(folder, ticket, "--check", *how) as who:
        sentence, seconds = who.saw(title)
        assert who.ended() == code, who.screen
        shown = [line for line in who.screen.splitlines() if line.startswith((">> ", "OK "))]
        assert len(shown) == 1, who.screen
        assert not any(secret in who.screen for secret in SECRETS.values()), "a secret is on the screen"
    assert seconds <= WITHIN, f"after {seconds:.1f} s: {sentence}"
    student.note(trouble, sentence, seconds)
    return sentence


def test_F32_with_the_right_ticket_it_works_though_nothing_was_measured_yet(lesson: Class, tmp_path: Path) -> None:
    checked(tmp_path, "nothing", lesson.ticket(), "It works", 0)


def test_F32_a_wrong_secret_is_called_so(lesson: Class, tmp_path: Path) -> None:
    said = checked(
        tmp_path, "a typing mistake in the secret", lesson.ticket(secret="abcd-efgh-jkmn-pqrt"), "Wrong se", 1
    )
    assert "typing mistake" in said


def test_F32_an_account_that_there_is_not_looks_like_a_wrong_secret(lesson: Class, tmp_path: Path) -> None:
    checked(tmp_path, "an account that was taken away", lesson.ticket("eve", "abcd-efgh-jkmn-pqrs"), "Wrong secret", 1)


def test_F32_a_ticket_without_a_secret_is_told_that_one_is_missing(lesson: Class, tmp_path: Path) -> None:
    ticket = lesson.ticket().replace(":" + SECRETS["ada"], "")
    checked(tmp_path, "no secret in the ticket", ticket, "No secret", 1)


def test_F32_the_account_of_another_id_is_not_for_this_node(lesson: Class, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    broker = {"host": "127.0.0.1", "port": lesson.broker.port, "user": "ada", "password": SECRETS["ada"]}
    config.write_text(json.dumps({"node": "bea", "base": BASE, "broker": broker}))
    said = checked(tmp_path, "the login of ada in the config of bea", "", "Not your id", 1, "--config", str(config))
    assert "ada" in said
    assert "bea" in said


def test_F32_an_account_that_may_not_act_as_this_node_is_told_so(lesson: Class, tmp_path: Path) -> None:
    checked(tmp_path, "an account with the rights of another", lesson.ticket("odd"), "Not allowed", 1)


def test_F32_a_wrong_class_at_a_closed_broker_is_told_from_a_wrong_secret(lesson: Class, tmp_path: Path) -> None:
    assert "3c" in checked(tmp_path, "a wrong class, closed broker", lesson.ticket(base="3c"), "Wrong class", 1)


def test_F32_a_wrong_class_at_an_open_broker_shows_by_a_host_that_never_was_there(tmp_path: Path) -> None:
    with Broker() as broker, DashboardProcess(broker.url, base=BASE):
        ticket = f"mqtt://ada@127.0.0.1:{broker.port}/3c"
        assert "3c" in checked(tmp_path, "a wrong class, open broker", ticket, "No such class", 1)


def test_F32_a_broker_that_is_full_is_called_full(tmp_path: Path) -> None:
    group = Class(tmp_path, "max_connections 2")
    with group.broker, ExitStack() as others:
        deadline = time.monotonic() + 30
        while group.broker.log.count("max_connections exceeded") < 3:  # so all places are taken, and stay so
            others.enter_context(socket.create_connection(("127.0.0.1", group.broker.port)))
            assert time.monotonic() < deadline, group.broker.log
            time.sleep(0.1)
        checked(tmp_path, "max_connections is reached", group.ticket(), "Broker full", 5)


def test_F32_a_port_where_nothing_listens_is_told_from_an_address_that_does_not_answer(tmp_path: Path) -> None:
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        port = dead.getsockname()[1]
        checked(tmp_path, "a dead port", f"mqtt://ada:x@127.0.0.1:{port}/3b", "Nothing listens there", 5)
    with socket.socket() as deaf, ExitStack() as waiting:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)  # once its queue is full, this kernel answers no SYN: as a computer that is off
        for _ in range(4):
            caller = waiting.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(deaf.getsockname())
        ticket = f"mqtt://ada:x@127.0.0.1:{deaf.getsockname()[1]}/3b"
        checked(tmp_path, "a computer that is off", ticket, "No answer", 5)


def test_F32_a_name_that_nobody_knows_is_named(tmp_path: Path) -> None:
    said = checked(tmp_path, "an unknown name", "mqtt://ada:x@laptop.invalid/3b", "No such computer", 5)
    assert "laptop.invalid" in said


def test_F32_a_web_server_is_no_broker(lesson: Class, tmp_path: Path) -> None:
    port = lesson.page.rpartition(":")[2]
    checked(tmp_path, "the port of a web server", f"mqtt://ada:x@127.0.0.1:{port}/3b", "Not MQTT", 5)


def test_F32_a_port_that_says_nothing_is_told_from_a_computer_that_is_off(tmp_path: Path) -> None:
    async def silent(visit: Visit) -> None:
        await visit.until_gone()

    with Peer(silent) as there:
        checked(tmp_path, "a port that says nothing", f"mqtt://ada:x@127.0.0.1:{there.port}/3b", "No word", 5)


def test_F32_a_broker_that_is_not_ready_is_told_as_such(tmp_path: Path) -> None:
    async def busy(visit: Visit) -> None:
        await visit.packet()
        await visit.send(peer.CONNACK[:3] + b"\x03")

    with Peer(busy) as there:
        checked(tmp_path, "a broker that starts", f"mqtt://ada:x@127.0.0.1:{there.port}/3b", "Broker not ready", 5)


def test_F32_without_a_dashboard_the_student_is_told_and_told_again_when_it_comes(tmp_path: Path) -> None:
    group = Class(tmp_path)
    with group.broker:
        said = checked(tmp_path, "the dashboard never ran", group.ticket(), "No such class", 1)
        assert "never ran" in said
        with group.dashboard() as host:
            host.stop()
        checked(tmp_path, "the dashboard is off", group.ticket(), "Dashboard off", 4)
        with Student(tmp_path, group.ticket()) as ada:
            ada.saw("Dashboard off")
            with group.dashboard():
                sentence, seconds = ada.saw("It works", since=time.monotonic())
                student.note("the dashboard was off and came", sentence, seconds)
                assert ada.leaves() == 0, ada.screen


def test_F32_a_dashboard_that_runs_and_does_not_hear_is_told_from_one_that_is_off(tmp_path: Path) -> None:
    group = Class(tmp_path)
    with group.broker, group.as_host() as host:
        host.publish(f"{BASE}/1/_host/status", '{"state":"online","ts":1,"schema":"1.2"}', retain=True)
        checked(tmp_path, "the dashboard does not hear this node", group.ticket(), "Not heard", 4)


def test_F32_every_outcome_has_a_sentence_of_its_own() -> None:
    lines = (tiers.NODE / "fleet_node" / "joining.txt").read_text().splitlines()
    sentences = [line.partition("|")[2] for line in lines]
    assert len(set(sentences)) == len(sentences) >= 17
    assert all(line.isascii() and line.count(". ") >= 1 and line.endswith(".") for line in lines)


def test_a_node_that_joined_measures_until_ctrl_c_and_its_secret_is_for_nobody_else(
    lesson: Class, tmp_path: Path
) -> None:
    with lesson.as_host() as host, Student(tmp_path, lesson.ticket("bea"), "--period", "200") as bea:
        bea.saw("It works")
        host.expect(f"{BASE}/1/bea/tele/sht4x", within=30)
        folder = tmp_path / "sensor-fleet" / "joined" / "3b-bea"
        assert stat.S_IMODE((folder / "config.json").stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        mark = host.mark()
        assert bea.leaves() == 0, bea.screen
        host.expect(f"{BASE}/1/bea/status", lambda one: one.json()["state"] == "offline", since=mark)
    assert SECRETS["bea"] not in bea.screen
    assert SECRETS["bea"] not in (folder / "node.log").read_text()


@pytest.mark.parametrize(
    ("ticket", "part"),
    [
        ("", "empty"),
        ("ada:abcd@192.168.1.10/3b", "begins with mqtt://"),
        ("mqtt://192.168.1.10/3b", "no @"),
        ("mqtt://Ada:abcd@192.168.1.10/3b", "the id"),
        ("mqtt://ada:ab cd@192.168.1.10/3b", "no spaces"),
        ("mqtt://ada:abcd@192.168.1.300/3b", "from 0 to 255"),
        ("mqtt://ada:abcd@192.168.1.10", "the class is missing"),
        ("mqtts://ada:abcd@192.168.1.10/3b", "ends in # and 32"),
    ],
)
def test_a_broken_ticket_is_said_before_anything_is_started(tmp_path: Path, ticket: str, part: str) -> None:
    with Student(tmp_path, ticket) as who:
        assert who.ended() == 2, who.screen
    assert part in who.screen
    assert len(who.screen.splitlines()) == 1
    assert not list(tmp_path.rglob("config.json"))
