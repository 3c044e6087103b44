"""The rules of the contract that bind the host: stale wills, silence, duplicates, time from (boot, up)."""

import pytest

from fleet_dashboard.account import NEW, TWICE, Account
from fleet_dashboard.clock import BootClock
from fleet_dashboard.presence import Presence


def status(state: str, boot: str = "9f3a", conn: int = 1) -> dict[str, object]:
    return {"state": state, "boot": boot, "conn": conn}


@pytest.mark.rule("F-STATUS-3")
@pytest.mark.parametrize("state", ["lost", "offline"])
@pytest.mark.parametrize(("boot", "conn"), [("9f3a", 1), ("0bad", 2), ("0bad", 3)])
def test_a_will_of_another_connection_is_ignored(state: str, boot: str, conn: int) -> None:
    presence = Presence(0)
    presence.status(status("online", conn=2), 10)
    assert not presence.status(status(state, boot, conn), 20)
    assert presence.word == "online"


@pytest.mark.rule("F-STATUS-3")
def test_the_will_of_the_current_connection_counts() -> None:
    presence = Presence(0)
    presence.status(status("online", conn=2), 10)
    assert presence.status(status("lost", conn=2), 20)
    assert presence.word == "lost"


@pytest.mark.rule("F-LIVE-1")
def test_three_periods_without_a_word_are_silence_and_a_word_ends_it() -> None:
    presence = Presence(0)
    presence.status(status("online"), 1000)
    presence.heard(2000)
    presence.tick(7999, period=2000, linked_since=0)
    assert presence.word == "online"
    presence.tick(8001, period=2000, linked_since=0)
    assert presence.word == "silent"
    presence.heard(8500)
    assert presence.word == "online"


@pytest.mark.rule("F-SEQ-2")
def test_what_comes_twice_is_taken_once_and_what_is_missing_is_counted() -> None:
    account = Account()
    assert [account.take(seq) for seq in (0, 1, 1, 4)] == [NEW, NEW, TWICE, NEW]
    assert account.missing.count == 2
    assert [account.take(seq) for seq in (2, 2, 4)] == [NEW, TWICE, TWICE]
    assert account.missing.count == 1


@pytest.mark.rule("F-TIME-1")
def test_host_time_is_the_smallest_of_arrival_minus_up() -> None:
    clock = BootClock()
    for up, delay in ((1000, 80), (2000, 3), (3000, 900), (4000, 20)):
        clock.observe(up, 500_000 + up + delay)
    assert clock.offset == 500_003


@pytest.mark.rule("F-TIME-1", "F-TIME-2")
def test_a_reading_that_waited_for_an_hour_does_not_spoil_the_clock() -> None:
    clock = BootClock()
    clock.observe(1000, 501_010)
    clock.observe(2000, 502_000 + 3_600_000, late=True)
    assert clock.offset == 500_010
