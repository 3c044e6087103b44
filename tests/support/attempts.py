"""What somebody who holds one node's account can try in order to act as another: the list for test_f20.

Each attempt is a function that returns what its receiver saw, in words for the table; if that is not as it should be,
it raises AssertionError. Who the people are is said in impersonation.py.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from fleet_tools import accounts
from support import attacks, raw
from support.classroom import Classroom
from support.impersonation import NEW, OLD, Attempt, Run
from support.logins import DENIED, Login
from support.probe import Probe

V5 = MQTTProtocolVersion.MQTTv5
CONTROL = "$CONTROL/dynamic-security/v1"
LATE_S = 5.0  # so much later than asked Mosquitto 2.0 may publish a delayed will, unless its client comes back before


# -- speaking ------------------------------------------------------------------------------------------------


def _speaks(template: str, **more: Any) -> Run:
    def run(room: Classroom) -> str:
        with room.witness() as witness, room.login("ada", **more) as ada:
            attacks.nothing_gets_through(ada, "ada", attacks.named(template, "ada", "grace"), witness)
        return _nothing_was_kept(room)

    return run


def _nothing_was_kept(room: Classroom) -> str:
    with room.witness() as late:
        late.settle()
        kept = [str(one) for one in late.seen() if b"forged" in one.payload or one.payload == b"will"]
        assert not kept, f"it was kept as a retained message: {kept}"
    return "nothing, and nothing was retained"


def _speaks_in_the_name_of_all(room: Classroom) -> str:
    """A client library would not even send a topic with a wildcard in it."""
    with room.witness() as witness:
        with raw.open_socket(room.port) as sock:
            sock.sendall(raw.connect("ada", "ada", room.password("ada")))
            assert sock.recv(4) == b"\x20\x02\0\0"
            sock.sendall(raw.publish("fleet/1/+/status", b"forged"))
            assert raw.is_closed(sock), "the broker goes on listening to who publishes to a wildcard"
        _no_forgery(witness)
    return "nothing; the broker closed the connection"


def _no_forgery(witness: Probe) -> None:
    witness.settle()
    forged = [str(one) for one in witness.seen() if b"forged" in one.payload]
    assert not forged, f"this got through: {forged}"


def _dies(topic: str, delay_s: int | None = None) -> Run:
    """Its will, retained, in another's name; then one in its own, which shows that wills are published here."""

    def run(room: Classroom) -> str:
        more: dict[str, Any] = {}
        if delay_s is not None:
            properties = Properties(PacketTypes.WILLMESSAGE)
            properties.WillDelayInterval = delay_s
            more = {"protocol": V5, "will_properties": properties}
        with room.witness() as witness:
            for will in (topic, "fleet/1/ada/status"):
                with room.login("ada", will=will, **more) as ada:
                    ada.cut()
                    if delay_s and will == topic:  # or coming back would take the will back
                        time.sleep(delay_s + LATE_S)
            witness.expect("fleet/1/ada/status", lambda one: one.payload == b"will", within=20)
            assert not witness.seen(topic), f"the will came: {witness.seen(topic)[0]}"
        with room.login("ada") as ada:
            ada.publish("fleet/1/ada/status", b"", retain=True)
        return _nothing_was_kept(room)

    return run


# -- listening -----------------------------------------------------------------------------------------------

SECRETS = (
    "fleet/1/grace/cmd/buzz",
    "fleet/1/grace/tele/sht4x",
    "fleet/1/_purple/cmd/buzz",
    "fleet/1/_host/stored/grace",
    "fleet/1/_host/alert/x",
    "fleet/1/grace/journal",
    "4c/1/linus/cmd/buzz",
)


def _listens(template: str, **more: Any) -> Run:
    def run(room: Classroom) -> str:
        with room.login("ada", **more) as ada, room.everything() as sender:
            assert ada.subscribe("fleet/1/ada/cmd/+") < DENIED
            attacks.nothing_is_heard(ada, "ada", attacks.named(template, "ada", "grace"), sender, list(SECRETS))
        return "ada heard nothing; refused"

    return run


def _takes_a_share_of_what_is_for_all(room: Classroom) -> str:
    """She may hear it, so she may share it; but nobody hears less for it."""
    with room.login("ada") as ada, room.login("trent") as trent, room.login("tools") as host:
        ada.subscribe("$share/class/fleet/1/_all/cmd/+")
        assert trent.subscribe("fleet/1/_all/cmd/+") < DENIED
        sent = [f"{number}".encode() for number in range(20)]
        for payload in sent:
            host.publish("fleet/1/_all/cmd/buzz", payload)
        trent.wait_for("fleet/1/_all/cmd/buzz", sent[-1])
        heard = [payload for topic, payload in trent.heard() if topic == "fleet/1/_all/cmd/buzz"]
        assert heard == sent, f"trent heard only {heard}"
    return "trent heard all 20 commands"


