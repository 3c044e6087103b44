"""The accounts that `fleet accounts init` makes, on a real mosquitto: what each can do, seen by who receives.

What a node cannot do is in test_f20_impersonation.py.
"""

import json
from collections.abc import Iterator

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from support.classroom import Classroom
from support.logins import DENIED, Login


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Classroom]:
    room = Classroom(tmp_path_factory.mktemp("accounts"))
    with room.broker():
        yield room


@pytest.mark.parametrize(
    "topic",
    ["status", "meta", "health", "ack", "journal", "tele/sht4x", "event/button-a", "log/error"],
)
def test_a_node_publishes_all_that_the_contract_gives_it(classroom: Classroom, topic: str) -> None:
    with classroom.witness() as witness, classroom.login("ada") as ada:
        ada.publish(f"fleet/1/ada/{topic}", b"mine")
        witness.expect(f"fleet/1/ada/{topic}", lambda one: one.payload == b"mine")


@pytest.mark.parametrize(
    ("topic_filter", "topic"),
    [
        ("fleet/1/ada/cmd/+", "fleet/1/ada/cmd/buzz"),
        ("fleet/1/_all/cmd/+", "fleet/1/_all/cmd/buzz"),
        ("fleet/1/_red/cmd/+", "fleet/1/_red/cmd/buzz"),
        ("fleet/1/_yellow/cmd/+", "fleet/1/_yellow/cmd/buzz"),
        ("fleet/1/_host/board/+", "fleet/1/_host/board/presses"),
        ("fleet/1/_host/stored/ada", "fleet/1/_host/stored/ada"),
        ("fleet/1/_host/status", "fleet/1/_host/status"),
    ],
)
def test_a_node_hears_its_commands_its_teams_the_boards_what_of_its_own_is_stored_and_whether_the_host_is_there(
    classroom: Classroom, topic_filter: str, topic: str
) -> None:
    sender = "dashboard"
    with classroom.login("ada") as ada, classroom.login(sender) as host:
        assert ada.subscribe(topic_filter) < DENIED
        host.publish(topic, b"for you")
        ada.wait_for(topic, b"for you")


def test_what_is_stored_of_a_node_is_told_to_that_node_alone(classroom: Classroom) -> None:
    told = {name: f"fleet/1/_host/stored/{name}" for name in ("ada", "grace")}
    with classroom.login("ada") as ada, classroom.login("grace") as grace, classroom.login("dashboard") as host:
        for login, own, other in ((ada, "ada", "grace"), (grace, "grace", "ada")):
            assert login.subscribe(f"fleet/1/{own}/cmd/+") < DENIED
            assert login.subscribe(told[own]) < DENIED
            assert login.subscribe(told[other]) >= DENIED
        for topic in told.values():
            host.publish(topic, b"stored")
        for login, own in ((ada, "ada"), (grace, "grace")):
            host.publish(f"fleet/1/{own}/cmd/echo", b"after it")
            heard = login.wait_for(f"fleet/1/{own}/cmd/echo", b"after it")
            assert heard == [(told[own], b"stored")]


def test_a_node_must_use_its_own_client_id(classroom: Classroom) -> None:
    with classroom.login("ada", client_id="something-else") as ada:
        assert ada.refused


def test_two_tools_of_one_teacher_work_side_by_side(classroom: Classroom) -> None:
    with classroom.login("tools") as first, classroom.login("tools") as second:
        assert first.subscribe("fleet/1/#") < DENIED
        second.publish("fleet/1/_all/cmd/identify", b"both")
        first.wait_for("fleet/1/_all/cmd/identify", b"both")
        assert first.connected
        assert second.connected


@pytest.mark.parametrize(
    ("user", "password"),
    [(None, None), ("ada", None), ("ada", "wrong"), ("nobody", "wrong"), ("watch", ""), ("+", "x"), ("#", "x")],
)
def test_nobody_comes_in_without_name_and_password(
    classroom: Classroom, user: str | None, password: str | None
) -> None:
    with Login(classroom.port, user, password, "ada") as stranger:
        assert stranger.refused, f"{user!r} with password {password!r} came in"


@pytest.mark.parametrize("topic", ["fleet/1/_all/cmd/buzz", "fleet/1/ada/status", "fleet/1/_host/status", "health"])
@pytest.mark.parametrize("account", ["watch", "health"])
def test_those_who_only_look_cannot_send(classroom: Classroom, account: str, topic: str) -> None:
    with classroom.witness() as witness, classroom.login(account) as reader, classroom.everything() as sender:
        since = witness.mark()
        reader.publish(topic, b"forged")
        sender.publish("mark", b"after it")  # the broker has acknowledged, so it has judged, the forged one before
        witness.expect("mark", since=since)
        assert not [one for one in witness.seen(topic)[0:] if one.payload == b"forged"]


def test_the_health_account_hears_nothing_of_the_fleet(classroom: Classroom) -> None:
    with classroom.login("health") as health:
        assert health.subscribe("health") < DENIED
        assert health.subscribe("fleet/1/#") >= DENIED
        assert health.subscribe("#") >= DENIED


def test_the_dashboard_commands_speaks_for_the_host_and_forgets_nodes_but_invents_no_readings(
    classroom: Classroom,
) -> None:
    with classroom.witness() as witness, classroom.login("dashboard") as host:
        for topic in ("fleet/1/ada/cmd/buzz", "fleet/1/_all/cmd/led", "fleet/1/_host/status", "fleet/1/_host/alert/x"):
            host.publish(topic, b"from the host")
            witness.expect(topic, lambda one: one.payload == b"from the host")
        host.publish("fleet/1/ada/tele/sht4x", b"invented")
        host.publish("fleet/1/_host/status", b"last")
        witness.expect("fleet/1/_host/status", lambda one: one.payload == b"last")
        assert not [one for one in witness.seen("fleet/1/ada/tele/sht4x") if one.payload == b"invented"]
        assert host.subscribe("$SYS/#") < DENIED
        for kind in ("status", "meta"):
            mark = witness.mark()
            host.publish(f"fleet/1/ada/{kind}", b"")
            witness.expect(f"fleet/1/ada/{kind}", lambda one: not one.payload, since=mark)


def test_at_mqtt_5_the_broker_says_no_aloud(classroom: Classroom) -> None:
    with classroom.login("ada", protocol=MQTTProtocolVersion.MQTTv5) as ada:
        assert ada.publish("fleet/1/grace/status") == 0x87
        assert ada.publish("fleet/1/ada/status") in (0x00, 0x10)  # 0x10: nobody listens


@pytest.mark.parametrize("account", ["ada", "watch", "tools", "dashboard"])
def test_no_account_of_ours_may_administer_the_broker(classroom: Classroom, account: str) -> None:
    command = json.dumps({"commands": [{"command": "createClient", "username": "evil", "password": "evil"}]})
    with classroom.login(account) as someone:
        someone.publish("$CONTROL/dynamic-security/v1", command.encode())
    with Login(classroom.port, "evil", "evil") as evil:
        assert evil.refused
