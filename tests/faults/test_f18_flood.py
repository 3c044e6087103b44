"""F18: one node sends too large or too much: the broker closes only that one, the host takes only so much of it, and
the others' readings are all stored, and in time."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from fleet_schema import SchemaError, payloads
from support import tiers
from support.broker import Broker
from support.history import rows_of
from support.memory import rss_mb
from support.probe import Probe
from support.rig import PATIENCE, Rig
from support.seed import amount

SECONDS = amount("FLEET_FLOOD_S", 12)
RATE = 1000
ALLOWED = 200
BURST = 10 * ALLOWED
LIMIT = 16384  # as in broker/mosquitto.conf
BOOT = "f100"


def client_of(broker: Broker, name: str) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, name)
    client.max_queued_messages_set(0)
    client.reconnect_delay_set(3600, 3600)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    return client


def reading(seq: int) -> bytes:
    return payloads.encode("tele", {"boot": BOOT, "seq": seq, "up": seq, "v": {"temp": 1.5}})


def flood(client: paho.Client, seconds: float) -> int:
    """As a loop without a pause would; how many it sent."""
    sent, due, end = 0, time.monotonic(), time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(RATE // 20):
            client.publish("fleet/1/evil/tele/sht4x", reading(sent), 0)
            sent += 1
        due += 0.05
        time.sleep(max(0.0, due - time.monotonic()))
    client.publish("fleet/1/evil/tele/sht4x", reading(sent), 1).wait_for_publish(PATIENCE)
    return sent + 1


class Lag(threading.Thread):
    """Looks five times a second how long the last reading of each of the others took to the host, in ms."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(daemon=True)
        self._rig = rig
        self._over = threading.Event()
        self._found: list[float] = []

    def run(self) -> None:
        while not self._over.wait(0.2):
            nodes = self._rig.dashboard.get("/api/snapshot")["nodes"]
            self._found += [node["lag_ms"] for node in nodes if node["id"] != "evil" and node["lag_ms"] is not None]

    def p99(self) -> float:
        self._over.set()
        self.join()
        return sorted(self._found)[int(len(self._found) * 0.99)]


