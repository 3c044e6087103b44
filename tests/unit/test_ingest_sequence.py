"""What is lost, late and double, by the sequence number alone."""

import random

from fleet_dashboard.sequence import DUPLICATE, LATE, MAX_GAPS, NEW, OLD, Sequence


def test_a_gap_is_lost_until_late_messages_fill_it() -> None:
    sequence = Sequence()
    assert [sequence.take(seq) for seq in (0, 1, 5)] == [NEW, NEW, NEW]
    assert sequence.lost == 3
    assert [sequence.take(seq) for seq in (3, 2, 4)] == [LATE, LATE, LATE]
    assert sequence.lost == 0


def test_what_came_twice_is_a_duplicate_also_when_it_came_late() -> None:
    sequence = Sequence()
    for seq in (0, 1, 3, 2):
        sequence.take(seq)
    assert [sequence.take(seq) for seq in (0, 1, 2, 3)] == [DUPLICATE] * 4


def test_what_came_before_we_listened_is_neither_lost_nor_double() -> None:
    sequence = Sequence()
    assert sequence.take(100) == NEW
    assert (sequence.lost, sequence.take(7)) == (0, OLD)


def test_memory_is_bounded_and_forgotten_gaps_stay_lost() -> None:
    sequence = Sequence()
    for seq in range(0, 4 * MAX_GAPS, 2):
        sequence.take(seq)
    assert sequence.lost == 2 * MAX_GAPS - 1
    assert sequence.take(1) == OLD
    assert sequence.take(4 * MAX_GAPS - 3) == LATE


def test_any_order_of_a_complete_stream_ends_with_nothing_lost() -> None:
    chance = random.Random(3)
    for _ in range(50):
        rest = list(range(1, 60))
        chance.shuffle(rest)
        sequence = Sequence()
        assert [sequence.take(seq) for seq in [0, *rest]].count(DUPLICATE) == 0
        assert sequence.lost == 0
