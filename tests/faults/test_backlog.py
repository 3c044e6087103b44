"""Back-pressure: a fleet that comes back with full journals is taken in beside its live readings, not before them."""

import os
import subprocess
import time
from pathlib import Path

from support import tiers
from support.memory import rss_mb
from support.probe import Probe
from support.rig import PATIENCE, Rig

SCRIPT = Path(tiers.__file__).with_name("upy_backlog.py")
NODES, READINGS = map(int, os.environ.get("FLEET_BACKLOG", "8x300").split("x"))  # 100x1800 by hand
LATE_S = 2.0  # beyond that a node calls its own reading history


def fill(folder: Path, history: Path, count: int) -> None:
    command = [str(tiers.micropython()), str(SCRIPT), str(folder), str(history), str(count), "1000"]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)


def test_a_fleet_with_full_journals_is_taken_in_while_its_live_readings_stay_live(tmp_path: Path) -> None:
    patience = PATIENCE + NODES * READINGS / 100
    with Rig(tmp_path) as rig, Probe(rig.broker.url, "fleet/1/+/tele/+") as probe:
        lag: list[float] = []
        began = time.monotonic()
        for number in range(NODES):
            node = rig.node(f"n{number}", period=1000, start=False)
            node.journal.mkdir(exist_ok=True)
            assert node.history is not None
            fill(node.journal, node.history, READINGS)
            node.start()
        before = rss_mb(rig.dashboard.pid)
        took = rig.wait_until_stored("the backlog", patience)
        # Of a live reading the fastest way of its boot is taken for none, so what is left is how long it waited.
        ways: dict[str, list[float]] = {}
        for seen in probe.seen():
            fields = seen.json()
            if "hist" not in fields:
                ways.setdefault(fields["boot"], []).append(seen.at - fields["up"] / 1000)
        for way in ways.values():
            lag += [at - min(way) for at in way]
        after = rss_mb(rig.dashboard.pid)
        spent = time.monotonic() - began
        rig.settle(patience)
        rig.wait_until_ordered()
        miscounts = rig.miscounts()
        told = rig.dashboard.get("/api/delivery")["nodes"]
        result = rig.verdict()
    lag.sort()
    rate, middle, p99 = NODES * READINGS / spent, lag[len(lag) // 2], lag[int(len(lag) * 0.99)]
    print(
        f"{NODES} x {READINGS} readings in {spent:.1f} s, {took:.1f} s after the last start ({rate:.0f}/s); live ones"
    )
    print(f"were late by {middle:.3f} s, p99 {p99:.3f} s; RSS {before:.0f} -> {after:.0f} MB; {result}")
    assert result.ok, str(result)
    assert result.dropped == result.ram == 0
    assert not miscounts, "\n".join(miscounts)
    assert middle < 10 * LATE_S
    old = [boot for node in told for boot in node["boots"][1:]]
    assert len(old) == NODES
    assert not [boot for boot in old if boot["timed"]], "a boot that was never heard live has no clock of its own"
