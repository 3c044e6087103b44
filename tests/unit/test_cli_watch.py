"""What `fleet watch` makes of a message, legal or not."""

import json

import pytest

from fleet_client import Message, NodeInfo
from fleet_tools import watch


def message(topic: str, payload: object, retain: bool = False) -> Message:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Message(topic, raw, 1, retain, False, 1_700_000_000_123)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (None, "fleet/1/#"),
        ("ada", "fleet/1/ada/#"),
        ("_all", "fleet/1/_all/#"),
        ("_host", "fleet/1/_host/#"),
        ("+/event/#", "fleet/1/+/event/#"),
        ("fleet/1/ada/tele/+", "fleet/1/ada/tele/+"),
        ("#", "#"),
    ],
)
def test_what_a_person_means_becomes_a_filter(what: str | None, expected: str) -> None:
    assert watch.to_filter(what, "fleet") == expected


def test_a_reading_has_the_units_that_the_meta_gave() -> None:
    lines = watch.Lines()
    meta = {"name": "Ada", "board": "unix", "sensors": {"sht4x": {"temp": ["Cel", "temperature"]}}, "commands": {}}
    lines.learn({"ada": NodeInfo("ada", meta=meta)})
    shown = lines.line("fleet", message("fleet/1/ada/tele/sht4x", {"v": {"temp": 21.4, "hum": None}, "hist": 1}))
    assert shown.endswith("hum -  temp 21.4 °C  (sent late)")


@pytest.mark.parametrize(
    ("topic", "payload", "expected"),
    [
        ("fleet/1/ada/status", {"state": "lost", "boot": "9f3a", "conn": 3}, "lost, the link broke (connection 3"),
        ("fleet/1/ada/event/button-a", {"event_type": "press", "n": 12}, "press (number 12)"),
        (
            "fleet/1/ada/ack",
            {"cmd": "buzz", "st": "bad", "err": "ms is missing"},
            "buzz · refused: bad argument · ms is",
        ),
        (
            "fleet/1/ada/journal",
            {"kept": [["9f39", 12, 345, 3], ["9f39", 350, 351, 3], ["9f3a", 41, 41, 0]]},
            "still has 333 of boot 9f39, 1 of boot 9f39; dropped 3",
        ),
        ("fleet/1/ada/journal", {"kept": [["9f3a", 41, 41, 0]]}, "still has nothing"),
        ("fleet/1/ada/journal", {"kept": [7]}, "{'kept': [7]}"),
        (
            "fleet/1/_host/stored/ada",
            {"boot": "9f3a", "seq": 41, "miss": [[41, 43], [50, 50]]},
            "all below 41 of boot 9f3a is settled; asks for 41-43, 50",
        ),
        ("fleet/1/ada/tele/sht4x", {"v": 7}, "{'v': 7}"),
        ("fleet/1/ada/cmd/buzz", 300, "300"),
        ("fleet/2/ada/tele/x", b"\x1b[31mred\xff", "not a topic of this fleet"),
    ],
)
def test_every_message_gives_one_line(topic: str, payload: object, expected: str) -> None:
    shown = watch.Lines().line("fleet", message(topic, payload))
    assert expected in shown
    assert "\x1b" not in shown
    assert "\n" not in shown


def test_a_json_line_has_the_parts_of_the_topic_and_a_version() -> None:
    document = json.loads(watch.json_line("fleet", message("fleet/1/ada/tele/sht4x", {"v": {"temp": 1}}, retain=True)))
    assert document == {
        "version": 1,
        "ts": 1_700_000_000_123,
        "topic": "fleet/1/ada/tele/sht4x",
        "retain": True,
        "node": "ada",
        "kind": "tele",
        "name": "sht4x",
        "payload": {"v": {"temp": 1}},
    }


def test_bytes_that_are_no_json_become_text() -> None:
    assert json.loads(watch.json_line("fleet", message("fleet/1/ada/tele/x", b"\xffhi")))["payload"] == "�hi"
