"""What a real node says on a real broker, held to the code of the contract and to docs/asyncapi.yaml."""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fleet_schema import commands, payloads, topics
from support import asyncapi
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess
from support.probe import Probe, Seen

SENSORS = ["sht4x", "bmp280", "mpu6886"]
PAGE = Path(__file__).parents[2] / "docs" / "topics.md"


@pytest.fixture
def node(broker: Broker, probe: Probe) -> Iterator[NodeProcess]:
    with NodeProcess(broker.url, "ada", sensors=SENSORS, health=1000) as running:
        probe.expect("fleet/1/ada/meta")
        probe.expect("fleet/1/ada/tele/+")
        yield running


def kind_of(seen: Seen) -> str:
    who, kind, _ = topics.parse("fleet", seen.topic)
    return payloads.kind_of(who, kind)


def audit(messages: list[Seen]) -> Counter[str]:
    """How many of each kind, every one legal to the code and to the AsyncAPI document."""
    kinds: Counter[str] = Counter()
    for seen in messages:
        kind = kind_of(seen)
        kinds[kind] += 1
        if kind == "cmd":
            continue  # from the test itself, some of it bad on purpose
        fields = payloads.decode(kind, seen.payload)
        faults = asyncapi.faults(asyncapi.message_of(seen.topic), fields)
        assert not faults, f"{seen}: {faults}"
        assert seen.qos == qos_of(kind), f"{seen} came with QoS {seen.qos}"
    return kinds


def qos_of(kind: str) -> int:
    operations = asyncapi.document()["operations"].values()
    return next(one["bindings"]["mqtt"]["qos"] for one in operations if one["channel"]["$ref"].endswith("/" + kind))


def ask(probe: Probe, name: str, payload: bytes | str = b"{}", target: str = "ada") -> Seen:
    """Send one command; its ack."""
    since = probe.mark()
    probe.publish(topics.command_topic("fleet", target, name), payload)
    return probe.expect("fleet/1/ada/ack", lambda seen: seen.json()["cmd"] == name, since=since)


def says(state: str, again: bool = False) -> Callable[[Seen], bool]:
    """A status with this word; `again`: not of the first connection."""
    return lambda seen: seen.json()["state"] == state and (seen.json()["conn"] > 1) == again


@pytest.mark.rule("F-RETAIN-1", "F-SEQ-1", "F-CMD-8")
def test_everything_a_node_says_is_legal(broker: Broker, probe: Probe, node: NodeProcess) -> None:
    node.world("tap button-a")
    for event_type in ("press", "release"):
        probe.expect("fleet/1/ada/event/button-a", lambda seen, wanted=event_type: seen.json()["event_type"] == wanted)
    node.world("unplug sht4x")
    probe.expect("fleet/1/ada/tele/sht4x", lambda seen: None in seen.json()["v"].values())
    node.world("plug sht4x")
    assert ask(probe, "echo", '{"id":"e1","text":"hello"}').json()["re"] == "hello"
    assert ask(probe, "buzz", '{"id":"e2","ms":1}').json()["st"] == "bad"
    assert ask(probe, "dance").json()["st"] == "unknown"
    for name in commands.STANDARD:
        if name != "reset":
            ask(probe, name, b"{}" if len(commands.STANDARD[name]) != 1 else b'{"id":"e3"}')
    assert ask(probe, "name", "Ada \u2603 \U0001f41d").json()["re"] == "Ada \u2603 \U0001f41d"
    probe.publish("fleet/1/ada/cmd/buzz", b"300", retain=True)
    probe.publish(
        "fleet/1/ada/cmd/buzz", b"", retain=True
    )  # cleared; for the node, which was there, that is no command
    probe.expect("fleet/1/ada/health")

    node.quit()
    probe.expect("fleet/1/ada/status", says("offline"))
    probe.settle()
    kinds = audit(probe.seen("fleet/1/#"))
    assert kinds.keys() >= {"status", "meta", "tele", "event", "health", "ack", "journal"}, kinds
    seqs = [seen.json()["seq"] for seen in probe.seen("fleet/1/ada/#") if kind_of(seen) in ("tele", "event")]
    assert seqs == list(range(len(seqs))), "readings are missing, or came twice"
    following = 0
    for seen in probe.seen("fleet/1/ada/#"):
        if kind_of(seen) in ("tele", "event"):
            following = seen.json()["seq"] + 1
        elif kind_of(seen) not in ("status", "cmd"):
            assert seen.json()["seq"] >= following, f"{seen} does not have the number of the next reading"
    with Probe(broker.url, "#") as late:
        late.settle()
        assert {seen.topic for seen in late.seen("fleet/#")} == {"fleet/1/ada/status", "fleet/1/ada/meta"}