# -- coming in -----------------------------------------------------------------------------------------------


def _secret(room: Classroom, password: str | None) -> str | None:
    """A password of `=NAME` is that account's own."""
    return room.password(password[1:]) if password and password.startswith("=") else password


def _comes_in(user: str | None, password: str | None, client_id: str = "grace", **more: Any) -> Run:
    """As grace, or under her client id."""

    def run(room: Classroom) -> str:
        with Login(room.port, user, _secret(room, password), client_id, **more) as stranger:
            assert stranger.refused, f"{user!r} came in as {client_id!r}"
        return f"nobody came in; grace stayed ({stranger.refused})"

    return run


def _comes_in_raw(client_id: str, user: str | None, password: str | None) -> Run:
    """The same with what no client library would send; the broker may say no, or hang up at once."""

    def run(room: Classroom) -> str:
        with raw.open_socket(room.port) as sock:
            sock.sendall(raw.connect(client_id, user, _secret(room, password)))
            try:
                said = sock.recv(4)
            except ConnectionError:
                said = b""
        assert not said.startswith(b"\x20\x02") or said[3] != 0, f"{user!r} came in as {client_id!r}"
        return "nobody came in; grace stayed"

    return run


def _takes_over_a_session(protocol: MQTTProtocolVersion) -> Run:
    """trent has a session that waits for him; ada asks for it under his client id."""

    def run(room: Classroom) -> str:
        with room.login("trent", clean=False) as trent:
            assert trent.subscribe("fleet/1/trent/cmd/+") < DENIED
        with room.login("tools") as host:
            host.publish("fleet/1/trent/cmd/buzz", b"for trent alone")
        with room.login("ada", client_id="trent", clean=False, protocol=protocol) as ada:
            assert ada.refused, "ada came in under trent's client id"
        assert not ada.heard()
        with room.login("trent", clean=False) as trent:
            trent.wait_for("fleet/1/trent/cmd/buzz", b"for trent alone")
        with room.login("trent"):
            pass  # a clean session: the old one is forgotten
        return f"ada heard nothing ({ada.refused}); trent got what had waited for him"

    return run


# -- accounts that changed -----------------------------------------------------------------------------------


def _control(room: Classroom, **command: Any) -> None:
    """As an administrator does it on a running broker."""
    with room.everything() as admin:
        admin.subscribe(f"{CONTROL}/response")
        admin.publish(CONTROL, json.dumps({"commands": [command]}).encode())
        deadline = time.monotonic() + 5
        while not (said := [payload for _, payload in admin.heard()]):
            assert time.monotonic() < deadline, "the plugin does not answer"
            time.sleep(0.01)
        assert "error" not in json.loads(said[0])["responses"][0], said[0]


def _is_revoked_while_connected(room: Classroom) -> str:
    with room.witness() as witness, room.login("trent") as trent:
        _control(room, command="disableClient", username="trent")
        try:
            began = time.monotonic()
            trent.wait_until_thrown_out()
            took = time.monotonic() - began
            with room.login("trent") as again:
                assert again.refused, "who was revoked came in again"
        finally:
            _control(room, command="enableClient", username="trent")
        since = witness.mark()
        witness.settle()
        assert not [one for one in witness.seen("fleet/1/trent/#")[since:] if b"forged" in one.payload]
    return f"thrown out {'within a second' if took < 1 else f'after {took:.1f} s'}, and not let in again"


def _uses_the_secret_from_before_a_live_reset(room: Classroom) -> str:
    _control(room, command="setClientPassword", username="trent", password="another")
    try:
        with room.login("trent") as trent:
            assert trent.refused, "the old secret still opens"
        with Login(room.port, "trent", "another", "trent") as trent:
            assert not trent.refused, "the new secret does not open"
    finally:
        _control(room, command="setClientPassword", username="trent", password=room.password("trent"))
    return "nobody came in with the old one; the new one works"


def _uses_the_secret_from_before_a_reset(room: Classroom) -> str:
    with Login(room.port, "eve", OLD, "eve") as eve:
        assert eve.refused, "the old secret still opens"
    with Login(room.port, "eve", NEW, "eve") as eve:
        assert not eve.refused, "the new secret does not open"
    return "nobody came in with the old one; the new one works"


