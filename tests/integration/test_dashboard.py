"""The dashboard process on a real broker: what the fleet sends is stored once, shown, and survives kill -9."""

import contextlib
import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from fleet_schema import payloads, topics
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.probe import Probe

META = {
    "schema": "1.1",
    "name": "Ada",
    "board": "unix",
    "fw": "1.29.0",
    "app": "0.1.0",
    "period": 500,
    "groups": ["red"],
    "sensors": {"sht4x": {"temp": ["Cel", "temperature"], "hum": ["%RH", "humidity"]}},
    "inputs": {"button-a": ["press", "release"]},
    "commands": {"buzz": [["ms", "i", 10, 10000, 300]]},
}


class Speaker:
    """Says what a node would say, message by message."""

    def __init__(self, probe: Probe, node: str = "ada", boot: str = "9f3a") -> None:
        self.probe, self.node, self.boot, self.seq = probe, node, boot, 0
        self._began = time.monotonic()

    def say(self, kind: str, fields: dict[str, Any], name: str | None = None, retain: bool = False) -> None:
        topic = topics.node_topic("fleet", self.node, kind, name)
        self.probe.publish(topic, payloads.encode(kind, fields), retain=retain)

    def status(self, state: str, conn: int = 1) -> None:
        self.say("status", {"state": state, "boot": self.boot, "conn": conn}, retain=True)

    def envelope(self, **more: Any) -> dict[str, Any]:
        """Of what is no reading: it carries the number that the next one will get."""
        up = int((time.monotonic() - self._began) * 1000)
        return {"boot": self.boot, "seq": self.seq, "up": up, **more}

    def numbered(self, **more: Any) -> dict[str, Any]:
        """Of a reading or event."""
        self.seq += 1
        return {**self.envelope(**more), "seq": self.seq - 1}

    def birth(self) -> None:
        self.status("online")
        self.say("meta", self.envelope(**META), retain=True)

    def reading(self, temp: float = 21.5, **more: Any) -> dict[str, Any]:
        fields = self.numbered(v={"temp": temp, "hum": 40.5}, **more)
        self.say("tele", fields, "sht4x")
        return fields


@pytest.fixture
def dashboard(broker: Broker) -> Iterator[DashboardProcess]:
    with DashboardProcess(broker.url) as running:
        yield running


@pytest.fixture
def ada(probe: Probe) -> Speaker:
    return Speaker(probe)


def stored(dashboard: DashboardProcess) -> list[float]:
    """The temperatures in the database, read by another program."""
    with contextlib.closing(sqlite3.connect(dashboard.data_dir / "fleet.db")) as database:
        return [row[0] for row in database.execute("SELECT v0 FROM reading WHERE sensor = 'sht4x' ORDER BY seq")]


class Stream:
    """The event stream as a browser reads it: (kind, document), one after the other."""

    def __init__(self, dashboard: DashboardProcess) -> None:
        parts = urlsplit(dashboard.url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)

    def __enter__(self) -> "Stream":
        self._connection.request("GET", "/api/stream")
        self._answer = self._connection.getresponse()
        return self

    def __exit__(self, *_: object) -> None:
        self._answer.close()
        self._connection.close()

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        kind = ""
        while line := self._answer.readline():
            if line.startswith(b"event: "):
                kind = line[7:].decode().strip()
            elif line.startswith(b"data: "):
                yield kind, json.loads(line[6:])


def test_a_node_shows_with_its_values_and_its_state(dashboard: DashboardProcess, ada: Speaker) -> None:
    ada.birth()
    ada.reading(21.5)
    node = dashboard.node("ada", lambda node: node["v"])
    assert (node["name"], node["state"], node["groups"]) == ("Ada", "online", ["red"])
    assert node["v"] == {"sht4x": {"temp": 21.5, "hum": 40.5}}
    assert abs(node["t"]["sht4x"] - time.time() * 1000) < 2000
    series = dashboard.wait_for("/api/nodes/ada/series?sensor=sht4x", lambda series: series["t"])
    assert (series["v"]["temp"], series["units"]["temp"]) == ([21.5], ["Cel", "temperature"])


@pytest.mark.rule("F-STATUS-3")
def test_the_five_words(dashboard: DashboardProcess, ada: Speaker) -> None:
    ada.birth()
    dashboard.node("ada", lambda node: node["state"] == "online")
    dashboard.node("ada", lambda node: node["state"] == "silent", within=20)
    ada.reading()
    dashboard.node("ada", lambda node: node["state"] == "online")
    ada.say("status", {"state": "lost", "boot": "0000", "conn": 1})
    ada.say("status", {"state": "sleeping", "boot": ada.boot, "conn": 1, "wake": 60})
    dashboard.node("ada", lambda node: node["state"] == "sleeping")
    ada.status("offline")
    dashboard.node("ada", lambda node: node["state"] == "offline")
    ada.status("online", conn=2)
    dashboard.node("ada", lambda node: node["conn"] == 2)
    ada.status("lost", conn=2)
    assert "will" in dashboard.node("ada", lambda node: node["state"] == "lost")["why"]


