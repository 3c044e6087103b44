"""F21: a command or a `stored` that somebody retained is never obeyed, and the host takes it away and says so."""

import json
import time
from pathlib import Path

import pytest

from fleet_schema import topics
from support.probe import Probe
from support.rig import PATIENCE, Rig

COMMANDS = {
    "reset": "{}",
    "name": "Evil",
    "period": "3600000",
    "buzz": "300",
    "led": "true",
    "say": "evil",
    "echo": "evil",
}
WATCHED = ("fleet/1/+/cmd/+", "fleet/1/_host/alert/+", "fleet/1/+/ack", "fleet/1/+/status")


@pytest.mark.rule("F-CMD-1")
def test_no_retained_command_acts_neither_at_a_connect_nor_when_it_is_cleared(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig, Probe(rig.broker.url, *WATCHED) as probe:
        targets = ("ada", "_all", "_red")
        traps = {topics.command_topic("fleet", who, name): COMMANDS[name] for who in targets for name in COMMANDS}
        rig.dashboard.stop(within=30)  # it would clear them before the node comes
        for topic, payload in traps.items():
            probe.publish(topic, payload, retain=True)
        node = rig.node("ada", period=100, groups=["red"], sensors=["sht4x", "bmp280", "mpu6886"])
        rig.wait_for_readings(20)
        node.expect("ignored a retained command", within=PATIENCE)
        assert not probe.seen("fleet/1/ada/ack"), "it obeyed a retained command"
        assert node.resets == 0
        mark = probe.mark()
        rig.dashboard.start(PATIENCE)
        for topic in traps:
            probe.expect(topic, lambda seen: seen.payload == b"", within=PATIENCE, since=mark)
        alert = probe.expect("fleet/1/_host/alert/+", lambda seen: b"retained-command" in seen.payload, PATIENCE)
        with Probe(rig.broker.url, "fleet/1/+/cmd/+") as late:
            late.settle(30)
            left = [str(seen) for seen in late.seen("fleet/1/+/cmd/+")]
        rig.wait_for_readings(10)
        acted = [str(seen) for seen in probe.seen("fleet/1/ada/ack")]
        resets = node.resets
        shown = rig.dashboard.node("ada", lambda node: node["meta"], within=PATIENCE)
        rig.settle()
        result = rig.verdict()
    print(f"{len(traps)} traps, {alert}; {result}")
    assert not left, f"still on the broker: {left}"
    assert (shown["name"], shown["period"]) == ("ada", 100)
    assert "evil" not in node.output
    assert result.ok, str(result)
    assert not resets, f"clearing the retained reset was taken for a reset, {resets} times"
    assert not acted, f"clearing was taken for a command: {acted}"


@pytest.mark.rule("F-SEQ-5")
def test_a_retained_stored_makes_no_node_forget(tmp_path: Path) -> None:
    """And one that nobody retained is believed: that is what the access lists are for (F20)."""
    with Rig(tmp_path) as rig, Probe(rig.broker.url, "fleet/1/ada/journal") as probe:
        node = rig.node("ada", period=100, sensors=["sht4x", "bmp280", "mpu6886"])
        rig.wait_for_readings(20)
        rig.wait_until_stored()
        rig.dashboard.stop(within=30)
        rig.wait_for_readings(20)
        boot = node.boot
        lie = json.dumps({"boot": boot, "seq": 1 << 20})
        probe.publish(topics.host_topic("fleet", "stored", "ada"), lie, retain=True)
        time.sleep(0.2)  # live, it is believed
        mark = probe.mark()
        rig.broker.stop()
        rig.wait_for_readings(30)
        rig.broker.start()
        node.expect("ignored a retained", within=PATIENCE)
        kept = probe.expect("fleet/1/ada/journal", within=PATIENCE, since=mark).json()["kept"]
        probe.publish(topics.host_topic("fleet", "stored", "ada"), "", retain=True)
    own = kept[-1]
    assert own[0] == boot
    assert own[2] - own[1] >= 30, f"it let go of readings for a retained lie: {kept}"
