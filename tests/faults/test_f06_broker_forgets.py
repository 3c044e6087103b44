"""F6: a broker that starts again and remembers nothing: all nodes come back, are known and obey without a hand."""

from pathlib import Path

import pytest

from support.probe import Probe
from support.rig import PATIENCE, Rig


@pytest.mark.rule("F-STATUS-5")
def test_all_nodes_are_back_and_obey_after_a_broker_that_forgot_everything(tmp_path: Path) -> None:
    with Rig(tmp_path, "persistence false") as rig:
        for number in range(4):
            rig.node(f"n{number}", period=100, groups=["red"])
        rig.wait_for_readings(40)
        rig.fault("kill", "broker")
        rig.broker.kill()
        rig.wait_for_readings(40)
        rig.broker.start()
        back = rig.obeyed("echo", text="here")
        with Probe(rig.broker.url, "fleet/1/+/status", "fleet/1/+/meta") as late:
            late.expect_count(4, "fleet/1/+/status", lambda seen: seen.json()["state"] == "online", within=PATIENCE)
            late.expect_count(4, "fleet/1/+/meta", lambda seen: seen.json()["groups"] == ["red"], within=PATIENCE)
        settled = rig.settle()
        miscounts = rig.miscounts()
        result = rig.verdict()
    print(f"all nodes commandable after {back:.1f} s (target 30 s), settled {settled:.1f} s later: {result}")
    assert result.ok, str(result)
    assert result.dropped == result.ram == 0
    assert not miscounts, "\n".join(miscounts)
