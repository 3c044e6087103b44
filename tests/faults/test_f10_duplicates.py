"""F10: whatever is delivered again and again is stored once, and done once."""

import json
import random
from pathlib import Path
from typing import Any

from fleet_schema import payloads, topics
from support import checker
from support.broker import Broker
from support.dashboard import ANY_RATE, DashboardProcess
from support.history import rows_of
from support.node import NodeProcess
from support.probe import Probe
from support.rig import PATIENCE
from support.seed import amount, chance

READINGS = 500
AGAIN = amount("FLEET_DUPLICATES", 10_000)
COMMANDS = 300


def reading(seq: int) -> bytes:
    fields: dict[str, Any] = {"boot": "9f3a", "seq": seq, "up": 100 * seq, "v": {"temp": seq / 10, "hum": None}}
    return payloads.encode("tele", fields)


def publish_all(probe: Probe, topic: str, messages: list[bytes]) -> None:
    """As fast as they go, and until the broker has them."""
    sent = [probe._client.publish(topic, message, 1) for message in messages]
    for one in sent:
        one.wait_for_publish(PATIENCE)


def shuffled(dice: random.Random, count: int) -> list[bytes]:
    return [reading(dice.randrange(READINGS)) for _ in range(count)]


def has_all(told: Any) -> bool:
    return bool(told["nodes"]) and told["nodes"][0]["boots"][0]["stored"] > READINGS


def test_ten_thousand_duplicates_are_no_row_more(broker: Broker, tmp_path: Path) -> None:
    dice = chance("f10")
    topic = topics.node_topic("fleet", "ada", "tele", "sht4x")
    taken = [
        {"what": "taken", "at": 0.0, "node": "ada", "kind": "tele", "name": "sht4x", **json.loads(reading(seq))}
        for seq in range(READINGS)
    ]
    with Probe(broker.url, "none/#") as probe:
        # So many at once are a flood, which is another test (F18).
        dashboard = DashboardProcess(broker.url, data_dir=tmp_path, environment=ANY_RATE)
        with dashboard:
            publish_all(probe, topic, [reading(seq) for seq in range(READINGS)])
            publish_all(probe, topic, shuffled(dice, AGAIN // 2))
            dashboard.kill()  # what it knew of them is in its database only
            publish_all(probe, topic, shuffled(dice, AGAIN // 4))
            dashboard.start(PATIENCE)
            publish_all(probe, topic, shuffled(dice, AGAIN // 4))
            publish_all(probe, topic, [reading(READINGS)])
            taken.append({**taken[0], **json.loads(reading(READINGS))})
            dashboard.wait_for("/api/stats", lambda stats: stats["messages"] >= AGAIN // 4, PATIENCE)
            told = dashboard.wait_for("/api/delivery", has_all, PATIENCE)
            stats = dashboard.get("/api/stats")
            assert dashboard.stop(within=30)[0] == 0
        result = checker.check([*taken, *rows_of(dashboard.database)])
    account = told["nodes"][0]["boots"][0]
    print(
        f"{AGAIN} duplicates: {result}; the host counted {account['twice']}, and wrote {stats['repeated']} rows again"
    )
    assert result.ok, str(result)
    assert result.stored == READINGS + 1
    assert (account["stored"], account["missing"], account["gone"]) == (READINGS + 1, 0, 0)
    assert account["twice"] >= AGAIN // 4


def test_a_command_that_comes_again_is_done_once(broker: Broker, probe: Probe) -> None:
    dice = chance("f10 commands")
    names = [f"Name {number}" for number in range(COMMANDS // 10)]
    sent = [json.dumps({"id": f"c{number}", "name": name}) for number, name in enumerate(names)]
    with NodeProcess(broker.url, period=1000) as node:
        probe.expect("fleet/1/ada/tele/sht4x", within=PATIENCE)
        for at in range(0, len(sent), 10):  # a node remembers the last 32 ids
            group = sent[at : at + 10]
            for command in group + [dice.choice(group) for _ in range(90)]:
                probe.publish("fleet/1/ada/cmd/name", command)
        probe.expect_count(COMMANDS, "fleet/1/ada/ack", within=PATIENCE)
        probe.settle(30)
        acks = [seen.json() for seen in probe.seen("fleet/1/ada/ack")]
        node.quit()
    done = [ack["re"] for ack in acks if ack["st"] == "done"]
    rest = {ack["st"] for ack in acks if ack["st"] != "done"}
    print(f"{len(acks)} acks of {len(sent)} commands sent {COMMANDS} times: {len(done)} done, the rest {rest}")
    assert done == names, "each was done once, in their order"
    assert rest <= {"dup", "busy"}
