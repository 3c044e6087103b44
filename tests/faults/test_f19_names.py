"""F19: names that are no names. One validator says so wherever a name comes in, and whoever publishes under such a name
with a raw client is counted and reaches nothing else.

What MicroPython says to the same vectors is in tests/upy/upy_names.py.
"""

import contextlib
import json
import re
import socket
import sqlite3
import struct
import time
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fleet_client import Client
from fleet_dashboard import settings as host_settings
from fleet_schema import SchemaError, checks, commands, payloads, ticket, topics
from fleet_tools import accounts, class_folder, cli, settings, sim
from fleet_tools.errors import FleetError
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.probe import Probe
from support.vectors import Case, cases, params

CASES = cases("names.json")
SHAPES = {
    "node": r"[a-z0-9][a-z0-9-]{0,19}",
    "name": r"[a-z0-9-]{1,16}",
    "group": r"(?!(?:all|host)\Z)[a-z0-9][a-z0-9-]{0,15}",
    "base": r"[a-z0-9][a-z0-9-]{0,15}",
}
VALIDATORS: dict[str, Callable[[Any], bool]] = {
    "node": topics.is_node_id,
    "name": topics.is_name,
    "group": topics.is_group,
    "base": topics.is_base,
}
ENVELOPE = {"boot": "9f3a", "seq": 0, "up": 1}


def is_taken(act: Callable[..., Any], *args: Any) -> bool:
    """False if it is refused with a sentence; anything else that is raised is a failure of the test."""
    try:
        act(*args)
    except (ValueError, FleetError, host_settings.SettingsError):  # SchemaError and TicketError are ValueErrors
        return False
    return True


# -- one validator -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", SHAPES)
@given(st.text() | st.text("abz019-_./+#$\0Aé \n\u202e", max_size=24))
@example("ada\n")
@example("a" * 20)
@example("a" * 21)
def test_a_validator_takes_exactly_what_the_contract_says(what: str, text: str) -> None:
    assert VALIDATORS[what](text) == bool(re.fullmatch(SHAPES[what], text, re.ASCII))


@pytest.mark.parametrize("what", SHAPES)
@pytest.mark.parametrize("value", [None, 7, True, b"ada", ["ada"], {"ada": 1}, 1.5])
def test_what_is_no_text_is_no_name(what: str, value: Any) -> None:
    assert VALIDATORS[what](value) is False


def meta(**more: Any) -> dict[str, Any]:
    return {**ENVELOPE, "schema": "1.2", "period": 1000, **more}


def account(text: str) -> Any:
    return accounts.node("fleet", text, "secret")


# (where a name comes in, what sort of name it is, who decides)
DOORS: list[tuple[str, str, Callable[[str], Any]]] = [
    ("an account", "node", account),
    ("the topic of a node", "node", lambda text: topics.node_topic("fleet", text, "status")),
    ("the topic of a command", "name", lambda text: topics.command_topic("fleet", "ada", text)),
    ("the topic of a sensor", "name", lambda text: topics.node_topic("fleet", "ada", "tele", text)),
    ("the topic of an input", "name", lambda text: topics.node_topic("fleet", "ada", "event", text)),
    ("the topic of a leaderboard", "name", lambda text: topics.host_topic("fleet", "board", text)),
    ("the topic of what is stored", "node", lambda text: topics.host_topic("fleet", "stored", text)),
    ("the base of a topic", "base", lambda text: topics.node_topic(text, "ada", "status")),
    ("the groups of a node", "group", lambda text: topics.command_filters("fleet", "ada", [text])),
    ("meta: a group", "group", lambda text: checks.CHECKS["meta"](meta(groups=[text]))),
    ("meta: a sensor", "name", lambda text: checks.CHECKS["meta"](meta(sensors={text: {"temp": ["Cel", "heat"]}}))),
    ("meta: a field", "name", lambda text: checks.CHECKS["meta"](meta(sensors={"x": {text: ["Cel", "heat"]}}))),
    ("meta: an input", "name", lambda text: checks.CHECKS["meta"](meta(inputs={text: ["press"]}))),
    ("meta: an event type", "name", lambda text: checks.CHECKS["meta"](meta(inputs={"x": [text]}))),
    ("meta: a command", "name", lambda text: checks.CHECKS["meta"](meta(commands={text: []}))),
    ("meta: an argument", "name", lambda text: checks.CHECKS["meta"](meta(commands={"x": [[text, "i", 0, 1]]}))),
    ("a reading: a field", "name", lambda text: checks.CHECKS["tele"]({**ENVELOPE, "v": {text: 1}})),
    ("an event: its type", "name", lambda text: checks.CHECKS["event"]({**ENVELOPE, "event_type": text, "n": 1})),
    ("an ack: the command", "name", lambda text: checks.CHECKS["ack"]({**ENVELOPE, "cmd": text, "st": "ok"})),
    ("the name of a class", "base", lambda text: class_folder.places_of(text, {})),
    ("a node of a class", "node", lambda text: class_folder._node({"id": text, "name": "Ada"})),
    (
        "the group of a node of a class",
        "group",
        lambda text: class_folder._node({"id": "a", "name": "A", "group": text}),
    ),
    ("a ticket", "node", lambda text: ticket.parse(f"mqtt://{text}:secret@host/fleet")),
    ("the base of the tools", "base", lambda text: settings.load(base=text, env={}, folder=Path("/nonexistent"))),
    ("the base of the host", "base", lambda text: host_settings.load([], {"FLEET_BASE": text})),
]


