"""F15: a dashboard that is killed again and again under load: its database is sound, and nothing is lost or doubled."""

import contextlib
import sqlite3
import time
from pathlib import Path

from support.rig import PATIENCE, Rig
from support.seed import amount, chance

KILLS = amount("FLEET_DASHBOARD_KILLS", 10)
NODES = 8


def test_a_dashboard_killed_under_load_loses_no_row_that_it_confirmed(tmp_path: Path) -> None:
    dice = chance("f15")
    ready = []
    with Rig(tmp_path) as rig:
        for number in range(NODES):
            rig.node(f"n{number}", period=100, sensors=["sht4x", "mpu6886"])
        rig.wait_for_readings(100)
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.05, 0.8))
            rig.fault("kill", "dashboard")
            rig.dashboard.kill()
            began = time.monotonic()
            rig.dashboard.start(PATIENCE)
            ready.append(time.monotonic() - began)
        settled = rig.settle()
        miscounts = rig.miscounts()
        result = rig.verdict()
        with contextlib.closing(sqlite3.connect(rig.dashboard.database)) as database:
            sound = database.execute("PRAGMA integrity_check").fetchone()[0]
    print(f"{KILLS} kills, ready again after at most {max(ready):.1f} s (target 3 s), settled {settled:.1f} s later:")
    print(result)
    assert sound == "ok"
    assert result.ok, str(result)
    assert result.dropped == result.ram == 0
    assert not miscounts, "\n".join(miscounts)
