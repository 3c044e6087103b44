"""Samples of one boot stand in the order of their numbers, however long each message was on its way."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from fleet_dashboard.clock import BootClock
from fleet_dashboard.placement import SUDDEN_MS, WINDOW_MS, Placement

PERIOD_MS = 100
BEGAN = 1_000_000  # when the boot began, by the host's clock


class Host:
    """A clock, a placement, and the rows they lead to."""

    def __init__(self) -> None:
        self.clock = BootClock()
        self.placement = Placement()
        self.rows: dict[int, int] = {}

    def take(self, seq: int, arrival: int, late: bool = False) -> None:
        up = seq * PERIOD_MS
        offset = self.clock.observe(up, arrival, late)
        self.rows[seq] = up + self.placement.place(seq, offset, arrival)

    def commit(self) -> None:
        """What ledger and store do with each commit."""
        if self.placement.fell:
            self.placement.done()
            for seq, at in self.rows.items():
                if seq >= self.placement.low:
                    self.rows[seq] = min(at, seq * PERIOD_MS + self.placement.offset)

    def restart(self, now: int) -> None:
        if not self.rows:
            return
        self.commit()
        restored = self.placement.offset
        self.clock, self.placement = BootClock(restored, now), Placement()
        self.placement.restore(restored, now)

    def steps_back(self) -> list[tuple[int, int]]:
        """(number, ms) of each sample that stands before its predecessor."""
        order = sorted(self.rows)
        pairs = itertools.pairwise(order)
        return [(b, self.rows[a] - self.rows[b]) for a, b in pairs if self.rows[b] < self.rows[a]]


delays = st.integers(0, 400) | st.integers(0, 30_000)


@given(
    st.lists(st.tuples(delays, st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=80),
    st.randoms(use_true_random=False),
)
def test_after_any_delays_losses_commits_and_restarts_samples_are_in_order(
    way: list[tuple[int, bool, bool, bool]], dice: object
) -> None:
    host = Host()
    now = BEGAN
    lost = []
    for seq, (delay, is_lost, commit, restart) in enumerate(way):
        if is_lost:
            lost.append(seq)
            continue
        now = max(now, BEGAN + seq * PERIOD_MS + delay)  # a connection delivers in order
        host.take(seq, now)
        if commit:
            host.commit()
        if restart:
            host.restart(now)
    dice.shuffle(lost)  # type: ignore[attr-defined]
    now = max(now, BEGAN + len(way) * PERIOD_MS)
    for seq in lost:  # asked for again, and sent late
        now += 50
        host.take(seq, now, late=True)
    host.commit()
    assert host.steps_back() == []


def test_a_queue_that_drains_puts_its_readings_where_they_were_taken() -> None:
    """The host was away for 20 s; all that waited comes at once, and the last one was on its way for 5 ms."""
    host = Host()
    for seq in range(200):
        host.take(seq, BEGAN + 200 * PERIOD_MS + 5)
    host.commit()
    assert {at - seq * PERIOD_MS - BEGAN for seq, at in host.rows.items()} == {PERIOD_MS + 5}


def test_a_drifting_crystal_moves_nothing_that_was_right() -> None:
    """50 ppm fast: the estimate falls by 3 ms a minute, for hours."""
    host = Host()
    for seq in range(0, 3 * 36_000, 10):
        host.take(seq, BEGAN + seq * PERIOD_MS - seq * PERIOD_MS // 20_000)
        assert not host.placement.fell
    assert host.steps_back() == []


def test_after_an_estimate_that_was_too_late_for_long_only_the_last_ten_minutes_are_moved() -> None:
    host = Host()
    slow = 300
    minutes = 20
    for seq in range(minutes * 600):
        host.take(seq, BEGAN + seq * PERIOD_MS + slow)
    assert slow > SUDDEN_MS
    host.placement.place(minutes * 600, BEGAN + slow - 10, BEGAN + minutes * 60_000)  # a span of its own
    host.take(minutes * 600 + 1, BEGAN + (minutes * 600 + 1) * PERIOD_MS)
    assert host.placement.fell
    assert minutes * 60_000 > WINDOW_MS


def test_a_clock_of_the_host_that_stands_in_2000_moves_nothing() -> None:
    host = Host()
    host.take(0, BEGAN + 10**12)
    host.restart(BEGAN + 10**12)
    host.take(1, BEGAN + PERIOD_MS)
    assert not host.placement.fell