def _administers(retain: bool = False, **command: Any) -> Run:
    """ada sends a command to the plugin; afterwards everything is as it was."""

    def run(room: Classroom) -> str:
        with room.login("ada") as ada:
            ada.publish(CONTROL, json.dumps({"commands": [command]}).encode(), retain=retain)
        with Login(room.port, "evil", "evil") as evil:
            assert evil.refused, "there is a new account"
        with Login(room.port, "trent", "evil", "trent") as evil:
            assert evil.refused, "trent has another password"
        with room.login("trent") as trent:
            assert not trent.refused, "trent is out"
        with room.login("ada") as ada:
            assert ada.subscribe("#") >= DENIED, "ada may hear everything"
        _speaks("fleet/1/{other}/status")(room)
        return "nothing; all accounts are as they were"

    return run


def _speaks_from_another_class(room: Classroom) -> str:
    with room.witness() as witness, room.login("linus") as linus:
        for topic in ("fleet/1/grace/status", "fleet/1/linus/status", "fleet/1/_all/cmd/buzz", "fleet/1/_host/status"):
            linus.publish(topic, b"forged")
        linus.publish("4c/1/linus/tele/sht4x", b"own")
        witness.expect("4c/1/linus/tele/sht4x", lambda one: one.payload == b"own")
        _no_forgery(witness)
    return "nothing"


# -- what is new in MQTT 5 -----------------------------------------------------------------------------------


def _properties(**values: Any) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def _hides_behind_an_alias(room: Classroom) -> str:
    """Once with an alias for a forbidden topic, once with one that named an allowed topic before."""
    with room.witness() as witness, room.login("ada", protocol=V5) as ada:
        for first in ("fleet/1/grace/status", "fleet/1/ada/tele/sht4x"):
            ada.publish(first, b"forged" if "grace" in first else b"own", properties=_properties(TopicAlias=1))
            ada.publish("fleet/1/grace/status", b"forged", properties=_properties(TopicAlias=1))
            ada.publish("", b"forged", properties=_properties(TopicAlias=1))
        _no_forgery(witness)
    return "nothing"


def _asks_for_an_answer_elsewhere(room: Classroom) -> str:
    properties = _properties(ResponseTopic="fleet/1/grace/cmd/buzz", CorrelationData=b"forged")
    with room.witness() as witness, room.login("ada", protocol=V5) as ada:
        ada.publish("fleet/1/ada/ack", b"own", properties=properties)
        witness.expect("fleet/1/ada/ack", lambda one: one.payload == b"own")
        witness.settle()
        assert not witness.seen("fleet/1/grace/#"), f"somebody answered: {witness.seen('fleet/1/grace/#')[0]}"
    return "the message under ada's own topic, and no answer to grace"


def _says_in_a_property_that_it_is_another(room: Classroom) -> str:
    properties = _properties(UserProperty=[("node", "grace"), ("client-id", "grace"), ("username", "dashboard")])
    with room.witness() as witness, room.login("ada", protocol=V5) as ada:
        ada.publish("fleet/1/ada/tele/sht4x", b"own", properties=properties)
        seen = witness.expect("fleet/1/+/tele/sht4x", lambda one: one.payload == b"own")
        assert seen.topic == "fleet/1/ada/tele/sht4x"
    return "the message under ada's own topic"


# -- all of them ---------------------------------------------------------------------------------------------

NAMES = {  # a user name that is to be taken for grace's -> why
    "Grace": "in capitals",
    "grace ": "with a blank behind",
    " grace": "with a blank before",
    "grace/": "with a slash",
    "gr%61ce": "percent-encoded",
    "gra\u200bce": "with an invisible character",
    "gr\u0430ce": "with a Cyrillic a",
    "+": "a wildcard",
    "#": "a wildcard",
    "%u": "a pattern of access lists",
    "*": "a glob",
    "grace' OR '1'='1": "SQL",
}


