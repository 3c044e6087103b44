"""F22: commands that were recorded and are sent again, before and after a reset, act no second time."""

import json
from collections import Counter

from fleet_schema import topics
from support.broker import Broker
from support.node import NodeProcess
from support.probe import Probe
from support.rig import PATIENCE, wait
from support.seed import amount, chance

REPLAYS = amount("FLEET_REPLAYS", 1000)
AT_ONCE = 10  # not more than a node can answer
RECORDED = [  # (id, command, arguments); fewer than the 32 ids that a node remembers
    *[(f"n{number}", "name", {"name": f"Name {number}"}) for number in range(8)],
    *[(f"p{number}", "period", {"ms": 1000 + number}) for number in range(8)],
    *[(f"l{number}", "led", {"on": number % 2 > 0}) for number in range(4)],
    ("b1", "buzz", {"ms": 20}),
    ("i1", "identify", {"ms": 200}),
    ("e1", "echo", {"text": "once"}),
    ("r1", "reset", {}),
]


def test_a_recorded_command_acts_once_also_after_a_reset(broker: Broker, probe: Probe) -> None:
    dice = chance("f22")

    def say(which: tuple[str, str, dict[str, object]]) -> None:
        name, command, args = which
        probe._client.publish(topics.command_topic("fleet", "ada", command), json.dumps({"id": name, **args}), 1)

    def starts() -> int:
        return len({seen.json()["boot"] for seen in probe.seen("fleet/1/ada/status")})

    with NodeProcess(broker.url, flash=True, reborn=True, period=1000) as node:
        probe.expect("fleet/1/ada/tele/sht4x", within=PATIENCE)
        for which in RECORDED:
            say(which)
        probe.expect("fleet/1/ada/ack", lambda seen: seen.json()["cmd"] == "reset", within=PATIENCE)
        wait(lambda: node.resets == 1 and starts() == 2, lambda: "the commanded reset did not come")
        for _ in range(0, REPLAYS, AT_ONCE):
            mark = probe.mark()
            for _ in range(AT_ONCE):
                say(dice.choice(RECORDED))
            probe.expect_count(AT_ONCE, "fleet/1/ada/ack", within=PATIENCE, since=mark)
        probe.settle(30)
        acks = [seen.json() for seen in probe.seen("fleet/1/ada/ack") if "id" in seen.json()]
        resets, boots = node.resets, starts()
        node.quit()
        assert "Traceback" not in node.output
    acted = Counter(ack["id"] for ack in acks if ack["st"] in ("ok", "done"))
    states = Counter(ack["st"] for ack in acks)
    print(f"{len(RECORDED)} commands, {REPLAYS} replays: {dict(states)}, resets {resets}")
    assert {name: count for name, count in acted.items() if count > 1} == {}, "acted again"
    assert set(acted) == {name for name, _, _ in RECORDED}
    assert (resets, boots) == (1, 2)