def test_what_a_node_logs_is_legal(broker: Broker, probe: Probe) -> None:
    probe.publish("fleet/1/ada/cmd/buzz", b"300", retain=True)
    with NodeProcess(broker.url, "ada"):
        probe.expect("fleet/1/ada/log/warning")
        assert audit(probe.seen("fleet/1/ada/#"))["log"] == 1


@pytest.mark.rule("F-CMD-1")
def test_a_retained_command_is_not_obeyed(broker: Broker, probe: Probe) -> None:
    probe.publish("fleet/1/ada/cmd/echo", b'{"id":"old"}', retain=True)
    with NodeProcess(broker.url, "ada"):
        probe.expect("fleet/1/ada/log/warning", lambda seen: "retained" in seen.json()["msg"])
        ask(probe, "echo", b'{"id":"new"}')
        assert [seen.json()["id"] for seen in probe.seen("fleet/1/ada/ack")] == ["new"]


@pytest.mark.rule("F-CMD-6", "F-CMD-8")
def test_a_command_that_comes_twice_is_carried_out_once(probe: Probe, node: NodeProcess) -> None:
    assert ask(probe, "period", b'{"id":"once","ms":300}').json()["st"] == "done"
    assert ask(probe, "period", b'{"id":"then","ms":400}').json()["st"] == "done"
    twin = ask(probe, "period", b'{"id":"once","ms":300}').json()
    assert (twin["st"], twin["id"]) == ("dup", "once")
    probe.expect("fleet/1/ada/meta", lambda seen: seen.json()["period"] == 400)
    ask(probe, "rebirth")
    assert probe.seen("fleet/1/ada/meta")[-1].json()["period"] == 400


@pytest.mark.rule("F-CMD-7")
def test_acks_of_a_command_to_all_are_spread_but_not_over_200_ms(broker: Broker, probe: Probe) -> None:
    with NodeProcess(broker.url, "ada", jitter=200, sensors=[]):
        probe.expect("fleet/1/ada/meta")
        waits = []
        for count in range(12):
            sent = time.monotonic()
            ack = ask(probe, "echo", json.dumps({"id": f"all-{count}"}), target="_all")
            waits.append(ack.at - sent)
        assert max(waits) - min(waits) > 0.02, waits
        assert max(waits) < 0.2 + 0.5, waits  # a loaded machine may add to it


@pytest.mark.rule("F-CMD-9")
def test_a_mute_ends_by_itself(probe: Probe, node: NodeProcess) -> None:
    assert ask(probe, "mute", b"1").json()["st"] == "done"
    assert ask(probe, "buzz", b"50").json()["st"] == "muted"
    deadline = time.monotonic() + 5
    states = set()
    while "ok" not in states and time.monotonic() < deadline:
        states.add(ask(probe, "buzz", b"50").json()["st"])
    assert states == {"muted", "ok"}


@pytest.mark.rule("F-STATUS-5")
def test_a_node_is_born_again_after_every_connect(broker: Broker, probe: Probe, node: NodeProcess) -> None:
    first = probe.expect("fleet/1/ada/status", says("online")).json()
    broker.kill()
    broker.start()
    second = probe.expect("fleet/1/ada/status", says("online", again=True), within=15).json()
    assert second["boot"] == first["boot"]
    since = probe.mark()
    ask(probe, "echo")  # it has subscribed again
    assert len(probe.seen("fleet/1/ada/meta")) >= 2
    assert audit(probe.seen("fleet/1/ada/#")[since:]) is not None