def _attempts() -> Iterator[Attempt]:
    for kind, templates in attacks.TOPICS.items():
        for template in templates:
            yield Attempt(kind, f"publish to {attacks.named(template, 'ada', 'grace')}", _speaks(template))
    yield Attempt("topic of another", "publish to fleet/1/+/status", _speaks_in_the_name_of_all)
    for topic in ("fleet/1/grace/status", "fleet/1/_host/status", "fleet/1/_all/cmd/buzz", "4c/1/linus/status"):
        yield Attempt("will", f"die with a retained will on {topic}", _dies(topic))
    for template in attacks.FORBIDDEN_FILTERS:
        kind = "$share" if template.startswith("$share") else "$CONTROL" if "$CONTROL" in template else "listening"
        yield Attempt(kind, f"subscribe to {attacks.named(template, 'ada', 'grace')}", _listens(template))
    yield Attempt("$share", "take a share of the commands to all", _takes_a_share_of_what_is_for_all)
    yield Attempt("client id", "grace's client id with ada's account", _comes_in("ada", "=ada"))
    yield Attempt("client id", "grace's in capitals", _comes_in("ada", "=ada", "GRACE"))
    yield Attempt("client id", "any other", _comes_in("ada", "=ada", "something-else"))
    yield Attempt("client id", "none at all", _comes_in_raw("", "ada", "x"))
    yield Attempt("client id", "grace's without an account", _comes_in(None, None))
    for name, protocol in (("3.1.1", MQTTProtocolVersion.MQTTv311), ("5", V5)):
        what = f"ask for trent's session under his client id (clean session off, MQTT {name})"
        yield Attempt("take-over", what, _takes_over_a_session(protocol))
    yield Attempt("password", "none", _comes_in("grace", None))
    yield Attempt("password", "empty", _comes_in("grace", ""))
    yield Attempt("password", "one of another node", _comes_in("grace", "=ada"))
    yield Attempt("password", "her name", _comes_in("grace", "grace"))
    yield Attempt("password", "of 16,000 characters", _comes_in("grace", "x" * 16000))
    yield Attempt("password", "with a NUL", _comes_in_raw("grace", "grace", "x\0"))
    for account in accounts.SERVICES:
        yield Attempt("password", f"ada's, for the account {account}", _comes_in(account, "=ada", "ada"))
    yield Attempt("password", "the one that many brokers ship with", _comes_in("admin", "admin", "ada"))
    for name, why in NAMES.items():
        yield Attempt("user name", f"grace's password for {name!r} ({why})", _comes_in(name, "=grace"))
    yield Attempt("user name", "grace with a NUL", _comes_in_raw("grace", "grace\0", "=grace"))
    yield Attempt("user name", "grace with a line break", _comes_in_raw("grace", "grace\n", "=grace"))
    yield Attempt("user name", "half a surrogate pair", _comes_in_raw("grace", "grace\ud800", "=grace"))
    yield Attempt("other class", "speak as a node of this class with an account of 4c", _speaks_from_another_class)
    yield Attempt("other class", "the secret that 4c gave to its grace", _comes_in("grace", "secret-of-grace-of-4c"))
    yield Attempt("other class", "grace's place with the account of a node of 4c", _comes_in("linus", "=linus"))
    yield Attempt("revoked account", "come back", _comes_in("mallory", "secret-of-mallory", "mallory"))
    yield Attempt("revoked account", "stay connected", _is_revoked_while_connected)
    yield Attempt("old secret", "after a reset", _uses_the_secret_from_before_a_reset)
    yield Attempt("old secret", "after a reset on a running broker", _uses_the_secret_from_before_a_live_reset)
    commands: list[dict[str, Any]] = [
        {"command": "createClient", "username": "evil", "password": "evil"},
        {"command": "setClientPassword", "username": "trent", "password": "evil"},
        {"command": "disableClient", "username": "trent"},
        {"command": "deleteClient", "username": "trent"},
        {"command": "addClientRole", "username": "ada", "rolename": "only-tools"},
        {"command": "addRoleACL", "rolename": "only-ada", "acltype": "publishClientSend", "topic": "#", "allow": True},
        {"command": "setDefaultACLAccess", "acls": [{"acltype": "publishClientSend", "allow": True}]},
    ]
    for command in commands:
        yield Attempt(
            "$CONTROL", f"{command['command']} {command.get('username', '')}".strip(), _administers(**command)
        )
    yield Attempt("$CONTROL", "createClient, retained", _administers(True, **commands[0]))
    yield Attempt("MQTT 5", "publish to fleet/1/grace/status", _speaks("fleet/1/{other}/status", protocol=V5))
    yield Attempt("MQTT 5", "listen to fleet/1/grace/cmd/+", _listens("fleet/1/{other}/cmd/+", protocol=V5))
    yield Attempt("MQTT 5", "grace's client id with ada's account", _comes_in("ada", "=ada", protocol=V5))
    yield Attempt("MQTT 5", "a topic alias that changes its meaning", _hides_behind_an_alias)
    yield Attempt("MQTT 5", "a response topic that is a command to grace", _asks_for_an_answer_elsewhere)
    yield Attempt("MQTT 5", "user properties that name grace", _says_in_a_property_that_it_is_another)
    yield Attempt("MQTT 5", "a will on fleet/1/grace/status, delayed by a second", _dies("fleet/1/grace/status", 1))


ATTEMPTS = tuple(_attempts())
