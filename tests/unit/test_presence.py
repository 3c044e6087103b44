"""Five words for a node, each with its reason."""

from typing import Any

import pytest

from fleet_dashboard.presence import ASK_AGAIN_MS, SILENT_PERIODS, UNKNOWN_PERIOD_MS, Presence, period_of


def status(state: str, boot: str = "aaaa", conn: int = 1, **more: Any) -> dict[str, Any]:
    return {"state": state, "boot": boot, "conn": conn, **more}


def online(now: int = 1000, boot: str = "aaaa", conn: int = 1) -> Presence:
    presence = Presence(0)
    presence.status(status("online", boot, conn), now)
    presence.heard(now)
    return presence


@pytest.mark.rule("F-STATUS-3")
@pytest.mark.parametrize("state", ["lost", "offline"])
def test_the_will_of_a_connection_that_was_replaced_is_ignored(state: str) -> None:
    presence = online(boot="aaaa", conn=2)
    assert not presence.status(status(state, "aaaa", 1), 2000)
    assert not presence.status(status(state, "bbbb", 2), 2000)
    assert (presence.word, presence.ignored) == ("online", 2)


@pytest.mark.rule("F-STATUS-3")
def test_the_will_of_the_current_connection_counts() -> None:
    presence = online(conn=2)
    assert presence.status(status("lost", conn=2), 2000)
    assert (presence.word, presence.since) == ("lost", 2000)
    assert "will" in presence.why


def test_an_earlier_birth_that_comes_late_does_not_replace_a_later_one() -> None:
    presence = online(conn=3)
    assert not presence.status(status("online", conn=2), 2000)
    assert presence.conn == 3


def test_a_restart_is_a_new_current_boot() -> None:
    presence = online(boot="aaaa", conn=9)
    assert presence.status(status("online", "bbbb", 1), 2000)
    assert (presence.boot, presence.conn, presence.swaps) == ("bbbb", 1, [])


def test_connected_but_quiet_for_three_periods_is_silent_and_speaking_ends_it() -> None:
    presence = online(now=10_000)
    assert not presence.tick(10_000 + SILENT_PERIODS * 2000, 2000, 0)
    assert presence.tick(10_001 + SILENT_PERIODS * 2000, 2000, 0)
    assert presence.word == "silent"
    presence.heard(20_000)
    assert (presence.word, presence.since) == ("online", 20_000)


def test_what_we_could_not_hear_is_not_silence() -> None:
    presence = online(now=10_000)
    assert not presence.tick(100_000, 2000, linked_since=99_000)
    assert presence.tick(105_001, 2000, linked_since=99_000)


def test_a_lost_node_does_not_become_silent() -> None:
    presence = online()
    presence.status(status("lost"), 2000)
    assert not presence.tick(10_000_000, 2000, 0)


def test_a_sleeper_is_lost_when_it_stays_away_much_longer_than_it_said() -> None:
    presence = online()
    presence.status(status("sleeping", wake=60), 2000)
    assert presence.word == "sleeping"
    assert not presence.tick(62_000, 2000, 0)
    assert presence.tick(62_001 + SILENT_PERIODS * UNKNOWN_PERIOD_MS, 2000, 0)
    assert presence.word == "lost"


def test_a_node_that_speaks_though_it_is_gone_is_asked_for_its_birth_now_and_then() -> None:
    presence = online()
    presence.status(status("lost"), 2000)
    asked = [presence.heard(now) for now in range(3000, 3000 + 2 * ASK_AGAIN_MS, 1000)]
    assert asked.count(True) == 2
    assert not online().heard(5000)


def test_boots_that_alternate_are_two_boards() -> None:
    presence = online(boot="aaaa")
    for now, boot in enumerate(["bbbb", "aaaa", "bbbb", "bbbb"], 2000):
        presence.claim(boot, now)
    assert presence.swaps == [2001, 2002]


def test_boots_that_follow_each_other_are_one_board() -> None:
    presence = online(boot="0000")
    for number in range(1, 100):
        presence.claim(f"{number:04x}", 1000 + number)
    assert presence.swaps == []


def test_a_node_without_sensors_is_expected_as_often_as_its_health() -> None:
    assert period_of({"period": 500, "sensors": {}}) == UNKNOWN_PERIOD_MS
    assert period_of({"period": 500, "sensors": {"sht4x": {}}}) == 500


def test_an_id_is_shared_as_long_as_two_boots_take_turns() -> None:
    presence = online(boot="aaaa")
    for now, boot in ((2000, "bbbb"), (3000, "aaaa")):
        presence.claim(boot, now)
    assert not presence.is_shared(3000), "a restart looks like this"
    presence.claim("bbbb", 4000)
    assert presence.is_shared(4000)
    assert not presence.is_shared(4000 + 60_000)


@pytest.mark.rule("F-LIVE-2")
def test_a_paused_node_is_online_and_not_silent_until_its_pause_is_over() -> None:
    presence = online(now=1000)
    assert presence.status(status("online", pause=60), 2000)
    assert (presence.word, presence.paused, presence.why) == ("online", 62_000, "paused")
    assert not presence.tick(61_999, 100, 0)
    assert presence.tick(62_000, 2000, 0), "the page is told that the pause is over"
    assert (presence.word, presence.paused) == ("online", 0)
    assert not presence.tick(62_000 + SILENT_PERIODS * 2000, 2000, 0), "what the pause kept back is not silence"
    assert presence.tick(62_001 + SILENT_PERIODS * 2000, 2000, 0)
    assert presence.word == "silent"


@pytest.mark.rule("F-LIVE-2")
def test_a_pause_ends_by_the_word_of_the_node_and_with_its_boot() -> None:
    presence = online(now=1000)
    presence.status(status("online", pause=60), 2000)
    presence.status(status("online"), 5000)
    assert (presence.paused, presence.why) == (0, "connected, connection 1 of this boot")
    presence.status(status("online", pause=60), 6000)
    presence.status(status("lost"), 7000)
    assert (presence.word, presence.paused) == ("lost", 0)
    presence.status(status("online", pause=60), 8000)
    presence.status(status("online", "bbbb", 1), 9000)
    assert presence.paused == 0


def test_a_pause_that_was_retained_ends_at_that_time_at_the_latest() -> None:
    presence = Presence(0)
    presence.status(status("online", pause=60), 2000, retained=True)
    assert (presence.paused, presence.why) == (62_000, "paused, at the latest")


def test_a_paused_node_stays_paused_when_it_answers_commands_and_sends_its_health() -> None:
    presence = online(now=1000)
    presence.status(status("online", pause=60), 2000)
    assert not presence.heard(30_000)
    assert presence.paused == 62_000
