"""A broker that dies and one that freezes under a running fleet: when everyone is back, and the worst loop lag."""

import time
from contextlib import ExitStack

from support.broker import Broker
from support.node import NodeProcess
from support.probe import Probe

NODES = ("ada", "grace", "katherine", "linus", "margaret")
SENSORS = ["sht4x", "bmp280", "mpu6886"]
AWAY_S, FROZEN_S = 3, 10


def seconds_until_all_read(broker: Broker) -> float:
    """From now until a fresh reading of every node has passed the broker."""
    began = time.monotonic()
    with Probe(broker.url, "fleet/1/+/tele/+") as probe:
        for node in NODES:
            probe.expect(f"fleet/1/{node}/tele/+", within=60)
    return time.monotonic() - began


def run() -> list[str]:
    with Broker() as broker, ExitStack() as stack:
        nodes = []
        for name in NODES:  # one after the other: five interpreters that start at once only measure the scheduler
            nodes.append(stack.enter_context(NodeProcess(broker.url, name, sensors=SENSORS, period=500)))
            nodes[-1].expect("connected")
        seconds_until_all_read(broker)
        broker.kill()
        time.sleep(AWAY_S)
        broker.start()
        after_kill = seconds_until_all_read(broker)
        broker.freeze()
        time.sleep(FROZEN_S)
        broker.thaw()
        after_freeze = seconds_until_all_read(broker)
        worst = max(node.quit() for node in nodes)
    return [
        f"broker killed -9, away {AWAY_S} s: all back {after_kill:6.1f} s after its start",
        f"broker frozen {FROZEN_S} s: all back         {after_freeze:6.1f} s after its thaw",
        f"worst loop lag of {len(nodes)} nodes           {worst:8d} ms  (to reach: 20 ms)",
    ]
