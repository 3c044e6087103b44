"""F3: nodes killed at random moments while they publish: only what was in RAM may go, and nothing is stored twice."""

import threading
import time
from pathlib import Path

from support.node import NodeProcess
from support.rig import Rig
from support.seed import amount, chance

KILLS = amount("FLEET_KILLS", 40)  # 200 by hand
NODES = 8


def test_a_node_killed_at_random_moments_loses_only_its_ram(tmp_path: Path) -> None:
    dice = chance("f03")
    errors: list[BaseException] = []

    def torment(rig: Rig, node: NodeProcess, waits: list[float]) -> None:
        try:
            for seconds in waits:
                time.sleep(seconds)
                rig.kill(node)
                node.start()
        except BaseException as error:
            errors.append(error)

    with Rig(tmp_path) as rig:
        nodes = [rig.node(f"n{number}", period=100, sensors=["sht4x", "mpu6886"]) for number in range(NODES)]
        rig.wait_for_readings(20)
        began = time.monotonic()
        threads = [
            threading.Thread(target=torment, args=(rig, node, [dice.uniform(0, 1) for _ in range(KILLS // NODES)]))
            for node in nodes
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - began
        assert not errors, errors
        settled = rig.settle()
        miscounts = rig.miscounts()
        result = rig.verdict()
    print(f"{KILLS} kills in {took:.1f} s, settled after {settled:.1f} s: {result}; {result.boots} boots")
    assert result.ok, str(result)
    assert not miscounts, "\n".join(miscounts)
