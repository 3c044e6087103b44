"""F5, and the promise itself: the dashboard is away while a class goes on measuring, and the broker is killed in it.

The broker had acknowledged the readings and kept them for the dashboard, and had saved nothing: the nodes have them.
"""

import time
from pathlib import Path

from support.rig import PATIENCE, Rig
from support.seed import amount

AWAY_S = amount("FLEET_AWAY_S", 6)  # 600 by hand
NODES = 10  # with five readings a second each
NEVER_S = 86_400  # autosave: 5 s are usual, and it would be luck what they save


def test_after_an_absence_with_a_broker_killed_in_it_there_is_no_gap(tmp_path: Path) -> None:
    patience = PATIENCE + AWAY_S
    with Rig(tmp_path, f"autosave_interval {NEVER_S}") as rig:
        for number in range(NODES):
            rig.node(f"n{number}", period=200, journal_kb=512)  # ten minutes are 3,000 readings, about ten a KB
        rig.wait_for_readings(NODES * 3)
        rig.fault("stop", "dashboard", seconds=AWAY_S)
        rig.dashboard.stop(within=30)
        began, before = time.monotonic(), len(rig.taken())
        time.sleep(AWAY_S / 2)
        rig.fault("kill", "broker")
        rig.broker.kill()
        time.sleep(1)
        rig.broker.start()
        up = time.monotonic()
        time.sleep(max(0.0, AWAY_S - (time.monotonic() - began)))
        rate = (len(rig.taken()) - before) / (time.monotonic() - began)
        rig.dashboard.start(PATIENCE)
        for name in rig.nodes:
            rig.dashboard.node(name, lambda node: node["state"] == "online" and node["meta"], within=patience)
        states = time.monotonic() - up
        caught_up = rig.wait_until_stored("the absence", patience)
        settled = rig.settle(patience)
        rig.wait_until_ordered()
        miscounts = rig.miscounts()
        shown = rig.dashboard.get("/api/snapshot")["nodes"]
        result = rig.verdict()
    print(
        f"away {AWAY_S} s at {rate:.0f} readings/s; all states right {states:.1f} s after the broker was (target 30);"
    )
    print(f"caught up {caught_up:.1f} s after that, settled {settled:.1f} s later; {result}")
    assert result.ok, str(result)
    assert result.dropped == result.ram == 0
    assert not miscounts, "\n".join(miscounts)
    assert not [node["counts"] for node in shown if node["counts"]["missing"] or node["counts"]["gone"]]
