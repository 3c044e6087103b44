"""F11: late readings come mixed with live ones and in any order: the last value never goes back, no time is wrong."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_schema import payloads, topics
from support import checker
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.history import rows_of
from support.probe import Probe
from support.rig import PATIENCE, wait
from support.seed import chance

TOPIC = topics.node_topic("fleet", "ada", "tele", "sht4x")
EARLIER, LIVE = 200, 60
PERIOD_MS = 100


def reading(boot: str, seq: int, late: bool) -> bytes:
    fields: dict[str, Any] = {"boot": boot, "seq": seq, "up": 50 + PERIOD_MS * seq, "v": {"temp": seq / 10, "hum": 1.0}}
    return payloads.encode("tele", {**fields, "hist": 1} if late else fields)


def taken(raw: bytes) -> dict[str, Any]:
    return {"what": "taken", "at": 0.0, "node": "ada", "kind": "tele", "name": "sht4x", **json.loads(raw)}


def kept(boot: str, rows: list[list[Any]], seq: int, up: int) -> bytes:
    return payloads.encode("journal", {"boot": boot, "seq": seq, "up": up, "kept": rows})


@pytest.fixture
def probe(broker: Broker) -> Iterator[Probe]:
    with Probe(broker.url, "none/#") as probe:
        yield probe


def test_late_readings_in_any_order_never_turn_the_last_value_back(
    broker: Broker, probe: Probe, tmp_path: Path
) -> None:
    dice = chance("f11")
    earlier = [reading("9f39", seq, True) for seq in range(EARLIER)]
    own = [reading("9f3a", seq, seq < LIVE // 2) for seq in range(LIVE)]
    late = earlier + own[: LIVE // 2]
    dice.shuffle(late)
    shown = []
    with DashboardProcess(broker.url, data_dir=tmp_path) as dashboard:
        began = time.monotonic() - (50 + PERIOD_MS * LIVE // 2) / 1000
        journal = topics.node_topic("fleet", "ada", "journal")
        rows = [["9f39", 0, EARLIER, 0], ["9f3a", 0, LIVE // 2, 0]]
        probe.publish(journal, kept("9f3a", rows, LIVE // 2, 50 + PERIOD_MS * LIVE // 2), qos=0)
        for number in range(LIVE // 2, LIVE):  # the live ones in time, and between two of them some that are late
            time.sleep(max(0.0, began + (50 + PERIOD_MS * number) / 1000 - time.monotonic()))
            probe.publish(TOPIC, own[number])
            for _ in range(-(-len(late) // (LIVE - number))):
                probe.publish(TOPIC, late.pop())
            node = next((one for one in dashboard.get("/api/snapshot")["nodes"] if one["id"] == "ada"), None)
            if node is not None and "sht4x" in node["t"]:
                shown.append((node["t"]["sht4x"], node["v"]["sht4x"]["temp"]))
        assert not late
        ended = time.time() * 1000

        def rows_now() -> list[dict[str, Any]]:
            return list(rows_of(dashboard.database))

        def verdict() -> checker.Result:
            return checker.check([*map(taken, earlier + own), *rows_now()])

        wait(lambda: verdict().ok, lambda: str(verdict()), PATIENCE)
        series = dashboard.get(f"/api/nodes/ada/series?sensor=sht4x&from=0&to={int(ended) + 60_000}")
        assert dashboard.stop(within=30)[0] == 0
        result = verdict()
        rows = rows_now()
    values = [temp for _, temp in shown]
    print(f"{len(shown)} looks at the last value; {result}; largest step back of a time {result.back_ms} ms")
    assert result.ok, str(result)
    assert values == sorted(values), f"the last value went back: {values}"
    assert values[-1] >= (LIVE - 3) / 10
    assert series["t"] == sorted(series["t"])
    last = max(row["ts"] for row in rows if row["boot"] == "9f39")
    first = min(row["ts"] for row in rows if row["boot"] == "9f3a")
    assert last <= first, f"the earlier boot ends {last - first} ms after the later one began"


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_times_that_must_be_corrected_are_also_when_the_dashboard_ends_before_it_did(
    broker: Broker, probe: Probe, tmp_path: Path, how: str
) -> None:
    """A boot that is only heard late has no clock: its bound gets better with each reading, and those before follow."""
    earlier = [reading("9f39", seq, True) for seq in range(EARLIER)]
    with DashboardProcess(broker.url, data_dir=tmp_path) as dashboard:
        rows = [["9f39", 0, EARLIER, 0], ["9f3a", 0, 1, 0]]
        probe.publish(topics.node_topic("fleet", "ada", "journal"), kept("9f3a", rows, 1, 150), qos=0)
        probe.publish(TOPIC, reading("9f3a", 0, False))
        for at in range(0, EARLIER, 32):  # as many as are asked for at once
            for message in earlier[at : at + 32]:
                probe.publish(TOPIC, message)
            time.sleep(0.3)
        wait(lambda: len(list(rows_of(dashboard.database))) > EARLIER, lambda: "not all are stored", PATIENCE)
        dashboard.stop(within=30) if how == "stop" else dashboard.kill()
        dashboard.start(PATIENCE)
        wait(
            lambda: not checker.check(rows_of(dashboard.database)).violations["order"],
            lambda: str(checker.check(rows_of(dashboard.database)).violations["order"]),
            10,
        )
