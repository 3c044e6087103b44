"""A node and whoever stores its readings: what it keeps, offers, sends again and forgets. The host is played here."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.broker import Broker
from support.node import LOOSE_LAG_MS, NodeProcess
from support.probe import Probe, Seen

READINGS = "fleet/1/ada/tele/#"


def stored(probe: Probe, boot: str, seq: int, miss: list[list[int]] | None = None, retain: bool = False) -> None:
    fields: dict[str, Any] = {"boot": boot, "seq": seq}
    if miss:
        fields["miss"] = miss
    probe.publish("fleet/1/_host/stored/ada", json.dumps(fields), retain=retain)


def kept_of(probe: Probe, boot: str, since: int = 0) -> dict[str, list[int]]:
    """The rows, by boot, of the first journal message of `boot`."""
    seen = probe.expect("fleet/1/ada/journal", lambda seen: seen.json()["boot"] == boot, within=20, since=since)
    return {row[0]: row[1:] for row in seen.json()["kept"]}


def numbers(seen: list[Seen], boot: str) -> set[int]:
    return {one.json()["seq"] for one in seen if one.json()["boot"] == boot}


def next_boot(probe: Probe, mark: int) -> str:
    found = probe.expect("fleet/1/ada/status", lambda seen: seen.json()["state"] == "online", within=20, since=mark)
    return str(found.json()["boot"])


@pytest.mark.rule("F-SEQ-3", "F-SEQ-5")
def test_after_a_reset_that_was_asked_for_every_reading_of_the_boot_before_can_be_had(
    broker: Broker, probe: Probe, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"period": 100, "journal": str(tmp_path / "journal")}
    with NodeProcess(broker.url, **settings) as node:
        probe.expect_count(20, READINGS)
        boot = probe.seen("fleet/1/ada/meta")[0].json()["boot"]
        stored(probe, boot, 5)
        mark = probe.mark()
        probe.publish("fleet/1/ada/cmd/reset", "{}")
        assert node.wait() == 75, "the code that says: start me again"
        probe.settle()
        taken = max(numbers(probe.seen(READINGS), boot)) + 1
    with NodeProcess(broker.url, **settings) as node:
        second = next_boot(probe, mark)
        assert int(second, 16) == (int(boot, 16) + 1) & 0xFFFF
        first, end, dropped = kept_of(probe, second)[boot]
        assert first == 5
        assert end >= taken
        assert dropped == 0
        mark = probe.mark()
        for ask in range(first, end, 32):
            stored(probe, boot, first, [[ask, min(ask + 31, end - 1)]])
        probe.expect(READINGS, lambda seen: (seen.json()["boot"], seen.json()["seq"]) == (boot, end - 1), since=mark)
        again = [one for one in probe.seen(READINGS) if one.json()["boot"] == boot and one.json().get("hist") == 1]
        assert numbers(again, boot) == set(range(first, end)), "not what was asked for"
        assert numbers(probe.seen(READINGS), boot) == set(range(end)), "some were never sent"

        stored(probe, boot, end)
        probe.publish("fleet/1/ada/cmd/echo", "settled?")
        probe.expect("fleet/1/ada/ack", lambda seen: seen.json().get("re") == "settled?")
        mark = probe.mark()
        assert boot not in kept_of(probe, second, since=mark), "it was told that all of that boot is stored"
        assert node.quit() <= LOOSE_LAG_MS


@pytest.mark.rule("F-SEQ-5")
def test_a_retained_stored_is_not_believed(broker: Broker, probe: Probe, tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    with NodeProcess(broker.url, period=100, journal=str(folder)) as node:
        probe.expect_count(5, READINGS)
        boot = probe.seen("fleet/1/ada/meta")[0].json()["boot"]
        mark = probe.mark()
        node.kill()
    # What the next boot will be called can be known, so somebody could settle its readings beforehand.
    second = f"{(int(boot, 16) + 1) & 0xFFFF:04x}"
    stored(probe, second, 1_000_000, retain=True)
    with NodeProcess(broker.url, period=100, journal=str(folder), health=1000):
        assert next_boot(probe, mark) == second
        probe.expect_count(10, READINGS, lambda seen: seen.json()["boot"] == second)
        probe.expect("fleet/1/ada/health", lambda seen: seen.json()["spool"] >= 5, within=20)


def test_a_journal_that_cannot_be_written_is_said_and_the_node_goes_on(
    broker: Broker, probe: Probe, tmp_path: Path
) -> None:
    (tmp_path / "journal").write_text("a file is not a folder")
    with NodeProcess(broker.url, journal=str(tmp_path / "journal")) as node:
        node.expect("cannot be written")
        probe.expect_count(3, READINGS)
        node.quit()
