"""`fleet class` beside a real broker that runs: who is in, who is out, who noticed nothing; seen by who receives."""

import contextlib
import json
import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_tools import cli, live_accounts
from support.broker import Broker
from support.logins import DENIED, Login
from support.node import NodeProcess
from support.probe import Probe
from support.schoolroom import Schoolroom

GONE = 2**22 + 1  # more than the largest process id there can be
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLEET_CLASSES", str(tmp_path))
    return tmp_path


@pytest.fixture
def room(classes: Path) -> Iterator[Schoolroom]:
    """Class 3b with three nodes; its broker runs."""
    room = Schoolroom(classes)
    room.done("new", "3b", "--nodes", "3")
    with room:
        yield room


def heard(node: Login, name: str, room: Schoolroom, witness: Probe) -> None:
    """What the node says now arrives at the teacher."""
    word = uuid.uuid4().hex.encode()
    node.publish(room.topic(name, "tele/sht4x"), word)
    witness.expect(room.topic(name, "tele/sht4x"), lambda one: one.payload == word)


def cannot_log_in(room: Schoolroom, node: str, secret: str | None = None) -> None:
    with room.login(node, secret) as login:
        assert login.refused, f"{node} came in"


def can_log_in(room: Schoolroom, node: str, witness: Probe, secret: str | None = None) -> None:
    with room.login(node, secret) as login:
        assert login.refused is None, f"{node} is refused: {login.refused}"
        heard(login, node, room, witness)


def connects(room: Schoolroom, node: str) -> int:
    assert room.broker is not None
    return sum(f" as {node} " in line for line in room.broker.log.splitlines() if "New client connected" in line)


def test_a_revoked_node_is_out_at_once_and_stays_out_and_the_others_notice_nothing(room: Schoolroom) -> None:
    with room.witness() as witness, room.login("3b-01") as first, room.login("3b-02") as second:
        heard(first, "3b-01", room, witness)
        heard(second, "3b-02", room, witness)
        room.done("revoke", "3b", "3b-01")
        assert room.broker is not None
        ended = [line for line in room.broker.log.splitlines() if "administrative action" in line]
        assert [line for line in ended if " 3b-01 " in line], "the command ended before the session did"
        first.wait_until_thrown_out()
        cannot_log_in(room, "3b-01")
        heard(second, "3b-02", room, witness)
        assert second.connected
        assert connects(room, "3b-02") == 1
        assert connects(room, "3b-01") == 1


def test_a_revoked_node_that_still_speaks_is_heard_by_nobody(room: Schoolroom) -> None:
    with room.witness() as witness, room.login("3b-01") as first:
        room.done("revoke", "3b", "3b-01")
        first.wait_until_thrown_out()
        since = witness.mark()
        with room.login("3b-01") as again:
            assert again.refused
        with room.login("3b-02") as second:
            heard(second, "3b-02", room, witness)
        of_first = [one for one in witness.seen()[since:] if "/3b-01/" in one.topic]
        assert not [str(one) for one in of_first if one.payload], (
            "it is more than what takes its retained messages away"
        )


def test_what_the_broker_retains_of_a_revoked_node_is_taken_away_and_nothing_else(room: Schoolroom) -> None:
    for name in ("3b-01", "3b-02"):
        with room.login(name) as login:
            login.publish(room.topic(name, "meta"), b"{}", retain=True)
            login.publish(room.topic(name, "status"), b"online", retain=True)
    room.done("revoke", "3b", "3b-01")
    with room.witness() as late:
        late.expect(room.topic("3b-02", "status"), lambda one: one.retain)
        with room.login("3b-03") as third:  # when this has come, so has all that is retained
            heard(third, "3b-03", room, late)
        assert sorted(one.topic for one in late.seen() if one.retain) == ["3b/1/3b-02/meta", "3b/1/3b-02/status"]


