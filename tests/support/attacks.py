"""What a node must not be able to do with its own account, tried one by one and judged at the receiver.

Mosquitto acknowledges at MQTT 3.1.1 what it then throws away, so nothing here trusts an acknowledgement.
Every try ends with a message that is allowed: when that has arrived, whatever was sent before it had its chance.
"""

import uuid

from support.logins import DENIED, Login
from support.probe import Probe

OWN, OTHER = "{own}", "{other}"

# Topics a node must not publish to, by what the trick is; {own} and {other} are node ids.
TOPICS = {
    "topic of another": (
        "fleet/1/{other}/status",
        "fleet/1/{other}/meta",
        "fleet/1/{other}/tele/sht4x",
        "fleet/1/{other}/event/button-a",
        "fleet/1/{other}/ack",
        "fleet/1/{other}/health",
        "fleet/1/{other}/journal",
        "fleet/1/{other}/log/info",
    ),
    "command": (
        "fleet/1/{other}/cmd/buzz",
        "fleet/1/{own}/cmd/buzz",
        "fleet/1/_all/cmd/buzz",
        "fleet/1/_red/cmd/buzz",
    ),
    "topic of the host": (
        "fleet/1/_host/status",
        "fleet/1/_host/lesson",
        "fleet/1/_host/board/presses",
        "fleet/1/_host/alert/x",
        "fleet/1/_host/last/{own}",
        "fleet/1/_host/stored/{own}",
        "fleet/1/_host/stored/{other}",
    ),
    "case": (
        "fleet/1/{OTHER}/status",
        "Fleet/1/{other}/status",
        "FLEET/1/{OTHER}/STATUS",
        "fleet/1/{OWN}/status",
        "fleet/1/{own}/STATUS",
        "fleet/1/_HOST/status",
    ),
    "extra levels": (
        "fleet/1/{own}/journal/deeper",
        "fleet/1/{own}/stored/{own}",
        "fleet/1/{own}/tele/sht4x/deeper",
        "fleet/1/{own}/tele/../../{other}/status",
        "fleet/1/{own}/other/x",
        "fleet/1/{own}/{other}/status",
        "fleet/1/{own}/status/",
        "fleet/1//{own}/status",
        "fleet/1/{own}x/status",
        "/fleet/1/{own}/status",
        "fleet/1/{other}",
    ),
    "other class": (
        "fleet/2/{own}/status",
        "4c/1/{own}/status",
        "4c/1/linus/status",
        "4c/1/_all/cmd/buzz",
    ),
}
FORBIDDEN_TOPICS = tuple(topic for topics in TOPICS.values() for topic in topics)

# Filters a node must not be able to listen to.
FORBIDDEN_FILTERS = (
    "#",
    "+/#",
    "fleet/#",
    "fleet/1/#",
    "fleet/1/+/cmd/+",
    "fleet/1/+/cmd/buzz",
    "fleet/1/{other}/cmd/+",
    "fleet/1/{other}/tele/+",
    "fleet/1/{own}/#",
    "fleet/1/{other}/journal",
    "fleet/1/+/journal",
    "fleet/1/_host/stored/{other}",
    "fleet/1/_host/stored/+",
    "fleet/1/_host/stored/#",
    "fleet/1/_host/+/{own}",
    "fleet/1/_host/+/{other}",
    "fleet/1/_host/#",
    "fleet/1/_host/+",
    "fleet/1/_host/alert/x",
    "fleet/1/_purple/cmd/+",
    "$share/class/fleet/1/#",
    "$share/class/fleet/1/{other}/cmd/+",
    "$share/class/fleet/1/_host/stored/{other}",
    "4c/#",
    "4c/1/linus/cmd/+",
    "$SYS/#",
    "$CONTROL/#",
    "$CONTROL/dynamic-security/v1/response",
)


def named(template: str, own: str, other: str) -> str:
    """`template` with the ids in it; {OWN} and {OTHER} are these in capitals."""
    named = template.replace(OWN, own).replace(OTHER, other)
    return named.replace(OWN.upper(), own.upper()).replace(OTHER.upper(), other.upper())


def nothing_gets_through(attacker: Login, own: str, topic: str, receiver: Probe) -> None:
    """The attacker publishes to `topic`, retained and not; the receiver sees only what is allowed."""
    since = receiver.mark()
    attacker.publish(topic, b"forged")
    attacker.publish(topic, b"forged and retained", retain=True)
    mark = uuid.uuid4().hex.encode()
    attacker.publish(f"fleet/1/{own}/tele/mark", mark)
    receiver.expect(f"fleet/1/{own}/tele/mark", lambda one: one.payload == mark, since=since)
    forged = [str(one) for one in receiver.seen("#")[since:] if one.payload.startswith(b"forged")]
    assert not forged, f"{own} got through to {topic}: {forged}"


def nothing_is_heard(attacker: Login, own: str, topic_filter: str, sender: Login, topics: list[str]) -> None:
    """The attacker subscribes to `topic_filter`; what is then sent to `topics` does not reach it."""
    code = attacker.subscribe(topic_filter)
    assert code >= DENIED, f"the broker granted {topic_filter} to {own} with code {code}"
    secret = uuid.uuid4().hex.encode()
    for topic in topics:
        sender.publish(topic, secret)
    sender.publish(f"fleet/1/{own}/cmd/echo", secret)
    before = attacker.wait_for(f"fleet/1/{own}/cmd/echo", secret)
    heard = [topic for topic, payload in before if payload == secret]
    assert not heard, f"{own} listened to {topic_filter} and heard {heard}"
