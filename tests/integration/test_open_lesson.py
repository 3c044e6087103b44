"""The open lesson on a real mosquitto: what a client without an account can do meanwhile, and that it ends.

Mosquitto acknowledges what it throws away, so everything is judged at the receiver.
"""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_schema import payloads
from support.class_run import ClassRun, environment, fleet, library, wait_for
from support.logins import DENIED, Login

OF_A_NODE = ["status", "meta", "health", "ack", "journal", "tele/sht4x", "event/button-a", "log/info"]
FORBIDDEN = [
    "3b/1/3b-01/status",  # the node of an account
    "3b/1/3b-01/meta",
    "3b/1/3b-01/tele/sht4x",
    "3b/1/3b-01/event/button-a",
    "3b/1/3b-01/ack",
    "3b/1/3b-01/journal",
    "3b/1/3b-02/status",
    "3b/1/tools/status",
    "3b/1/ada/cmd/buzz",
    "3b/1/3b-01/cmd/buzz",
    "3b/1/_all/cmd/buzz",
    "3b/1/_red/cmd/buzz",
    "3b/1/_all/status",
    "3b/1/_host/status",
    "3b/1/_host/lesson",
    "3b/1/_host/alert/x",
    "3b/1/_host/board/presses",
    "3b/1/_host/last/ada",
    "3b/1/_host/stored/ada",
    "3b/1/ada/tele/sht4x/deeper",
    "3b/2/ada/status",
    "3c/1/ada/status",
    "fleet/1/ada/status",
    "ada",
    "/3b/1/ada/status",
]
DEAF_TO = [
    "#",
    "+/#",
    "3b/#",
    "3b/1/#",
    "3b/1/+/tele/+",
    "3b/1/3b-01/tele/+",
    "3b/1/+/status",
    "3b/1/_host/#",
    "3b/1/_host/+/ada",
    "3c/1/ada/cmd/+",
    "+/1/ada/cmd/+",
    "$SYS/#",
    "$CONTROL/#",
    "$share/x/3b/1/#",
    "$share/x/3b/1/+/cmd/+",
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClassRun]:
    library()
    root = tmp_path_factory.mktemp("classes")
    fleet(root, "class", "new", "3b", "--nodes", "2")
    with ClassRun(root, "3b", "--open", "60") as running:
        yield running


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[ClassRun]:
    library()
    fleet(tmp_path, "class", "new", "3b", "--nodes", "2")
    with ClassRun(tmp_path) as running:
        yield running


def until(run: ClassRun, seconds: float) -> int:
    """Ask for an end that is sooner than a person can: the commands know minutes only."""
    end = int((time.time() + seconds) * 1000)
    temporary = run.folder / "lesson.new"
    temporary.write_text(json.dumps({"until": end}))
    temporary.replace(run.folder / "lesson.json")
    wait_for(lambda: run.running.get("lesson") == end, "that the lesson opens")
    return end


def is_refused(run: ClassRun) -> bool:
    with run.stranger() as client:
        return client.refused is not None


# -- while it is open ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", OF_A_NODE)
def test_without_an_account_a_client_is_a_node(opened: ClassRun, topic: str) -> None:
    word = uuid.uuid4().hex.encode()
    with opened.witness() as witness, opened.stranger("ada") as ada:
        ada.publish(f"3b/1/ada/{topic}", word)
        witness.expect(f"3b/1/ada/{topic}", lambda one: one.payload == word)


@pytest.mark.parametrize("topic", FORBIDDEN)
def test_and_nothing_else(opened: ClassRun, topic: str) -> None:
    word, mark = uuid.uuid4().hex.encode(), uuid.uuid4().hex.encode()
    with opened.witness() as witness, opened.stranger("ada") as ada:
        ada.publish(topic, word)
        ada.publish(topic, word, retain=True)
        ada.publish("3b/1/ada/tele/mark", mark)
        witness.expect("3b/1/ada/tele/mark", lambda one: one.payload == mark)
        assert not [str(one) for one in witness.seen() if one.payload == word], f"{topic} got through"
    with opened.witness() as late:
        late.expect("3b/1/_host/lesson")
        time.sleep(0.2)
        assert not [one for one in late.seen() if one.payload == word], f"{topic} was kept as a retained message"


def test_accounts_cannot_be_changed_without_one(opened: ClassRun) -> None:
    evil = json.dumps({"commands": [{"command": "createClient", "username": "evil", "password": "evil"}]}).encode()
    with opened.stranger("ada") as ada:
        ada.publish("$CONTROL/dynamic-security/v1", evil)
    with Login(opened.mqtt, "evil", "evil") as client:
        assert client.refused


