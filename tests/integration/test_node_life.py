"""How a node comes, goes and comes back, seen on a real mosquitto."""

import itertools
import subprocess
from pathlib import Path

import pytest

from fleet_schema import payloads
from support.broker import Broker
from support.node import LOOSE_LAG_MS, NodeProcess
from support.probe import Probe, Seen


def state(name: str):
    return lambda seen: seen.json()["state"] == name


@pytest.mark.rule("F-STATUS-1", "F-STATUS-2")
def test_a_node_is_born_with_a_retained_status_and_meta(broker: Broker):
    with NodeProcess(broker.url, name="Ada", sensors=["sht4x", "bmp280"]) as node, Probe(broker.url) as probe:
        probe.expect("fleet/1/ada/tele/sht4x", lambda seen: seen.json()["v"]["temp"] is not None)
        with Probe(broker.url) as late:  # only what is retained reaches one who comes late
            status = late.expect("fleet/1/ada/status", lambda seen: seen.retain)
            meta = late.expect("fleet/1/ada/meta", lambda seen: seen.retain)
        assert status.qos == 1
        assert status.json()["state"] == "online"
        assert status.json()["conn"] == 1
        born = payloads.decode("meta", meta.payload)
        assert born["name"] == "Ada"
        assert born["boot"] == status.json()["boot"]
        assert born["sensors"]["bmp280"] == {"temp": ["Cel", "temperature"], "press": ["hPa", "pressure"]}
        assert sorted(born["inputs"]["button-a"]) == ["long", "press", "release"]
        assert node.quit() <= LOOSE_LAG_MS


@pytest.mark.rule("F-ENV-1", "F-ENV-2", "F-ENV-3", "F-TELE-1")
def test_readings_are_numbered_without_a_gap_and_keep_their_period(broker: Broker, probe: Probe):
    with NodeProcess(broker.url, period=200):
        seen = probe.expect_count(10, "fleet/1/ada/tele/sht4x", within=20)
        seqs = sorted(one.json()["seq"] for one in probe.seen("fleet/1/ada/tele/#"))
    assert seqs == list(range(len(seqs)))
    ups = [payloads.decode("tele", one.payload)["up"] for one in seen]
    gaps = [later - earlier for earlier, later in itertools.pairwise(ups)]
    assert abs(sum(gaps) / len(gaps) - 200) < 5, gaps


@pytest.mark.rule("F-STATUS-1")
def test_the_will_says_lost_when_a_node_dies(broker: Broker, probe: Probe):
    with NodeProcess(broker.url) as node:
        online = probe.expect("fleet/1/ada/status", state("online")).json()
        node.kill()
        lost = probe.expect("fleet/1/ada/status", state("lost"))
    assert (lost.json()["boot"], lost.json()["conn"]) == (online["boot"], online["conn"])


@pytest.mark.rule("F-STATUS-6")
def test_ctrl_c_is_a_clean_goodbye(broker: Broker, probe: Probe):
    with NodeProcess(broker.url) as node:
        probe.expect("fleet/1/ada/tele/sht4x")
        node.interrupt()
        assert node.wait() == 0
        probe.expect("fleet/1/ada/status", state("offline"))
        probe.settle()
    assert [seen for seen in probe.seen("fleet/1/ada/status") if seen.json()["state"] == "lost"] == []


def wait_longer_than_a_probe_needs(node: NodeProcess) -> None:
    """Until the node has announced a wait of 2 s or more: time to start a broker and to observe it from the start."""
    node.expect("next try", within=20, accept=lambda line: int(line.split()[-2]) >= 2000)


def wait_until_all_left(probe: Probe) -> None:
    """Until the reading came whose number an answer asked for now has: readings leave in their order."""
    probe.publish("fleet/1/ada/cmd/echo", "are you there")
    ack = probe.expect("fleet/1/ada/ack", lambda seen: seen.json()["re"] == "are you there", within=20).json()
    probe.expect("fleet/1/ada/tele/sht4x", lambda seen: seen.json()["seq"] >= ack["seq"], within=20)


@pytest.mark.rule("F-STATUS-5", "F-SEQ-1", "F-TIME-2")
def test_after_a_broker_was_killed_a_node_is_back_by_itself_and_no_reading_is_lost(broker: Broker, probe: Probe):
    with NodeProcess(broker.url, period=100) as node:
        probe.expect_count(5, "fleet/1/ada/tele/sht4x")
        broker.kill()
        wait_longer_than_a_probe_needs(node)
        broker.start()
        with Probe(broker.url) as again:
            born = again.expect("fleet/1/ada/status", lambda seen: seen.json()["conn"] > 1, within=15)
            assert born.json()["state"] == "online"
            again.expect("fleet/1/ada/meta")
            wait_until_all_left(again)
            lag = node.quit()
            again.settle()
            seen = [*probe.seen("fleet/1/ada/tele/#"), *again.seen("fleet/1/ada/tele/#")]
    stamped = [one.json() for one in seen]
    assert {one["boot"] for one in stamped} == {born.json()["boot"]}
    assert {one["seq"] for one in stamped} == set(range(max(one["seq"] for one in stamped) + 1))
    late = [one["seq"] for one in stamped if one.get("hist") == 1]
    assert len(late) >= 10
    print(f"{len(late)} readings sent late, worst loop lag {lag} ms")
    assert lag <= LOOSE_LAG_MS