@pytest.mark.rule("F-STATUS-6")
def test_a_node_that_leaves_says_so_and_one_that_vanishes_is_lost(broker: Broker, probe: Probe) -> None:
    with NodeProcess(broker.url, "ada") as node:
        probe.expect("fleet/1/ada/status", says("online"))
        node.interrupt()
        probe.expect("fleet/1/ada/status", says("offline"))
        assert node.wait() == 0
    assert [seen.json()["state"] for seen in probe.seen("fleet/1/ada/status")] == ["online", "offline"]
    with NodeProcess(broker.url, "bob") as node:
        birth = probe.expect("fleet/1/bob/status", says("online")).json()
        node.kill()
        will = probe.expect("fleet/1/bob/status", says("lost")).json()
    assert (will["boot"], will["conn"]) == (birth["boot"], birth["conn"])
    audit(probe.seen("fleet/1/+/status"))


@pytest.mark.rule("F-TIME-2", "F-TELE-3")
def test_a_reading_that_waited_says_so_and_keeps_its_time(broker: Broker, probe: Probe, node: NodeProcess) -> None:
    broker.freeze()  # the observer's connection outlives it, so it misses nothing
    node.expect("next try in", within=15)  # after more than 2 s, so what waits is history
    broker.thaw()
    probe.expect("fleet/1/ada/status", says("online", again=True), within=15)
    late = probe.expect("fleet/1/ada/tele/+", lambda seen: seen.json().get("hist") == 1)
    live = probe.expect("fleet/1/ada/tele/+", lambda seen: "hist" not in seen.json() and seen.at > late.at, within=20)
    assert late.json()["up"] < live.json()["up"] - 2000
    audit(probe.seen("fleet/1/ada/#"))


@pytest.mark.rule("F-RETAIN-2")
def test_a_node_whose_retained_messages_are_cleared_is_forgotten_and_nothing_is_wrong(
    broker: Broker, probe: Probe
) -> None:
    with DashboardProcess(broker.url) as dashboard:
        with NodeProcess(broker.url, "ada") as node:
            dashboard.wait_for("/api/snapshot", lambda page: [one["id"] for one in page["nodes"]] == ["ada"])
            node.quit()
        for kind in ("status", "meta"):
            probe.publish(topics.node_topic("fleet", "ada", kind), b"", retain=True)
        dashboard.wait_for("/api/snapshot", lambda page: page["nodes"] == [])
        assert dashboard.get("/api/stats")["bad"] == {}


@pytest.mark.parametrize("text", ["\U0001f41d" * 32, "\u00e9" * 32], ids=["bees", "accents"])
def test_a_name_too_long_for_meta_is_refused_and_the_node_goes_on(
    broker: Broker, probe: Probe, node: NodeProcess, text: str
) -> None:
    """32 characters may be 384 bytes of escapes: such a meta would be too long, and so would every later birth."""
    answer = ask(probe, "name", text).json()
    groups = ask(probe, "groups", ",".join(letter * 16 for letter in "abcd")).json()
    broker.kill()
    broker.start()
    probe.expect("fleet/1/ada/status", says("online", again=True), within=15)
    ask(probe, "echo")
    meta = probe.seen("fleet/1/ada/meta")[-1].json()
    assert (meta["name"] == text) == (answer["st"] == "done"), answer
    assert bool(meta["groups"]) == (groups["st"] == "done"), groups
    audit(probe.seen("fleet/1/ada/#"))


def test_the_node_on_the_page_is_a_node(broker: Broker, probe: Probe, tmp_path: Path) -> None:
    """The Python program in docs/topics.md, run as it stands there."""
    program = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.S)
    assert len(program) == 1
    path = tmp_path / "dice.py"
    path.write_text(program[0])
    environment = {**os.environ, "HOST": "127.0.0.1", "PORT": str(broker.port)}
    process = subprocess.Popen([sys.executable, str(path)], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        probe.expect("fleet/1/dice/status", says("online"))
        probe.expect("fleet/1/dice/meta")
        reading = probe.expect("fleet/1/dice/tele/die", within=20).json()
        assert 1 <= reading["v"]["eyes"] <= 6
        for target, command, state in (("dice", "roll", "done"), ("_all", "dance", "unknown")):
            probe.publish(f"fleet/1/{target}/cmd/{command}", json.dumps({"id": command}))
            ack = probe.expect("fleet/1/dice/ack", lambda seen, wanted=command: seen.json()["cmd"] == wanted)
            assert (ack.json()["st"], ack.json()["id"]) == (state, command)
    finally:
        process.kill()
        _, said = process.communicate(timeout=5)
    assert said == ""
    probe.expect("fleet/1/dice/status", says("lost"))
    audit(probe.seen("fleet/1/dice/#"))
