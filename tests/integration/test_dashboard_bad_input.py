"""A thousand bad messages to the dashboard: nothing dies, and each is counted with its reason."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from fleet_schema import SchemaError, payloads, topics
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.probe import Probe

COUNT = 1000
NODE_KINDS = [
    ("tele", "sht4x"),
    ("event", "button-a"),
    ("status", None),
    ("meta", None),
    ("health", None),
    ("ack", None),
]
GOOD: dict[str, dict[str, Any]] = {
    "tele": {"boot": "9f3a", "seq": 1, "up": 5, "v": {"temp": 21.5}},
    "event": {"boot": "9f3a", "seq": 1, "up": 5, "event_type": "press", "n": 1},
    "status": {"state": "online", "boot": "9f3a", "conn": 1},
    "meta": {"boot": "9f3a", "seq": 1, "up": 5, "schema": "1.0", "name": "x", "board": "x", "fw": "1", "app": "1"},
    "health": {"boot": "9f3a", "seq": 1, "up": 5, "mem": 1},
    "ack": {"boot": "9f3a", "seq": 1, "up": 5, "cmd": "buzz", "st": "ok"},
}
ODD: list[Any] = [
    None,
    True,
    -1,
    1.5,
    2**53,
    10**30,
    "",
    "x" * 300,
    "é",
    "\x00",
    [],
    [[[]]],
    {},
    {"v": {}},
    "9F3A",
    "0",
]
LEVELS = [
    "fleet",
    "1",
    "2",
    "ada",
    "_all",
    "_host",
    "_",
    "Ada",
    "",
    "tele",
    "status",
    "x" * 30,
    "é",
    "$SYS",
    "cmd",
    " ",
]


def bad_messages(chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Messages that break a rule, by the schema's own word, on topics that a subscriber of fleet/1/# gets."""
    while True:
        kind, name = chance.choice(NODE_KINDS)
        topic = topics.node_topic("fleet", f"n-{chance.randrange(20)}", kind, name)
        fields = dict(GOOD[kind])
        how = chance.randrange(5)
        payload = json.dumps(fields).encode()
        if how == 0:
            topic = "fleet/1/" + "/".join(chance.choice(LEVELS) for _ in range(chance.randrange(1, 5)))
        elif how == 1:
            payload = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 1500)))
        elif how == 2:
            payload = payload[: chance.randrange(1, len(payload))]
        else:
            for _ in range(how - 2):
                fields[chance.choice(list(fields))] = chance.choice(ODD)
            payload = json.dumps(fields, ensure_ascii=chance.random() < 0.5).encode()
        if is_bad(topic, payload):
            yield topic, payload


def is_bad(topic: str, payload: bytes) -> bool:
    try:
        who, kind, _ = topics.parse("fleet", topic)
        if who == topics.HOST or kind == "cmd" or not payload:
            return False
        payloads.decode(kind, payload)
    except SchemaError:
        return True
    return False


@pytest.fixture
def dashboard(broker: Broker) -> Iterator[DashboardProcess]:
    with DashboardProcess(broker.url) as running:
        yield running


def test_a_thousand_bad_messages_are_counted_each_with_its_reason(dashboard: DashboardProcess, probe: Probe) -> None:
    chance = random.Random(2)
    source = bad_messages(chance)
    sent = Counter[str]()
    probe.send_at_once()
    for _ in range(COUNT):
        topic, payload = next(source)
        sent[topic] += 1
        probe.publish(topic, payload, qos=chance.randrange(2))
    stats = dashboard.wait_for("/api/stats", lambda stats: sum(stats["bad"].values()) >= COUNT, within=15)
    assert sum(stats["bad"].values()) == COUNT, stats
    assert len(stats["bad"]) > 10, f"one reason for all is no reason: {stats['bad']}"
    assert stats["messages"] == stats["kept"] + stats["duplicates"] + stats["ignored"] + COUNT
    probe.publish(topics.node_topic("fleet", "ada", "tele", "sht4x"), payloads.encode("tele", GOOD["tele"]))
    dashboard.node("ada", lambda node: node["v"] == {"sht4x": {"temp": 21.5}})
    assert "Traceback" not in dashboard.output


def test_who_breaks_the_rules_is_named_with_the_reason(dashboard: DashboardProcess, probe: Probe) -> None:
    probe.publish(topics.node_topic("fleet", "ada", "tele", "sht4x"), payloads.encode("tele", GOOD["tele"]))
    for _ in range(3):
        probe.publish(
            topics.node_topic("fleet", "ada", "tele", "sht4x"), b'{"boot":"9f3a","seq":2,"up":6,"v":{"temp":"hot"}}'
        )
    assert dashboard.node("ada", lambda node: node["counts"]["bad"] == 3)["v"] == {"sht4x": {"temp": 21.5}}
    alert = probe.expect(topics.host_topic("fleet", "alert", "schema-ada"))
    assert "F-TELE-2" in alert.json()["text"]


@pytest.mark.parametrize(
    "payload", [b"", b"offline", b'{"state":"x"}', b"\xff" * 100, b'{"ts":' + b"9" * 400 + b"}", b"[" * 5000]
)
def test_forged_documents_of_the_host_do_no_harm(dashboard: DashboardProcess, probe: Probe, payload: bytes) -> None:
    for topic in (
        topics.host_topic("fleet", "status"),
        topics.host_topic("fleet", "last", "ada"),
        topics.host_topic("fleet", "alert", "x"),
        topics.command_topic("fleet", "ada", "buzz"),
    ):
        probe.publish(topic, payload)
    dashboard.wait_for("/api/stats", lambda stats: stats["ignored"] >= 4)
    assert dashboard.get("/api/health")["ok"]
    assert "Traceback" not in dashboard.output
