"""F30: a flood of retained topics, of ids and of fields meets its caps: the host stays small, and says who it is."""

import json
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from fleet_dashboard.nodes import MAX_FIELDS, MAX_NODES
from fleet_schema import payloads
from support.broker import Broker
from support.dashboard import ANY_RATE, DashboardProcess
from support.memory import rss_mb
from support.rig import PATIENCE
from support.seed import amount

TOPICS = amount("FLEET_TOPICS", 20_000)
GROWTH_MB = 20.0


def publisher(broker: Broker) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, "evil")
    client.max_queued_messages_set(0)
    client.max_inflight_messages_set(500)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    return client


def publish_all(client: paho.Client, messages: list[tuple[str, bytes]], retain: bool) -> None:
    sent = [client.publish(topic, payload, 1, retain) for topic, payload in messages]
    for one in sent:
        one.wait_for_publish(PATIENCE)


def reading(seq: int, who: str = "evil", **fields: float) -> tuple[str, bytes]:
    v = fields or {"temp": 1.5}
    return f"fleet/1/{who}/tele/s{seq}", payloads.encode("tele", {"boot": "f100", "seq": seq, "up": seq, "v": v})


def neighbour(client: paho.Client, seq: int) -> None:
    envelope = {"boot": "0001", "seq": seq, "up": 1000 + seq}
    if not seq:
        client.publish("fleet/1/ada/status", json.dumps({"state": "online", "boot": "0001", "conn": 1}), 1, True)
    client.publish("fleet/1/ada/tele/sht4x", payloads.encode("tele", {**envelope, "v": {"temp": 21.5}}), 1)


def settled(dashboard: DashboardProcess, count: int) -> dict[str, Any]:
    found: dict[str, Any] = dashboard.wait_for("/api/stats", lambda stats: stats["messages"] >= count, 2 * PATIENCE)
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("limited", [True, False], ids=["as-it-is", "without-the-limit"])
def test_twenty_thousand_retained_topics_of_one_node_do_not_grow_the_host(
    tmp_path: Path, broker: Broker, limited: bool
) -> None:
    """Also without the limit on messages a second: then the caps alone hold. And once more at the start of a dashboard,
    when the broker gives it all of them at once."""
    environment = {} if limited else ANY_RATE
    client = publisher(broker)
    try:
        with DashboardProcess(broker.url, data_dir=tmp_path, environment=environment) as dashboard:
            neighbour(client, 0)
            dashboard.node("ada", within=PATIENCE)
            time.sleep(1)
            memory = rss_mb(dashboard.pid)
            publish_all(client, [reading(seq) for seq in range(TOPICS)], retain=True)
            stats = settled(dashboard, TOPICS)
            neighbour(client, 1)
            dashboard.node("ada", lambda node: node["counts"]["received"] >= 2, PATIENCE)
            evil = dashboard.node("evil")
            live = rss_mb(dashboard.pid) - memory
            roll = {row["id"]: row for row in dashboard.get("/api/roll")["nodes"]}
            assert dashboard.stop(within=30)[0] == 0
            dashboard.start(PATIENCE)
            fresh = settled(dashboard, TOPICS)
            again = rss_mb(dashboard.pid)
            late = dashboard.node("evil")
            sensors = dashboard.get("/api/snapshot")["nodes"]
        print(
            f"{TOPICS} topics: {live:+.1f} MB live, {again:.0f} MB after a start; {stats['bad']}; then {fresh['bad']}"
        )
        assert sum(len(fields) for fields in evil["v"].values()) <= MAX_FIELDS
        assert sum(len(fields) for fields in late["v"].values()) <= MAX_FIELDS
        assert live <= GROWTH_MB, f"it grew by {live:.1f} MB"
        assert again <= memory + GROWTH_MB, f"after a start it is {again - memory:.1f} MB larger"
        assert len(sensors) == 2
        assert roll["evil"]["kind"] == ("flood" if limited else "schema")
        assert "host-fields-full" in stats["bad"] or limited
    finally:
        publish_all(client, [(f"fleet/1/evil/tele/s{seq}", b"") for seq in range(TOPICS)], retain=True)
        client.publish("fleet/1/ada/status", b"", 1, True).wait_for_publish(PATIENCE)
        client.disconnect()
        client.loop_stop()


@pytest.mark.timeout(300)
def test_no_more_than_500_nodes_with_32_fields_each_and_what_is_beyond_is_counted(
    tmp_path: Path, broker: Broker
) -> None:
    client = publisher(broker)
    try:
        with DashboardProcess(broker.url, data_dir=tmp_path) as dashboard:
            first = [f"n-{number}" for number in range(MAX_NODES)]
            beyond = [f"x-{number}" for number in range(50)]
            said = {"state": "online", "boot": "0001", "conn": 1}
            publish_all(client, [(f"fleet/1/{one}/status", json.dumps(said).encode()) for one in first], retain=False)
            dashboard.wait_for("/api/snapshot", lambda shown: len(shown["nodes"]) == MAX_NODES, PATIENCE)
            publish_all(client, [(f"fleet/1/{one}/status", json.dumps(said).encode()) for one in beyond], retain=False)
            wide = {f"f{field}": 1.5 for field in range(16)}
            publish_all(client, [reading(seq, "n-0", **wide) for seq in range(5)], retain=False)
            stats = settled(dashboard, MAX_NODES + 55)
            shown = dashboard.get("/api/snapshot")["nodes"]
            n0 = dashboard.node("n-0", lambda node: len(node["v"]) == 2, PATIENCE)
        print(stats["bad"])
        assert len(shown) == MAX_NODES
        assert not any(node["id"].startswith("x-") for node in shown)
        assert stats["bad"] == {"host-nodes-full": 50, "host-fields-full": 3}
        assert sum(len(fields) for fields in n0["v"].values()) == MAX_FIELDS
    finally:
        client.disconnect()
        client.loop_stop()