@pytest.mark.timeout(300)
def test_a_flood_of_one_node_is_limited_and_counted_and_nobody_else_notices(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig, Probe(rig.broker.url, "fleet/1/_host/alert/flood-evil") as probe:
        for number in range(3):
            rig.node(f"n{number}", period=100)
        rig.wait_for_readings(30)
        rig.wait_until_stored()
        calm = Lag(rig)
        calm.start()
        rig.wait_for_readings(120)
        before_ms = calm.p99()
        memory = rss_mb(rig.dashboard.pid)
        before = rig.dashboard.get("/api/stats")["bad"]
        evil = client_of(rig.broker, "evil")
        lag = Lag(rig)
        lag.start()
        sent = flood(evil, SECONDS)
        alert = probe.expect("fleet/1/_host/alert/flood-evil", lambda seen: bool(seen.payload), PATIENCE).json()
        took = rig.wait_until_stored("the others, during the flood")
        during_ms = lag.p99()
        grown = rss_mb(rig.dashboard.pid) - memory
        roll = {row["id"]: row for row in rig.dashboard.get("/api/roll")["nodes"]}

        def account() -> dict[str, Any]:
            nodes = {one["id"]: one for one in rig.dashboard.get("/api/delivery")["nodes"]}
            boots: list[dict[str, Any]] = nodes["evil"]["boots"] if "evil" in nodes else []
            return next((boot for boot in boots if boot["boot"] == BOOT), {})

        told = rig.dashboard.wait_for(
            "/api/stats",
            lambda stats: stats["bad"].get("host-flood", 0) + stored(rig) + stats["duplicates"] >= sent,
            PATIENCE,
        )
        turned_away = told["bad"]["host-flood"] - before.get("host-flood", 0)
        # The next reading that is taken shows which are missing.
        time.sleep(1.5)
        evil.publish("fleet/1/evil/tele/sht4x", reading(sent), 1).wait_for_publish(PATIENCE)
        rig.dashboard.wait_for("/api/delivery", lambda _: account().get("taken") == sent + 1, PATIENCE)
        known = account()
        kept = stored(rig)
        evil.disconnect()
        evil.loop_stop()
        rig.settle()
        result = rig.verdict()
        others = {(row["node"], row["boot"], row["seq"]) for row in rows_of(rig.dashboard.database)}
    taken = {(one["node"], one["boot"], one["seq"]) for one in rig.taken()}
    lines = [
        f"{sent} messages at {RATE}/s in {SECONDS} s: {kept} stored, {turned_away} turned away; {alert['text']}",
        f"others: p99 {before_ms:.0f} ms before, {during_ms:.0f} ms during; all stored {took:.1f} s after its end",
        f"RSS {grown:+.1f} MB; account {known}",
    ]
    print("\n".join(lines))
    folder = tiers.ROOT / "tests" / "artifacts"
    folder.mkdir(exist_ok=True)
    (folder / "flood.md").write_text("# F18: one node floods\n\n" + "\n".join(f"- {line}" for line in lines) + "\n")
    assert taken <= others, f"of the others are missing: {sorted(taken - others)[:5]}"
    assert not result.unexcused
    assert turned_away > 0
    assert kept <= BURST + ALLOWED * (SECONDS + 30), "nothing was limited"
    assert kept + turned_away >= sent, "some of the flood is in no count"
    assert known["stored"] + known["missing"] == known["taken"] == sent + 1, "what was turned away is not missing"
    assert known["gone"] == known["dropped"] == 0
    assert "messages a second" in alert["text"]
    assert roll["evil"]["kind"] == "flood"
    assert grown < 30, "it grows with the flood"


def stored(rig: Rig) -> int:
    return sum(row["node"] == "evil" for row in rows_of(rig.dashboard.database))


def test_of_a_node_that_keeps_its_readings_nothing_is_lost_by_the_limit(tmp_path: Path) -> None:
    """A real node, and a limit so low that it is a flood: what was turned away is asked for when it is over."""
    with Rig(tmp_path, environment={"FLEET_NODE_RATE": "10"}) as rig:
        rig.node("ada", period=100, sensors=["sht4x", "bmp280", "mpu6886"])
        rig.wait_for_readings(300)
        rig.dashboard.wait_for("/api/roll", lambda roll: kind_of(roll, "ada") == "flood", PATIENCE)
        turned_away = rig.dashboard.get("/api/stats")["bad"]["host-flood"]
        took = rig.settle()
        miscounts = rig.miscounts()
        result = rig.verdict()
    print(f"{turned_away} turned away, all stored {took:.1f} s after the last reading; {result.sentence}")
    assert turned_away > 50
    assert result.ok, str(result)
    assert result.dropped == result.ram == 0
    assert not miscounts, "\n".join(miscounts)


def kind_of(roll: dict[str, Any], node: str) -> str:
    return next((str(row["kind"]) for row in roll["nodes"] if row["id"] == node), "")


@pytest.mark.parametrize("size", [LIMIT + 1, 2 << 20], ids=["16-kB+1", "2-MB"])
def test_a_packet_that_is_too_large_costs_the_sender_its_connection_and_nobody_else_anything(
    tmp_path: Path, size: int
) -> None:
    with Rig(tmp_path, f"max_packet_size {LIMIT}") as rig, Probe(rig.broker.url, "fleet/1/+/status") as probe:
        for number in range(2):
            rig.node(f"n{number}", period=100)
        rig.wait_for_readings(20)
        memory, mark = rss_mb(rig.dashboard.pid), probe.mark()
        closed = threading.Event()
        evil = client_of(rig.broker, "evil")
        evil.on_disconnect = lambda *_: closed.set()
        while not evil.is_connected():
            time.sleep(0.01)
        evil.publish("fleet/1/evil/tele/sht4x", b"x" * size, 1)
        assert closed.wait(PATIENCE), f"the broker kept a sender of {size} bytes"
        evil.loop_stop()
        rig.wait_for_readings(20)
        took = rig.wait_until_stored("the others")
        grown = rss_mb(rig.dashboard.pid) - memory
        again = [str(seen) for seen in probe.seen()[mark:] if not seen.topic.endswith("/evil/status")]
        bad = rig.dashboard.get("/api/stats")["bad"]
        rig.settle()
        result = rig.verdict()
    print(f"{size} bytes: closed; others stored within {took:.1f} s, RSS {grown:+.1f} MB; {result.sentence}")
    assert not again, f"others lost their connection: {again}"
    assert not bad, "something of it reached the host"
    assert result.ok, str(result)


def test_a_node_refuses_to_build_what_is_too_large() -> None:
    with pytest.raises(SchemaError, match="F-PAYLOAD-2"):
        payloads.encode("log", {"boot": BOOT, "seq": 0, "up": 0, "msg": "x" * 600})
    assert len(json.dumps({"msg": "x" * 600})) > payloads.LIMIT