def test_a_revoked_node_stays_out_when_the_broker_starts_again(room: Schoolroom) -> None:
    room.done("revoke", "3b", "3b-01")
    assert room.broker is not None
    room.broker.kill()
    room.broker.start()
    cannot_log_in(room, "3b-01")
    with room.witness() as witness:
        can_log_in(room, "3b-02", witness)


def test_whoever_is_let_in_again_needs_a_new_secret(room: Schoolroom) -> None:
    old = room.secret("3b-01")
    room.done("revoke", "3b", "3b-01")
    room.done("add", "3b", "3b-01")
    cannot_log_in(room, "3b-01", old)
    with room.witness() as witness:
        can_log_in(room, "3b-01", witness)


def test_a_reset_voids_the_old_secret_at_once_and_throws_out_who_used_it(room: Schoolroom) -> None:
    old = room.secret("3b-01")
    with room.witness() as witness, room.login("3b-01") as thief, room.login("3b-02") as second:
        room.done("reset", "3b", "3b-01")
        thief.wait_until_thrown_out()
        assert room.secret("3b-01") != old
        cannot_log_in(room, "3b-01", old)
        can_log_in(room, "3b-01", witness)
        heard(second, "3b-02", room, witness)
        assert connects(room, "3b-02") == 1


def test_somebody_new_is_in_and_heard_without_a_restart(room: Schoolroom) -> None:
    with room.witness() as witness, room.login("3b-02") as second:
        room.done("add", "3b", "Grace Hopper")
        can_log_in(room, "grace-hopper", witness)
        heard(second, "3b-02", room, witness)
        assert connects(room, "3b-02") == 1


def test_a_class_of_thirty_is_made_beside_a_broker_that_runs(room: Schoolroom) -> None:
    room.done("new", "3b", "--nodes", "30")
    with room.witness() as witness:
        for number in range(1, 31):
            can_log_in(room, f"3b-{number:02}", witness)


def test_a_new_node_is_confined_to_its_own_topics_like_all_others(room: Schoolroom) -> None:
    room.done("add", "3b", "mallory")
    with room.witness() as witness, room.login("mallory") as mallory:
        for topic in (
            "3b/1/3b-02/tele/sht4x",
            "3b/1/_all/cmd/buzz",
            "3b/1/_host/status",
            "$CONTROL/dynamic-security/v1",
        ):
            mallory.publish(topic, b"forged")
        for one in ("3b/1/#", "#", "3b/1/3b-02/cmd/+", "$CONTROL/#", "$share/x/3b/1/#"):
            assert mallory.subscribe(one) >= DENIED, one
        heard(mallory, "mallory", room, witness)
        assert not [str(one) for one in witness.seen() if one.payload == b"forged"]


def test_a_group_of_the_roster_is_heard_by_those_who_were_there_before(room: Schoolroom, tmp_path: Path) -> None:
    roster = tmp_path / "names.csv"
    roster.write_text("name,group\nAda,Lilac\n")
    with room.login("3b-02") as second:
        room.done("new", "3b", "--roster", str(roster))
        if not second.connected:
            pytest.fail("a changed role threw a node out")
        assert second.subscribe("3b/1/_lilac/cmd/+") < DENIED
        with Login(room.port, "tools", room.password("tools")) as teacher:
            teacher.publish("3b/1/_lilac/cmd/buzz", b"now")
        second.wait_for("3b/1/_lilac/cmd/buzz", b"now")


def test_what_is_repeated_changes_no_byte_and_ends_no_session(room: Schoolroom) -> None:
    room.done("new", "3b", "--nodes", "5")
    room.done("add", "3b", "Ada")
    room.done("revoke", "3b", "3b-03")
    before = room.files()
    with room.witness() as witness, room.login("3b-02") as second:
        room.done("new", "3b", "--nodes", "5")
        room.done("add", "3b", "Ada")
        room.done("revoke", "3b", "3b-03")
        room.done("show", "3b")
        assert room.files() == before
        heard(second, "3b-02", room, witness)
        assert connects(room, "3b-02") == 1