def test_kill_9_loses_nothing_that_was_sent(broker: Broker, ada: Speaker, tmp_path: Path) -> None:
    dashboard = DashboardProcess(broker.url, data_dir=tmp_path)
    temperatures = [float(number) for number in range(60)]
    with dashboard:
        ada.birth()
        for number in range(3):
            for temperature in temperatures[number * 20 : number * 20 + 20]:
                ada.reading(temperature)
            dashboard.kill()
            dashboard.start()
        dashboard.wait_for("/api/snapshot", lambda _: len(stored(dashboard)) >= 60)
        assert stored(dashboard) == temperatures


def test_a_restart_shows_the_last_values_at_once(broker: Broker, ada: Speaker, tmp_path: Path) -> None:
    with DashboardProcess(broker.url, data_dir=tmp_path) as dashboard:
        ada.birth()
        ada.reading(19.25)
        before = dashboard.node("ada", lambda node: node["v"])
        assert dashboard.stop()[0] == 0
        began = time.monotonic()
        dashboard.start()
        node = dashboard.node("ada", lambda node: node["state"] == "online")
        assert time.monotonic() - began < 5
        assert (node["v"], node["t"], node["meta"]) == (before["v"], before["t"], before["meta"])


def test_what_came_while_it_was_away_is_placed_by_when_it_was_sampled(
    broker: Broker, ada: Speaker, tmp_path: Path
) -> None:
    with DashboardProcess(broker.url, data_dir=tmp_path) as dashboard:
        ada.birth()
        first = ada.reading(1.0)
        dashboard.node("ada", lambda node: node["v"])
        dashboard.stop()
        taken = ada.reading(2.0)
        dashboard.start()
        series = dashboard.wait_for("/api/nodes/ada/series?sensor=sht4x", lambda series: len(series["t"]) == 2)
        assert abs((series["t"][1] - series["t"][0]) - (taken["up"] - first["up"])) <= 20


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_soon_also_with_open_streams(broker: Broker, probe: Probe, how: signal.Signals) -> None:
    with DashboardProcess(broker.url) as dashboard, ExitStack() as pages:
        for _ in range(5):
            assert next(iter(pages.enter_context(Stream(dashboard))))[0] == "snapshot"
        mark = probe.mark()
        code, took = dashboard.stop(how, within=20)  # without the streams' end it would wait for ever
        assert code == 0, f"exit code {code} after {took:.1f} s; it said:\n{dashboard.output}"
        probe.expect("fleet/1/_host/status", lambda seen: seen.json()["state"] == "offline", since=mark)


def test_kill_9_lets_the_will_speak(broker: Broker, probe: Probe) -> None:
    with DashboardProcess(broker.url) as dashboard:
        probe.expect("fleet/1/_host/status", lambda seen: seen.json()["state"] == "online")
        dashboard.kill()
        probe.expect("fleet/1/_host/status", lambda seen: seen.json()["state"] == "lost")


def test_a_stream_is_a_snapshot_and_then_what_changes(dashboard: DashboardProcess, ada: Speaker) -> None:
    ada.birth()
    dashboard.node("ada", lambda node: node["meta"])
    with Stream(dashboard) as stream:
        seen = iter(stream)
        kind, snapshot = next(seen)
        assert (kind, [node["id"] for node in snapshot["nodes"]]) == ("snapshot", ["ada"])
        ada.reading(22.5)
        frame = next(frame for kind, frame in seen if kind == "frame" and frame["nodes"].get("ada", {}).get("v"))
        assert frame["nodes"]["ada"]["v"]["sht4x"]["temp"] == 22.5
        assert next(seen)[0] == "frame", "the stream goes on"


def test_the_host_publishes_status_last_values_and_boards(
    dashboard: DashboardProcess, ada: Speaker, probe: Probe
) -> None:
    ada.birth()
    ada.reading(21.5)
    ada.say("event", ada.numbered(event_type="press", n=1), "button-a")
    last = probe.expect("fleet/1/_host/last/ada", within=20)
    fields = payloads.decode("host_last", last.payload)
    assert (fields["v"]["sht4x"]["temp"], fields["boot"], fields["q"]) == (21.5, ada.boot, "good")
    board = probe.expect("fleet/1/_host/board/presses", lambda seen: seen.json()["top"], within=20)
    assert payloads.decode("host_board", board.payload)["top"] == [["ada", "Ada", 1]]
    assert payloads.decode("host_status", probe.expect("fleet/1/_host/status").payload)["state"] == "online"


def test_a_retained_command_is_cleared_and_told(
    dashboard: DashboardProcess, broker: Broker, ada: Speaker, probe: Probe
) -> None:
    ada.birth()
    topic = topics.command_topic("fleet", "ada", "buzz")
    probe.publish(topic, b"300", retain=True)
    probe.expect(topic, lambda seen: seen.payload == b"", within=20)
    alert = probe.expect(topics.host_topic("fleet", "alert", "retained-ada"))
    assert payloads.decode("host_alert", alert.payload)["kind"] == "retained-command"
    with Probe(broker.url, "fleet/1/+/cmd/+") as late:
        late.settle()
        assert late.seen("fleet/1/+/cmd/+") == []