@pytest.mark.parametrize("topic", ["3b/1/_host/status", "3b/1/3b-01/status", "3b/1/ada/cmd/buzz"])
def test_a_will_gets_no_further_than_its_sender(opened: ClassRun, topic: str) -> None:
    mark = uuid.uuid4().hex.encode()
    with opened.witness() as witness:
        with opened.stranger("ada", will=topic) as ada:
            if ada.connected:
                ada.cut()
        with opened.stranger("bob") as bob:
            bob.publish("3b/1/bob/tele/mark", mark)
            witness.expect("3b/1/bob/tele/mark", lambda one: one.payload == mark)
        assert not [str(one) for one in witness.seen() if one.payload == b"will"]


def test_it_hears_commands(opened: ClassRun) -> None:
    word = uuid.uuid4().hex.encode()
    with opened.stranger("ada") as ada, opened.service("tools") as teacher:
        for who in ("ada", "_all", "_red"):
            assert ada.subscribe(f"3b/1/{who}/cmd/+") < DENIED
            teacher.publish(f"3b/1/{who}/cmd/buzz", word)
            ada.wait_for(f"3b/1/{who}/cmd/buzz", word)


@pytest.mark.parametrize("topic_filter", DEAF_TO)
def test_it_hears_nothing_else(opened: ClassRun, topic_filter: str) -> None:
    with opened.stranger("ada") as ada:
        assert ada.subscribe(topic_filter) >= DENIED


@pytest.mark.parametrize(
    ("user", "password"), [("3b-01", None), ("3b-01", "wrong"), ("nobody", "x"), ("nobody", None), ("tools", "")]
)
def test_who_names_an_account_needs_its_password_all_the_same(
    opened: ClassRun, user: str, password: str | None
) -> None:
    with Login(opened.mqtt, user, password, user) as client:
        assert client.refused


def test_accounts_go_on_as_ever(opened: ClassRun) -> None:
    word = uuid.uuid4().hex.encode()
    with opened.witness() as witness, opened.login("3b-01") as node:
        node.publish("3b/1/3b-01/tele/x", word)
        witness.expect("3b/1/3b-01/tele/x", lambda one: one.payload == word)


def test_a_name_that_gets_an_account_meanwhile_is_its_own_from_then_on(opened: ClassRun) -> None:
    fleet(opened.root, "class", "add", "3b", "Grace")
    word, mark = b"forged", uuid.uuid4().hex.encode()

    def reserved() -> bool:
        document = json.loads((opened.folder / "broker" / "dynamic-security.json").read_text())
        role = next(one for one in document["roles"] if one["rolename"] == "open-lesson")
        return any(acl["topic"] == "3b/1/grace/#" for acl in role["acls"])

    wait_for(reserved, "that grace's name is kept for her")
    with opened.witness() as witness, opened.stranger() as stranger:
        stranger.publish("3b/1/grace/tele/x", word)
        stranger.publish("3b/1/ada/tele/mark", mark)
        witness.expect("3b/1/ada/tele/mark", lambda one: one.payload == mark)
        assert not [one for one in witness.seen() if one.payload == word]


@pytest.mark.rule("F-LESSON-1")
def test_everybody_can_see_that_it_is_open(opened: ClassRun) -> None:
    with opened.witness() as witness:
        seen = witness.expect("3b/1/_host/lesson")
    assert seen.retain
    assert payloads.decode("host_lesson", seen.payload)["until"] == opened.running["lesson"]
    clock = time.strftime("%H:%M", time.localtime(opened.running["lesson"] / 1000))
    assert f"until {clock} nobody needs a password" in opened.said


def test_the_doctor_says_that_it_is_open(opened: ClassRun) -> None:
    env = {**environment(opened.root), "XDG_CONFIG_HOME": str(opened.folder / "credentials" / "tools")}
    command = [sys.executable, "-m", "fleet_tools", "doctor", "--json"]
    done = subprocess.run(command, env=env, cwd=opened.root, capture_output=True, text=True, check=False)
    (check,) = [one for one in json.loads(done.stdout)["checks"] if one["name"] == "lesson"]
    clock = time.strftime("%H:%M", time.localtime(opened.running["lesson"] / 1000))
    assert check["state"] == "warn"
    assert check["text"].startswith(f"OPEN until {clock}")
    assert "fleet class lock 3b" in check["fix"]


def test_who_takes_the_client_id_of_an_account_interrupts_it_and_does_not_become_it(opened: ClassRun) -> None:
    """Mosquitto gives a client id to whoever came last, and asks nobody: docs/operations.md says so. No more than
    that can be done: nothing is said in the account's name, and it comes back by itself."""
    word, mark = uuid.uuid4().hex.encode(), uuid.uuid4().hex.encode()
    with opened.witness() as witness, opened.login("3b-02") as node:
        with opened.stranger("3b-02") as thief:
            node.wait_until_thrown_out()
            thief.publish("3b/1/3b-02/tele/x", word)
            thief.publish("3b/1/ada/tele/mark", mark)
            witness.expect("3b/1/ada/tele/mark", lambda one: one.payload == mark)
            assert not [one for one in witness.seen() if one.payload == word]
        wait_for(lambda: node.connected, "that the node is back")
        node.publish("3b/1/3b-02/tele/x", mark)
        witness.expect("3b/1/3b-02/tele/x", lambda one: one.payload == mark)