def test_what_was_changed_live_is_what_a_broker_that_starts_later_would_be_given(room: Schoolroom) -> None:
    room.done("add", "3b", "Ada")
    room.done("revoke", "3b", "3b-03")
    room.done("reset", "3b", "3b-02")
    assert room.broker is not None
    room.broker.stop()
    before = room.files()
    room.done("new", "3b", "--nodes", "3")
    assert room.files() == before, "the file differs from what was told to the broker"


def test_a_closed_class_lets_nobody_in_until_it_is_opened_again(room: Schoolroom) -> None:
    with room.witness() as witness, room.login("3b-01") as first, room.login("3b-02") as second:
        room.done("close", "3b")
        first.wait_until_thrown_out()
        second.wait_until_thrown_out()
        cannot_log_in(room, "3b-03")
        assert room.fleet("add", "3b", "late") == 1
        room.done("close", "3b", "--undo")
        can_log_in(room, "3b-03", witness)


def test_a_class_that_runs_is_not_deleted(room: Schoolroom, capsys: pytest.CaptureFixture[str]) -> None:
    assert room.fleet("close", "3b", "--delete", "--yes") == 1
    assert "class 3b runs" in capsys.readouterr().err
    with room.witness() as witness:
        can_log_in(room, "3b-01", witness)