def test_a_frozen_broker_costs_no_reading(broker: Broker, probe: Probe):
    with NodeProcess(broker.url, period=100, keepalive=4) as node:
        probe.expect_count(5, "fleet/1/ada/tele/sht4x")
        broker.freeze()
        node.expect("next try", within=20)
        broker.thaw()
        probe.expect("fleet/1/ada/status", lambda seen: seen.json()["conn"] > 1, within=15)
        wait_until_all_left(probe)
        lag = node.quit()
        probe.settle()
    seqs = {one.json()["seq"] for one in probe.seen("fleet/1/ada/tele/#")}
    assert seqs == set(range(max(seqs) + 1)), "readings are missing"
    print(f"worst loop lag {lag} ms")
    assert lag <= LOOSE_LAG_MS


def test_a_full_queue_drops_the_oldest_and_says_how_many(broker: Broker):
    broker.kill()
    with NodeProcess(broker.url, period=100, queue=10, health=1000) as node:
        wait_longer_than_a_probe_needs(node)
        broker.start()
        with Probe(broker.url) as probe:
            boot, first, end, dropped = probe.expect("fleet/1/ada/journal", within=15).json()["kept"][0]
            probe.expect_count(10, "fleet/1/ada/tele/sht4x")
            kept = [one.json()["seq"] for one in probe.seen("fleet/1/ada/tele/sht4x")]
            health = probe.expect("fleet/1/ada/health", lambda seen: seen.json()["drops"] >= kept[0]).json()
        assert (first, end - first) == (dropped, 10), boot
        assert dropped > 10
        assert kept[0] >= first, "a reading taken between this count and the first that is sent drops one more"
        assert kept[:10] == list(range(kept[0], kept[0] + 10))
        assert health["spool"] == 10, "without a host the journal is a ring"


def test_two_runs_of_one_node_have_different_boot_ids(broker: Broker, probe: Probe):
    with NodeProcess(broker.url) as node:
        first = probe.expect("fleet/1/ada/status", state("online")).json()["boot"]
        node.quit()
    mark = probe.mark()
    with NodeProcess(broker.url):
        second = probe.expect("fleet/1/ada/status", state("online"), since=mark).json()["boot"]
    assert first != second


def test_a_wrong_password_is_named_and_tried_again(tmp_path: Path):
    passwords = tmp_path / "passwords"
    passwords.write_text("ada:secret\n")
    passwords.chmod(0o600)
    subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True)
    with Broker("allow_anonymous false", f"password_file {passwords}") as broker:
        with NodeProcess(f"mqtt://ada:wrong@127.0.0.1:{broker.port}") as node:
            node.expect("the broker refused: wrong user or password")
            node.expect("next try", accept=lambda line: line != node.output.splitlines()[0])
        with NodeProcess(f"mqtt://ada:secret@127.0.0.1:{broker.port}") as node:
            node.expect("connected to")


def test_the_whole_node_runs_in_192_kb_of_heap(broker: Broker, probe: Probe):
    with NodeProcess(broker.url, heap="192K", sensors=["sht4x", "bmp280", "mpu6886"], health=1000) as node:

        def is_whole(seen: Seen) -> bool:
            return None not in seen.json()["v"].values()

        for sensor in ("sht4x", "bmp280", "mpu6886"):
            probe.expect_count(10, f"fleet/1/ada/tele/{sensor}", is_whole, within=20)
        health = payloads.decode("health", probe.expect("fleet/1/ada/health").payload)
        assert health["errors"] == 0
        print(f"free heap {health['mem']} bytes")
        node.quit()
        assert "Traceback" not in node.output


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"node": "Ada!"}, '"node" is "Ada!"'),
        ({"period": 1}, '"period" is 1: use a whole number from 100 to 3600000'),
        ({"sensors": ["sht31"]}, '"sensors" is ["sht31"]: use a list of aht20, bmp280, mpu6886, sht4x'),
    ],
)
def test_a_wrong_configuration_ends_with_a_sentence(settings: dict[str, object], sentence: str):
    with NodeProcess("mqtt://127.0.0.1:1", **{"node": "ada", **settings}) as node:  # type: ignore[arg-type]
        node.expect(sentence)
        assert node.wait() == 2
    assert "Traceback" not in node.output
