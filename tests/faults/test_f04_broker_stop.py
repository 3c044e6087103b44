"""F4: a broker that is stopped and started again, with persistence: what is retained and every session survives."""

from pathlib import Path

from support.probe import Probe
from support.rig import PATIENCE, Rig

QUEUED = 200


def test_a_stopped_broker_forgets_nothing_and_no_reading_is_lost(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig, Probe(rig.broker.url, "none/#") as sender:
        for number in range(3):
            rig.node(f"n{number}", period=100)
        rig.wait_for_readings(30)
        # Leaves a session behind, in which what comes meanwhile waits. Resumed, though there is none yet: mosquitto
        # 2.0.11 does not save a session that began with a clean start.
        with Probe(rig.broker.url, "queue/#", client_id="guest", resume=True):
            pass
        for number in range(QUEUED):
            sender.publish("queue/one", str(number))
            sender.publish(f"kept/{number}", str(number), retain=True)
        rig.fault("stop", "broker")
        rig.broker.stop()
        rig.wait_for_readings(30)
        rig.broker.start()
        back = rig.obeyed("echo", text="here")
        with Probe(rig.broker.url, "queue/#", "kept/#", "fleet/1/+/status", client_id="guest", resume=True) as guest:
            queued = guest.expect_count(QUEUED, "queue/one", within=PATIENCE)
            kept = guest.expect_count(QUEUED, "kept/+", lambda seen: seen.retain, within=PATIENCE)
            guest.expect_count(3, "fleet/1/+/status", lambda seen: seen.json()["state"] == "online", within=PATIENCE)
        settled = rig.settle()
        miscounts = rig.miscounts()
        result = rig.verdict()
    assert [seen.payload for seen in queued] == [str(number).encode() for number in range(QUEUED)]
    assert len({seen.topic for seen in kept}) == QUEUED
    print(f"all nodes commandable {back:.1f} s after the start, settled {settled:.1f} s later: {result}")
    assert result.ok, str(result)
    assert result.dropped == result.ram == 0
    assert not miscounts, "\n".join(miscounts)