def test_two_who_change_the_class_at_the_same_time_both_have_their_way(room: Schoolroom) -> None:
    codes: dict[str, bool] = {}
    names = ("ada", "grace", "alan")
    threads = [
        threading.Thread(target=lambda name=name: codes.update({name: room.killed_at(10_000, "add", "3b", name)}))
        for name in names
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert codes == dict.fromkeys(names, False)
    with room.witness() as witness:
        for name in names:
            can_log_in(room, name, witness)


def test_a_running_json_that_nobody_took_away_is_recognised(room: Schoolroom) -> None:
    assert room.broker is not None
    room.broker.stop()  # and running.json stays
    room.done("revoke", "3b", "3b-01")
    room.done("add", "3b", "ada")
    room.broker.start()
    cannot_log_in(room, "3b-01")
    with room.witness() as witness:
        can_log_in(room, "ada", witness)


@contextlib.contextmanager
def broker_of_somebody_else(monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """It has no plugin and answers no command for accounts, for which we wait a second instead of ten."""
    with Broker() as other, monkeypatch.context() as patched:
        patched.setattr(live_accounts, "PATIENCE_S", 1.0)
        yield other


def test_a_broker_of_somebody_else_at_the_address_is_left_alone(
    room: Schoolroom, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with broker_of_somebody_else(monkeypatch) as other:
        said = json.loads(room.folder.running.read_text())
        room.folder.running.write_text(json.dumps({**said, "pid": os.getpid(), "mqtt": other.port}))
        capsys.readouterr()
        assert room.fleet("add", "3b", "ada") == 5
        assert str(other.port) in capsys.readouterr().err
        room.folder.running.write_text(json.dumps({**said, "pid": GONE, "mqtt": other.port}))
        assert room.broker is not None
        room.broker.stop()
        room.done("new", "3b")  # ours is not there any more, so this goes into the file
        room.broker.start()
    room.announce()
    with room.witness() as witness:
        can_log_in(room, "ada", witness)


def test_what_could_not_be_said_is_said_by_the_next_run(room: Schoolroom, monkeypatch: pytest.MonkeyPatch) -> None:
    said = room.folder.running.read_text()
    with broker_of_somebody_else(monkeypatch) as other:
        room.folder.running.write_text(json.dumps({**json.loads(said), "mqtt": other.port}))
        assert room.fleet("add", "3b", "ada") == 5
    room.folder.running.write_text(said)
    room.done("new", "3b")  # completes what could not be said before
    with room.witness() as witness:
        can_log_in(room, "ada", witness)


def test_the_account_admin_changes_accounts_and_has_no_part_in_the_fleet(room: Schoolroom) -> None:
    with room.witness() as witness, Login(room.port, "admin", room.password("admin")) as admin:
        assert admin.subscribe("3b/1/#") >= DENIED
        assert admin.subscribe("#") >= DENIED
        admin.publish("3b/1/3b-01/cmd/buzz", b"forged")
        admin.publish("3b/1/_host/status", b"forged", retain=True)
        with room.login("3b-01") as first:
            heard(first, "3b-01", room, witness)
        assert not [str(one) for one in witness.seen() if one.payload == b"forged"]


@pytest.mark.parametrize("service", ["tools", "dashboard", "watch"])
def test_no_other_service_may_change_accounts(room: Schoolroom, service: str) -> None:
    before = room.document.read_bytes()
    command = json.dumps({"commands": [{"command": "deleteClient", "username": "3b-01"}]}).encode()
    with room.witness() as witness:
        with Login(room.port, service, room.password(service)) as login:
            login.publish("$CONTROL/dynamic-security/v1", command)
            assert login.subscribe("$CONTROL/#") >= DENIED
        can_log_in(room, "3b-01", witness)
    assert room.document.read_bytes() == before


# -- names --------------------------------------------------------------------------------------------------


def test_real_nodes_take_their_names_and_groups_from_the_roster(
    room: Schoolroom, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roster = tmp_path / "names.csv"
    roster.write_text("name,group\nJürgen Müller,Blue\nAda,\nOff,\n")
    room.done("new", "3b", "--roster", str(roster))

    def node(one: str, **more: object) -> NodeProcess:
        url = f"mqtt://{one}:{room.secret(one)}@127.0.0.1:{room.port}"
        return NodeProcess(url, one, environment={"FLEET_BASE": "3b"}, **more)  # type: ignore[arg-type]

    with room.witness() as witness, node("juergen-mueller") as juergen, node("ada", name="Countess"):
        for name in ("juergen-mueller", "ada"):
            witness.expect(room.topic(name, "meta"), within=30)
        capsys.readouterr()
        room.done("names", "3b")
        assert capsys.readouterr().out == "juergen-mueller is Jürgen Müller, in group blue\n"
        meta = room.topic("juergen-mueller", "meta")
        said = witness.expect(meta, lambda one: one.json()["groups"] == ["blue"], within=30).json()
        assert said["name"] == "Jürgen Müller"
        with Login(room.port, "tools", room.password("tools")) as teacher:
            teacher.publish("3b/1/_blue/cmd/echo", b'{"id": "g1"}')
        witness.expect(room.topic("juergen-mueller", "ack"), lambda one: one.json()["id"] == "g1", within=30)
        room.done("names", "3b")
        assert capsys.readouterr().out == "", "it was told again"
        room.done("names", "3b", "--all")
        assert capsys.readouterr().out == "ada is Ada\n"
        assert juergen.alive


def test_names_of_a_class_that_does_not_run_are_told_to_nobody(
    classes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    room = Schoolroom(classes)
    room.done("new", "3b", "--nodes", "2")
    assert room.fleet("names", "3b") == 5
    assert "class 3b does not run" in capsys.readouterr().err


# -- kill -9 ------------------------------------------------------------------------------------------------


def each_step(room: Schoolroom, *arguments: str) -> Iterator[int]:
    """Kills the command before its first step, its second and so on, until it ends by itself."""
    for step in range(1, 100):
        if not room.killed_at(step, *arguments):
            return
        yield step
    pytest.fail("it has more steps than it should have")


def test_adding_that_is_killed_at_any_step_is_completed_by_the_next_run(room: Schoolroom) -> None:
    steps = 0
    with room.witness() as witness, room.login("3b-02") as second:
        for step in range(1, 100):
            name = f"late-{step}"
            if not room.killed_at(step, "add", "3b", name):
                break
            steps += 1
            room.done("add", "3b", name)
            can_log_in(room, name, witness)
        heard(second, "3b-02", room, witness)
        assert connects(room, "3b-02") == 1, "somebody who was in before was thrown out"
    assert steps >= 4, "roster, secret, the message to the broker and what follows"


def test_what_was_broken_off_shows_and_is_completed(room: Schoolroom, capsys: pytest.CaptureFixture[str]) -> None:
    assert room.killed_at(3, "add", "3b", "ada"), "roster and secret are written, and the broker was not told"
    room.done("show", "3b")
    assert "1 account not in force yet" in capsys.readouterr().err
    room.done("new", "3b")
    assert "1 account completed, in force at once" in capsys.readouterr().out
    room.done("show", "3b")
    assert "not in force" not in capsys.readouterr().err
    with room.witness() as witness:
        can_log_in(room, "ada", witness)


def test_revoking_that_is_killed_at_any_step_is_completed_by_the_next_run(room: Schoolroom) -> None:
    steps = 0
    for step in each_step(room, "revoke", "3b", "3b-01"):
        steps += 1
        room.done("revoke", "3b", "3b-01")
        cannot_log_in(room, "3b-01")
        with room.witness() as witness:
            can_log_in(room, "3b-02", witness)
        room.done("add", "3b", "3b-01")
        with room.witness() as witness:
            can_log_in(room, "3b-01", witness)
        assert room.folder.node("3b-01") is not None, step
    assert steps >= 6


def test_a_reset_that_is_killed_at_any_step_is_completed_by_the_next_run(room: Schoolroom) -> None:
    steps = 0
    for _ in each_step(room, "reset", "3b", "3b-01"):
        steps += 1
        room.done("new", "3b")  # any run completes it
        with room.witness() as witness:
            can_log_in(room, "3b-01", witness)
            can_log_in(room, "3b-02", witness)
    assert steps >= 3


def test_a_class_that_is_killed_while_it_is_made_is_completed_by_the_next_run(classes: Path) -> None:
    steps = 0
    for step in range(1, 100):
        name = f"c{step}"
        room = Schoolroom(classes, name)
        if not room.killed_at(step, "new", name, "--nodes", "3"):
            break
        steps += 1
        known = secrets_on_disk(classes / name)
        room.done("new", name, "--nodes", "3")
        now = secrets_on_disk(classes / name)
        assert known.items() <= now.items(), f"killed at step {step}: a secret that was on disk has changed"
        before = room.files()
        room.done("new", name, "--nodes", "3")
        assert room.files() == before
        left = list((classes / name).rglob("tmp*"))
        assert not left, f"killed at step {step}: {left} is left"
    assert steps >= 8, "five services, the secrets, the roster and the document"
    last = Schoolroom(classes, "c8")
    with last, last.witness() as witness:
        for number in (1, 2, 3):
            can_log_in(last, f"c8-0{number}", witness)


def test_deleting_that_is_killed_at_any_step_is_completed_by_the_next_run(classes: Path) -> None:
    steps = 0
    for step in range(1, 100):
        room = Schoolroom(classes)
        room.done("new", "3b", "--nodes", "2")
        if not room.killed_at(step, "close", "3b", "--delete", "--yes"):
            break
        steps += 1
        if (classes / "3b" / "class.json").exists():
            room.done("close", "3b", "--delete", "--yes")
        left = list((classes / "3b").rglob("*"))  # the empty folder may be, which is no class
        assert not left, f"killed at step {step}: {left} is left"
    assert steps >= 8


def secrets_on_disk(folder: Path) -> dict[str, object]:
    found: dict[str, object] = {str(one): one.read_text() for one in folder.rglob("password")}
    for one in folder.rglob("nodes.json"):
        found.update(json.loads(one.read_text()))
    return found


def test_the_whole_command_line_says_what_comes_next(classes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["class", "new", "3b", "--nodes", "30"]) == 0
    said = capsys.readouterr().out
    assert "30 nodes, 30 new" in said
    assert "fleet class start 3b" in said
    assert "fleet class sheets 3b" in said