# -- and when it ends -----------------------------------------------------------------------------------------------


@pytest.mark.rule("F-LESSON-2")
def test_it_ends_by_itself_and_throws_out_who_has_no_account(closed: ClassRun) -> None:
    assert is_refused(closed), "a class begins closed"
    with closed.witness() as witness, closed.login("3b-01") as node:
        until(closed, 6)
        with closed.stranger("ada") as ada:
            assert ada.connected
            ada.publish("3b/1/ada/status", b'{"state":"online","boot":"9f3a","conn":2}', retain=True)
            ada.wait_until_thrown_out(30)
        assert is_refused(closed)
        assert node.connected, "an account is not thrown out"
        word = uuid.uuid4().hex.encode()
        node.publish("3b/1/3b-01/tele/x", word)
        witness.expect("3b/1/3b-01/tele/x", lambda one: one.payload == word)
        witness.expect("3b/1/_host/lesson", lambda one: one.payload == b"", within=30)
        lost = witness.expect("3b/1/ada/status", lambda one: b"lost" in one.payload, within=30)
        assert payloads.decode("status", lost.payload)["conn"] == 2
    with closed.witness() as late:
        assert late.expect("3b/1/ada/status").json()["state"] == "lost", "the wall must not show it as online for ever"
        assert not late.seen("3b/1/_host/lesson")
    assert "the open lesson is over" in closed.said


def test_the_teacher_opens_and_locks_a_class_that_runs(closed: ClassRun) -> None:
    assert "is OPEN until" in fleet(closed.root, "class", "open", "3b", "45")
    with closed.stranger("ada") as ada:
        assert ada.connected
        assert closed.said.count("OPEN LESSON") == 1, "the terminal of the class says so too"
        assert "closed again" in fleet(closed.root, "class", "lock", "3b")
        ada.wait_until_thrown_out(10)
    wait_for(lambda: "the open lesson was ended" in closed.said, "that it says so")
    assert is_refused(closed)
    assert "as it was" in fleet(closed.root, "class", "lock", "3b")


def test_the_laptop_sleeps_over_the_end(closed: ClassRun) -> None:
    """All of it stands still, the clock on the wall does not."""
    until(closed, 6)
    ours = list(closed.processes())
    with closed.stranger("ada", keepalive=120) as ada:
        assert ada.connected
        for pid in ours:
            os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(8)
        finally:
            for pid in reversed(ours):
                os.kill(pid, signal.SIGCONT)
        ada.wait_until_thrown_out(30)
    assert is_refused(closed)


def test_a_broker_that_is_started_again_is_closed_until_the_lesson_opens_it(closed: ClassRun) -> None:
    end = until(closed, 600)
    assert "allow_anonymous false" in (closed.folder / "broker" / "mosquitto.conf").read_text()
    before = closed.broker_pid
    assert before is not None
    time.sleep(4)  # one that ends sooner after its start counts as one that cannot run
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: closed.broker_pid not in (None, before), "that the broker is started again")

    def joins() -> bool:
        try:
            with closed.stranger() as client:
                return client.connected
        except OSError:
            return False

    wait_for(joins, "that the lesson goes on")
    assert closed.running["lesson"] == end


@pytest.mark.parametrize("how", [signal.SIGHUP, signal.SIGKILL])
def test_the_terminal_is_closed_and_nothing_stays_open(tmp_path: Path, how: signal.Signals) -> None:
    library()
    fleet(tmp_path, "class", "new", "3b", "--nodes", "1")
    with ClassRun(tmp_path, "3b", "--open") as run:
        with run.stranger("ada", keepalive=60) as ada:
            assert ada.connected
            run.end(how)
            ada.wait_until_thrown_out(30)

        def answers() -> bool:
            try:
                with run.stranger():
                    return True
            except OSError:
                return False

        wait_for(lambda: not answers(), "that the broker ends as well")
    with ClassRun(tmp_path) as again:
        assert is_refused(again)
        with again.witness() as witness:
            witness.expect("3b/1/_host/status", within=30)
            assert not witness.seen("3b/1/_host/lesson")


def test_a_class_that_does_not_run_cannot_be_opened(tmp_path: Path) -> None:
    fleet(tmp_path, "class", "new", "3b", "--nodes", "1")
    assert "does not run" in fleet(tmp_path, "class", "open", "3b", code=1)
