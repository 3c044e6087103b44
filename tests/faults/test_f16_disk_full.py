"""F16: the disk under the database is full: nothing is confirmed that is not stored, and all is stored in the end."""

import time
from pathlib import Path

from support.rig import PATIENCE, Rig

FULL_S = 3


def test_a_full_disk_confirms_nothing_and_costs_nothing(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        for number in range(4):
            rig.node(f"n{number}", period=100)
        rig.wait_for_readings(80)
        rig.wait_until_stored("before the disk is full")
        rig.fault("disk full", "dashboard", seconds=FULL_S)
        rig.dashboard.fill_disk()
        complaint = rig.dashboard.wait_for(
            "/api/snapshot", lambda told: [one for one in told["alerts"] if one["kind"] == "store"], PATIENCE
        )
        told = [record["seq"] for record in rig.history.of("told")]
        rows = len(rig.rows())
        time.sleep(FULL_S)
        series = rig.dashboard.get("/api/nodes/n0/series?sensor=sht4x")
        assert len(series["t"]) > 10, "it does not serve what it has"
        assert rig.dashboard.get("/api/health")["ok"]
        assert len(rig.rows()) - rows <= 400, "it wrote on a full disk"
        early = rig.result()
        assert not early.violations["lost-acked"], f"confirmed and not stored: {early}"
        more = len(rig.history.of("told")) - len(told)
        rig.dashboard.free_disk()
        back = rig.wait_until_stored("after the disk had room again")
        settled = rig.settle()
        miscounts = rig.miscounts()
        result = rig.verdict()
        assert "Traceback" not in rig.dashboard.output
    print(
        f"it said: {complaint['alerts'][0]['text']}; `stored` told meanwhile: {more}; caught up {back:.1f} s after it"
    )
    print(f"had room again, settled {settled:.1f} s later: {result}")
    assert result.ok, str(result)
    assert result.dropped == result.ram == 0
    assert not miscounts, "\n".join(miscounts)