def test_two_boards_with_one_id_are_told_and_the_alert_of_a_silent_node_ends(
    dashboard: DashboardProcess, probe: Probe
) -> None:
    twins = [Speaker(probe, boot="aaaa"), Speaker(probe, boot="bbbb")]
    for _ in range(3):
        for twin in twins:
            twin.reading()
    told = probe.expect("fleet/1/_host/alert/+", lambda seen: seen.payload, within=20)
    assert told.json()["kind"] == "duplicate-id"
    bob = Speaker(probe, "bob")
    bob.birth()
    name = topics.host_topic("fleet", "alert", "silent-bob")
    probe.expect(name, lambda seen: seen.payload, within=20)
    mark = probe.mark()
    bob.reading()
    probe.expect(name, lambda seen: not seen.payload, since=mark)


def test_a_forgotten_node_goes_from_the_page_and_from_the_broker(
    dashboard: DashboardProcess, ada: Speaker, probe: Probe
) -> None:
    ada.birth()
    ada.reading()
    probe.expect("fleet/1/_host/last/ada", within=20)
    for kind in ("status", "meta"):
        probe.publish(topics.node_topic("fleet", "ada", kind), b"", retain=True)
    dashboard.wait_for("/api/snapshot", lambda snapshot: snapshot["nodes"] == [])
    probe.expect("fleet/1/_host/last/ada", lambda seen: seen.payload == b"")


def test_a_node_that_speaks_though_it_is_lost_is_asked_for_its_birth(
    dashboard: DashboardProcess, ada: Speaker, probe: Probe
) -> None:
    ada.birth()
    ada.status("lost")
    dashboard.node("ada", lambda node: node["state"] == "lost")
    ada.reading()
    probe.expect(topics.command_topic("fleet", "ada", "rebirth"))


def test_a_command_that_cannot_be_is_refused_with_a_sentence(dashboard: DashboardProcess, ada: Speaker) -> None:
    ada.birth()
    dashboard.node("ada", lambda node: node["meta"])
    for body in (
        {"target": "Ada!", "name": "buzz"},
        {"target": "ada", "name": "no such"},
        {"target": "ada", "name": "buzz", "args": {"ms": 5}},
        {"target": "ada", "name": "buzz", "args": 5},
    ):
        status, answer = dashboard.post("/api/commands", body)
        assert (status, bool(answer["error"])) == (400, True), body


def test_a_rollcall_names_the_silent_ones_and_counts_the_acks(
    dashboard: DashboardProcess, ada: Speaker, probe: Probe
) -> None:
    ada.birth()
    Speaker(probe, "bob").birth()
    dashboard.wait_for("/api/snapshot", lambda snapshot: len(snapshot["nodes"]) == 2)
    status, answer = dashboard.post("/api/commands", {"target": "_all", "name": "buzz", "args": {"ms": 50}})
    assert (status, answer["expected"]) == (202, ["ada", "bob"])
    command = probe.expect(topics.command_topic("fleet", "_all", "buzz"))
    assert not command.retain
    ada.say("ack", ada.envelope(id=command.json()["id"], cmd="buzz", st="ok"))
    call = dashboard.wait_for(f"/api/commands/{answer['id']}", lambda call: call["done"])
    assert {row["node"]: row["st"] for row in call["rows"]} == {"ada": "ok", "bob": "silent"}
    assert dashboard.get("/api/nodes/ada")["commands"][0]["name"] == "buzz"


def test_it_waits_for_a_broker_that_is_not_there_yet(broker: Broker) -> None:
    broker.stop()
    with DashboardProcess(broker.url, wait=False) as dashboard:
        dashboard.wait_for_output("waiting for the broker")
        broker.start()
        dashboard.wait_until_ready()
        assert dashboard.get("/api/health")["ok"]


def test_it_finds_a_broker_again_that_was_killed(dashboard: DashboardProcess, broker: Broker, ada: Speaker) -> None:
    broker.kill()
    dashboard.wait_for("/api/snapshot", lambda snapshot: not snapshot["broker"]["connected"])
    broker.start()
    dashboard.wait_for("/api/snapshot", lambda snapshot: snapshot["broker"]["connected"], within=20)


@pytest.mark.parametrize(
    ("environment", "code", "word"),
    [({"FLEET_BASE": "Not A Base"}, 2, "FLEET_BASE"), ({"FLEET_DATA": "/dev/null/x"}, 1, "FLEET_DATA")],
)
def test_what_it_cannot_use_is_one_sentence(environment: dict[str, str], code: int, word: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fleet_dashboard", "--http-port", "0"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, word in done.stderr, "Traceback" in done.stderr) == (code, True, False), done.stderr


def test_a_taken_port_is_one_sentence(broker: Broker, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [sys.executable, "-m", "fleet_dashboard", "--http-port", str(taken.getsockname()[1])]
        command += ["--data", str(tmp_path), "--broker", broker.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, "FLEET_HTTP_PORT" in done.stderr, "Traceback" in done.stderr) == (1, True, False)
