"""F35: a bus that is stuck, does not answer or lies, and a button that bounces: null and a count, and life goes on."""

from pathlib import Path

import pytest

from support import tiers
from support.broker import Broker
from support.node import BUSY_LAG_MS, NodeProcess
from support.probe import Probe, Seen

SCRIPT = Path(tiers.__file__).with_name("upy_bad_bus.py")
STUCK_MS = 50 * 4  # a stuck bus holds the CPU for its timeout, once for each address that is tried


def reads_null(seen: Seen) -> bool:
    return set(seen.json()["v"].values()) == {None}


def test_a_spoiled_bus_reads_null_is_counted_and_comes_back(broker: Broker, probe: Probe, tmp_path: Path) -> None:
    bus = tmp_path / "bus"
    bus.write_text("")
    with NodeProcess(
        broker.url,
        script=SCRIPT,
        environment={"FLEET_BUS": str(bus)},
        sensors=["sht4x"],
        period=100,
        health=1000,
        keepalive=2,
    ) as node:
        probe.expect("fleet/1/ada/tele/sht4x", lambda seen: not reads_null(seen), within=30)
        for fault in ("stuck", "nak", "corrupt", "nan"):
            mark = probe.mark()
            bus.write_text(fault)
            probe.expect_count(3, "fleet/1/ada/tele/sht4x", reads_null, within=30, since=mark)
            node.world("tap button-a 400")  # longer than a stuck bus holds the loop
            probe.expect("fleet/1/ada/event/button-a", lambda seen: seen.json()["event_type"] == "release", 30, mark)
            bus.write_text("")
            mark = probe.mark()
            probe.expect("fleet/1/ada/tele/sht4x", lambda seen: not reads_null(seen), within=30, since=mark)
        counted = probe.expect("fleet/1/ada/health", within=30, since=probe.mark()).json()["errors"]
        nulls = sum(reads_null(seen) for seen in probe.seen("fleet/1/ada/tele/sht4x"))
        conns = {seen.json()["conn"] for seen in probe.seen("fleet/1/ada/status")}
        lag = node.quit()
        probe.settle(30)
        assert "Traceback" not in node.output
    assert conns == {1}, "the link broke"
    seqs = {seen.json()["seq"] for kind in ("tele", "event") for seen in probe.seen(f"fleet/1/ada/{kind}/+")}
    assert seqs == set(range(len(seqs)))
    print(f"{len(seqs)} readings and events, {nulls} null, {counted} errors counted, worst loop lag {lag} ms")
    assert counted >= 9, "each but nan, where the bus is well and only the value is none, is counted"
    assert lag <= BUSY_LAG_MS + STUCK_MS


@pytest.mark.parametrize("bounces", [1, 50])
def test_a_bouncing_button_is_pressed_once(broker: Broker, probe: Probe, bounces: int) -> None:
    environment = {"FLEET_BOUNCES": str(bounces)}
    with NodeProcess(broker.url, script=SCRIPT, environment=environment, period=1000) as node:
        probe.expect("fleet/1/ada/tele/sht4x", within=30)
        for number in range(1, 4):
            for kind in ("press", "release"):
                node.world(f"{kind} button-a")
                what = "fleet/1/ada/event/button-a"
                probe.expect_count(number, what, lambda seen: seen.json()["event_type"] == kind, within=30)  # noqa: B023
        node.quit()
        probe.settle(30)
    events = [seen.json() for seen in probe.seen("fleet/1/ada/event/button-a")]
    kinds = [event["event_type"] for event in events if event["event_type"] != "long"]  # long, if we were held up
    assert kinds == ["press", "release"] * 3, events
    assert [event["n"] for event in events] == list(range(1, len(events) + 1))