@pytest.mark.parametrize("case", params(CASES))
def test_every_door_takes_the_same_names(case: Case) -> None:
    text, good = case["text"], case["good_for"]
    for door, what, act in DOORS:
        if not text and "base of the" in door:
            continue  # not given: the default
        if not text and door == "the group of a node of a class":
            continue  # none
        if text == "all" and door == "the groups of a node":
            continue  # everybody is no group, but a filter that every node has anyway
        assert is_taken(act, text) == (what in good), f"{door} and {text!r}"
    if "," not in text and " " not in text and text:
        assert is_taken(commands.split_groups, text) == ("group" in good)


@pytest.mark.parametrize("case", params([case for case in CASES if "node" not in case["good_for"]]))
def test_no_account_and_no_simulated_node_is_made_of_a_bad_name(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "\0" in case["text"]:
        return  # no program can be given such an argument
    assert cli.run(["accounts", "init", "--folder", str(tmp_path / "a"), f"--board={case['text']}"]) == 1
    assert "is no node id" in capsys.readouterr().err
    written = {path.relative_to(tmp_path / "a").as_posix() for path in (tmp_path / "a").rglob("*.json")}
    assert written <= {"sim/nodes.json"}, "something was written for it"


@pytest.mark.parametrize("service", accounts.SERVICES)
def test_no_node_has_the_name_of_a_service(service: str) -> None:
    assert not is_taken(account, service)


def test_a_client_of_a_bad_base_is_not_made() -> None:
    for case in CASES:
        if "base" not in case["good_for"]:
            with pytest.raises(ValueError, match="is not a base"):
                Client("mqtt://127.0.0.1", base=case["text"])


def test_simulated_nodes_are_asked_the_same() -> None:
    source = Path(sim.__file__).read_text()
    assert "topics.is_node_id(" in source


# -- what a raw client publishes under such names --------------------------------------------------------------------


class Raw:
    """MQTT 3.1.1 by hand: a library would refuse to send these topics."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        name = b"raw"
        self._packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x1e" + struct.pack("!H", len(name)) + name)
        assert self._socket.recv(4) == b"\x20\x02\x00\x00"

    def _packet(self, head: int, body: bytes) -> None:
        size, encoded = len(body), b""
        while True:
            size, byte = divmod(size, 128)
            encoded += bytes([byte | (0x80 if size else 0)])
            if not size:
                break
        self._socket.sendall(bytes([head]) + encoded + body)

    def publish(self, topic: bytes, payload: bytes, retain: bool) -> bool:
        """Was it taken? A broker that finds a topic illegal ends the connection."""
        self._packet(0x32 | retain, struct.pack("!H", len(topic)) + topic + b"\x00\x01" + payload)
        try:
            return self._socket.recv(4) == b"\x40\x02\x00\x01"
        except OSError:
            return False

    def close(self) -> None:
        self._socket.close()


def utterances(text: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    """(topic, payload, which sort of name it uses) of all that can be said under a name."""
    reading = {**ENVELOPE, "v": {"temp": 1}}
    yield f"fleet/1/{text}/status", {"state": "online", "boot": "9f3a", "conn": 1}, "node"
    yield f"fleet/1/{text}/meta", meta(), "node"
    yield f"fleet/1/{text}/tele/x", reading, "node"
    yield f"fleet/1/{text}/event/x", {**ENVELOPE, "event_type": "press", "n": 1}, "node"
    yield f"fleet/1/{text}/log/error", {**ENVELOPE, "msg": "x"}, "node"
    yield f"fleet/1/real/tele/{text}", reading, "name"
    yield f"fleet/1/real/event/{text}", {**ENVELOPE, "event_type": "press", "n": 1}, "name"
    yield "fleet/1/real/tele/x", {**ENVELOPE, "v": {text: 1}}, "name"
    yield "fleet/1/real/event/x", {**ENVELOPE, "event_type": text, "n": 1}, "name"
    yield "fleet/1/real/meta", meta(sensors={text: {"temp": ["Cel", "heat"]}}), "name"
    yield "fleet/1/real/meta", meta(inputs={text: ["press"]}), "name"
    yield "fleet/1/real/meta", meta(commands={text: []}), "name"
    yield "fleet/1/real/meta", meta(groups=[text]), "group"
    yield "fleet/1/real/ack", {**ENVELOPE, "cmd": text, "st": "ok"}, "name"
    yield f"{text}/1/ada/status", {"state": "online", "boot": "9f3a", "conn": 1}, "base"


def is_bad(topic: str, payload: dict[str, Any]) -> bool:
    """By the contract: a name with a slash in it may make another topic, and that one may be legal."""
    try:
        who, kind, _ = topics.parse("fleet", topic)
        if who != topics.HOST:  # the host does not judge its own documents
            payloads.decode(kind, json.dumps(payload).encode())
    except SchemaError:
        return True
    return False


def texts_in(document: Any) -> Iterator[str]:
    """Every text in a JSON document, keys too."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for key, value in document.items():
            yield key
            yield from texts_in(value)
    elif isinstance(document, list):
        for value in document:
            yield from texts_in(value)


def everything_in(database: Path) -> str:
    """Every text in every table."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        cells = [cell for table in tables for row in connection.execute(f'SELECT * FROM "{table}"') for cell in row]
    return "\n".join(cell if isinstance(cell, str) else repr(cell) for cell in cells if isinstance(cell, str | bytes))


def test_what_is_published_under_a_bad_name_is_counted_and_reaches_nothing_else(broker: Broker, tmp_path: Path) -> None:
    taken = refused = wrong = 0
    with DashboardProcess(broker.url, data_dir=tmp_path) as dashboard, Probe(broker.url, "fleet/1/_host/#") as host:
        host.publish("fleet/1/real/status", json.dumps({"state": "online", "boot": "9f3a", "conn": 1}), retain=True)
        dashboard.node("real", within=30)
        raw = Raw(broker.port)
        for case in CASES:
            for topic, payload, what in utterances(case["text"]):
                if what in case["good_for"]:
                    continue
                retain = topic.endswith(("/status", "/meta"))
                if raw.publish(topic.encode(), json.dumps(payload).encode(), retain):
                    taken += 1
                    wrong += topic.startswith("fleet/1/") and is_bad(topic, payload)
                else:
                    refused += 1
                    raw.close()
                    raw = Raw(broker.port)
        raw.close()
        dashboard.wait_for("/api/stats", lambda stats: sum(stats["bad"].values()) >= wrong, 60)
        wait_until_still(dashboard)
        stats = dashboard.get("/api/stats")["bad"]
        assert sum(stats.values()) == wrong, "counted twice, or something that is right"
        snapshot = dashboard.get("/api/snapshot")
        assert "Traceback" not in dashboard.output
        real = dashboard.get("/api/nodes/real")
    print(f"{taken} messages under bad names reached the broker, {refused} it refused; counted {stats}")
    assert refused > 20, "wildcards and NUL end the connection at the broker"
    known = {node["id"] for node in snapshot["nodes"]}
    assert known <= {"real", "ada"} | {case["text"] for case in CASES if "node" in case["good_for"]}, known
    strange = {case["text"] for case in CASES if not case["good_for"] and len(case["text"].strip()) > 1}
    pages = "\n".join(texts_in([snapshot["nodes"], snapshot["alerts"], snapshot["events"], real]))
    said = [[seen.topic, json.loads(seen.payload or b"null")] for seen in host.seen("fleet/1/_host/#")]
    announced = "\n".join(texts_in(said))
    for place, text in (("the store", everything_in(dashboard.database)), ("a page", pages), ("an alert", announced)):
        found = {one for one in strange if one in text and one not in INNOCENT}
        assert not found, f"{found} reached {place}"
    assert stats.keys() <= COUNTED, stats


COUNTED = {f"F-TOPIC-{number}" for number in (1, 4, 5, 6)} | {f"F-META-{number}" for number in (4, 5, 6, 7)}
COUNTED |= {"F-TELE-1", "F-EVENT-1", "F-ACK-1", "F-PAYLOAD-1", "F-PAYLOAD-2", "F-ENV-2"}
INNOCENT = {"..", "_all", "_host", "status", "ada\n", "ada "}  # these stand in texts of ours as well


def wait_until_still(dashboard: DashboardProcess, within: float = 60) -> None:
    deadline, last = time.monotonic() + within, -1
    while time.monotonic() < deadline:
        count = dashboard.get("/api/snapshot")["stats"]["messages"]
        if count == last:
            return
        last = count
        time.sleep(0.5)


def test_the_http_api_takes_no_bad_name(broker: Broker) -> None:
    with DashboardProcess(broker.url) as dashboard, Probe(broker.url, "fleet/1/+/cmd/#") as probe:
        for case in CASES:
            text = case["text"]
            if "node" not in case["good_for"] and not topics.is_target(text):
                status, answer = dashboard.post("/api/commands", {"target": text, "name": "echo", "args": {}})
                assert (status, bool(answer["error"])) == (400, True), text
                page = f"/api/nodes/{quote(text, safe='')}"
                assert is_not_found(dashboard, page), text
            if "name" not in case["good_for"]:
                status, answer = dashboard.post("/api/commands", {"target": "_all", "name": text, "args": {}})
                assert (status, bool(answer["error"])) == (400, True), text
        probe.settle()
        assert not probe.seen("fleet/1/+/cmd/#")


def is_not_found(dashboard: DashboardProcess, path: str) -> bool:
    try:
        found = dashboard.get(path)
    except urllib.error.HTTPError as error:
        with error:
            return error.code in (400, 404)
    return "id" not in found
