"""F2: flash that is full, by quota and for real: nodes go on sampling, the oldest go, the count is exact, and what a
command changes is still kept."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.rig import PATIENCE, Rig, wait

SENSORS = ["sht4x", "mpu6886", "bmp280", "aht20"]  # 40 readings a second and node
FULL = 300  # readings of one node that fit neither into a journal of 24 KB nor onto a flash of 48


@pytest.fixture
def small_flash(tmp_path: Path) -> Iterator[Path | None]:
    """A file system of 48 KB, where we may mount one; 32 are left for the journal."""
    flash = tmp_path / "flash"
    flash.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=48k", "none", str(flash)]
    mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
    yield flash if mounted else None
    if mounted:
        subprocess.run(["umount", "--lazy", str(flash)], check=True)


def test_what_a_full_flash_cannot_keep_is_counted_exactly(tmp_path: Path, small_flash: Path | None) -> None:
    with Rig(tmp_path) as rig:
        kept = {"period": 100, "sensors": SENSORS, "queue": 100}
        nodes = [rig.node(f"quota-{number}", journal_kb=24, **kept) for number in range(2)]
        if small_flash is None:
            print("no tmpfs can be mounted here: ENOSPC is met in tests/upy only")
        else:
            inside = {"FLEET_JOURNAL": str(small_flash / "journal"), "FLEET_STATE": str(small_flash / "state")}
            nodes.append(rig.node("enospc", environment=inside, **kept))
        rig.wait_for_readings(60)
        rig.wait_until_stored()
        rig.fault("kill", "broker")
        rig.broker.kill()  # a broker would keep for the host what the nodes must drop
        goal = {node.id: len(rig.taken(node.id)) + FULL for node in nodes}
        wait(
            lambda: all(len(rig.taken(name)) >= count for name, count in goal.items()),
            lambda: f"{ {name: len(rig.taken(name)) for name in goal} } were taken, {goal} expected",
        )
        sizes = [sum(file.stat().st_size for file in node.journal.glob("*.j")) for node in nodes[:2]]
        rig.broker.start()
        rig.obeyed("name", name="Renamed")
        rig.obeyed("reset")
        rig.wait_for_readings(60)
        for node in nodes:
            rig.dashboard.node(node.id, lambda node: node["name"] == "Renamed", within=PATIENCE)
        settled = rig.settle()
        miscounts = rig.miscounts()
        told = rig.dashboard.get("/api/delivery")["nodes"]
        assert not [node.output for node in nodes if "Traceback" in node.output]
        result = rig.verdict()
    dropped = {node["id"]: sum(boot["dropped"] for boot in node["boots"]) for node in told}
    print(f"journals of at most {max(sizes)} bytes, settled after {settled:.1f} s, dropped {dropped}")
    print(f"by the host's account, and {result.overcounted} more by that of nodes that did not hear they were stored;")
    print(result)
    assert max(sizes) <= 24 * 1024
    assert result.ok, str(result)
    # What was stored in the last second or two before the broker died was not told, so the nodes counted it too.
    assert result.overcounted < len(nodes) * 40 * 10, f"{result.overcounted} were counted as dropped and are stored"
    assert min(dropped.values()) > 20, f"some flash was never full: {dropped}"
    assert sum(dropped.values()) == result.dropped, f"the host blames others than the full flash: {miscounts}"
    assert not miscounts, "\n".join(miscounts)
