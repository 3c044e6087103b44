"""F8: a connection cut after every number of bytes, in either direction: no false ack, no hang, no end of the loop."""

import json
import os
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support import tiers
from support.broker import Broker
from support.node import BUSY_LAG_MS, NodeProcess
from support.probe import Probe
from support.proxy import DOWN, UP, Cut, Proxy
from support.rig import wait

SCRIPT = Path(tiers.__file__).with_name("upy_cut_link.py")
HANG_MS = 30_000  # the target is 5 s; the link itself gives an answer up after 2 s here


def whole_session(broker: Broker) -> dict[str, int]:
    """The bytes of CONNECT, SUBSCRIBE, PUBLISH and of their answers, as they pass when nothing is wrong."""
    with Proxy(broker.port) as proxy:
        process = start(proxy, 1)
        proxy.expect(lambda proxy: proxy.passed[DOWN] >= 4 + 5 + 4, "CONNACK, SUBACK and PUBACK")
        passed = dict(proxy.passed)
        proxy.cut_all()
        finish(process)
    return passed


def start(proxy: Proxy, count: int) -> subprocess.Popen[str]:
    command = [str(tiers.micropython()), str(SCRIPT), str(proxy.port), str(count)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
    return subprocess.Popen(command, text=True, **pipes)


def finish(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 0, said
    return [json.loads(line) for line in said.splitlines()]


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize("way", [UP, DOWN])
def test_a_link_cut_anywhere_never_acks_what_the_broker_has_not(broker: Broker, way: str, reset: bool) -> None:
    session = whole_session(broker)
    count = session[way] + 1
    with (
        Probe(broker.url, "cut/#") as probe,
        Proxy(broker.port, lambda number: Cut(min(number, session[way]), way, reset)) as proxy,
    ):
        began = time.monotonic()
        process = start(proxy, count)
        said = finish(process)
        took = time.monotonic() - began
        assert len(proxy.cuts) >= count - 1, f"{len(proxy.cuts)} of {count} connections were cut"
        probe.settle(30)
    ends = [line for line in said if "conn" in line][:count]
    assert [line["conn"] for line in ends] == list(range(1, count + 1)), "every connection ended, and ended once"
    has = {int(seen.payload) for seen in probe.seen("cut/1/reading")}
    acked = {number for line in ends for number in line["acked"]}
    assert acked <= has, f"acked and never with the broker: {sorted(acked - has)}"
    if way == DOWN:
        # An RST may also take with it what has arrived and was not read yet.
        assert reset or count in acked, "the last connection was cut behind its PUBACK"
        assert len(acked) <= 1, f"a PUBACK that was cut short counts as none: {sorted(acked)}"
    slowest = max(ends, key=lambda line: line["ms"])
    reasons = sorted({line["reason"] for line in ends})
    print(f"{count} cuts by {'RST' if reset else 'FIN'}, {way}: {took:.1f} s, slowest end {slowest['ms']} ms", end="; ")
    print(f"with the broker {len(has)}, acked {len(acked)}; reasons {reasons}; loop {said[-1]}")
    assert slowest["ms"] < HANG_MS, slowest
    assert not [line for line in said if "odd" in line or "refused" in line]
    assert said[-1]["left"] <= 3, "tasks of sessions that are over still run"
    assert said[-1]["worst"] <= BUSY_LAG_MS


CUTS = int(os.environ.get("FLEET_CUTS", "8"))  # in a whole node's session, spread over its bytes


def test_nodes_cut_in_the_middle_of_their_session_lose_no_reading(broker: Broker, probe: Probe) -> None:
    cuts = [Cut(1 + 900 * number // CUTS, UP, number % 2 > 0) for number in range(CUTS)]
    cuts += [Cut(number, DOWN, number % 2 > 0) for number in range(1, 30, 120 // CUTS)]
    left = list(cuts)
    with ExitStack() as stack:
        proxies = [stack.enter_context(Proxy(broker.port, lambda number: left.pop() if left else None)) for _ in "abcd"]
        nodes = [
            stack.enter_context(NodeProcess(proxy.url, f"n{number}", period=100, queue=1000))
            for number, proxy in enumerate(proxies)
        ]
        wait(lambda: not left, lambda: f"{len(left)} of {len(cuts)} cuts are left", 60 + 8 * len(cuts))
        mark = probe.mark()
        for node in nodes:
            topic = f"fleet/1/{node.id}/tele/sht4x"
            probe.expect(topic, lambda seen: "hist" not in seen.json(), within=60, since=mark)
        lags = [node.quit() for node in nodes]
        assert not [node.output for node in nodes if "Traceback" in node.output]
        probe.settle(30)
    for node in nodes:
        seqs = {seen.json()["seq"] for seen in probe.seen(f"fleet/1/{node.id}/tele/+")}
        assert seqs == set(range(max(seqs) + 1)), f"{node.id} misses {sorted(set(range(max(seqs) + 1)) - seqs)}"
    print(f"{sum(len(proxy.cuts) for proxy in proxies)} cuts, worst loop lag {max(lags)} ms")
    assert max(lags) <= BUSY_LAG_MS
