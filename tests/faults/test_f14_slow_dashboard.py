"""F14: a dashboard that does not take part for a while under 200 readings a second: bounded memory, and no gap."""

import time
from pathlib import Path

from support.memory import rss_mb
from support.rig import PATIENCE, Rig
from support.seed import amount

PAUSE_S = amount("FLEET_PAUSE_S", 4)  # 60 by hand
NODES = 10  # two sensors each, ten times a second
GROWTH_MB = 50


def test_a_dashboard_that_stood_still_has_everything_in_the_end(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        for number in range(NODES):
            rig.node(f"n{number}", period=100, sensors=["sht4x", "mpu6886"])
        rig.wait_for_readings(200)
        before = rss_mb(rig.dashboard.pid)
        rig.fault("freeze", "dashboard", seconds=PAUSE_S)
        rig.dashboard.freeze()
        began, taken = time.monotonic(), len(rig.taken())
        time.sleep(PAUSE_S)
        rate = (len(rig.taken()) - taken) / (time.monotonic() - began)
        rig.dashboard.thaw()
        caught_up = rig.wait_until_stored("after the thaw", PATIENCE + 2 * PAUSE_S)
        after = rss_mb(rig.dashboard.pid)
        settled = rig.settle(PATIENCE + 2 * PAUSE_S)
        dropped = rig.dashboard.get("/api/stats")["broker_dropped"]
        miscounts = rig.miscounts()
        result = rig.verdict()
    print(f"{PAUSE_S} s at {rate:.0f} readings/s; caught up {caught_up:.1f} s after it, settled {settled:.1f} s later;")
    print(f"RSS {before:.0f} -> {after:.0f} MB (target + {GROWTH_MB}); dropped by the broker: {dropped}; {result}")
    assert result.ok, str(result)
    assert result.dropped == result.ram == 0
    assert not miscounts, "\n".join(miscounts)
    assert after - before < 2 * GROWTH_MB
