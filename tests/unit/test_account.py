"""Every reading of a boot is counted as exactly one thing, whatever comes in whatever order."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_dashboard.account import FULL, MAX_RANGES, NEW, TWICE, UNSURE, Account
from fleet_dashboard.ranges import Ranges

NUMBER = st.integers(0, 50)
STEP = st.one_of(
    st.tuples(st.just("take"), NUMBER, NUMBER),
    st.tuples(st.just("raise"), NUMBER, NUMBER),
    st.tuples(st.just("journal"), NUMBER, NUMBER),
    st.tuples(st.just("refuse"), NUMBER, NUMBER),
    st.tuples(st.just("restart"), NUMBER, NUMBER),
    st.tuples(st.just("durable"), NUMBER, NUMBER),
)


class Life:
    """An account, and the rows that a database would have."""

    def __init__(self, first: int = 0) -> None:
        self.account = Account(first)
        self.rows: set[int] = set()
        self.durable: set[int] = set()
        self.recovered: set[int] = set()  # given up, and came after all: told as settled before it was stored
        self.drops = 0

    def take(self, seq: int) -> int:
        verdict = self.account.take(seq)
        if verdict == UNSURE:
            verdict = self.account.decide(seq, seq in self.rows)
        if verdict == NEW:
            assert seq not in self.rows, "taken for new twice"
            self.rows.add(seq)
        elif verdict == TWICE:
            assert seq in self.rows, "taken for double, but it was never stored"
        return verdict

    def journal(self, kept: Ranges, end: int, drops: int = 0) -> None:
        self.account.expect(kept, end)
        self.account.give_up(self.account.missing.within(0, end - 1) - kept, drops)

    def commit(self) -> None:
        """As the Ledger does it: the mark is set when the rows are taken, and counts when they are on the disk."""
        self.account.mark = self.account.lowest
        self.durable = set(self.rows)
        self.account.settled = self.account.mark

    def check(self) -> None:
        account = self.account
        assert account.next == len(self.rows) + account.missing.count + account.dropped + account.lost + account.before
        for figure in (account.dropped, account.lost, account.before, account.missing.count):
            assert figure >= 0
        assert not account.missing & account.gone
        assert all(seq < account.next for seq in self.rows)
        assert all(seq not in account.missing for seq in self.rows)
        told = account.tellable
        assert told <= account.lowest
        assert all(seq in self.durable | self.recovered or seq in account.gone for seq in range(told))


@given(st.integers(0, 20), st.lists(STEP, max_size=60))
def test_whatever_happens_each_number_is_one_thing_and_only_what_is_settled_is_told(
    first: int, steps: list[tuple[str, int, int]]
) -> None:
    life = Life(first)
    for step, one, other in steps:
        account = life.account
        if step == "take":
            if one in account.gone:
                life.recovered.add(one)
            life.take(one)
        elif step == "raise":
            account.raise_next(one)
        elif step == "journal":
            life.drops += other % 3
            life.journal(Ranges([(min(one, other), max(one, other) - 1)]), max(one, other), life.drops)
        elif step == "refuse":
            if one not in life.rows:
                account.refuse(one)
        elif step == "durable":
            life.commit()
        else:
            settled = account.settled
            life.account = Account.from_row(account.row())
            life.account.settled = settled
        life.check()


@given(st.permutations(range(40)), st.lists(NUMBER, max_size=20))
def test_any_order_of_a_complete_stream_is_stored_once_each(order: list[int], again: list[int]) -> None:
    life = Life(order[0])
    verdicts = Counter(life.take(seq) for seq in order)
    assert verdicts == {NEW: 40}
    assert [life.take(seq) for seq in again if seq < 40] == [TWICE] * len([seq for seq in again if seq < 40])
    assert (life.account.lowest, life.account.missing.count, life.account.next) == (40, 0, 40)


def test_a_hole_is_missing_until_the_node_says_that_it_has_it_no_more() -> None:
    life = Life()
    for seq in (0, 1, 5):
        life.take(seq)
    assert list(life.account.missing) == [(2, 4)]
    life.journal(Ranges([(3, 5)]), 6)
    assert (list(life.account.missing), life.account.lost, life.account.lowest) == ([(3, 4)], 1, 3)


def test_any_message_tells_how_many_readings_there_are() -> None:
    account = Account()
    assert account.raise_next(3)
    assert not account.raise_next(2)
    assert (account.next, list(account.missing)) == (3, [(0, 2)])


def test_what_the_node_counted_as_dropped_explains_what_is_gone_since_and_nothing_else() -> None:
    life = Life()
    life.take(9)
    life.journal(Ranges([(4, 9)]), 10, drops=4)
    assert (life.account.dropped, life.account.lost) == (4, 0)
    life.journal(Ranges([(8, 9)]), 10, drops=4)
    assert (life.account.dropped, life.account.lost) == (4, 4)


def test_what_another_database_had_is_before_and_not_lost() -> None:
    life = Life(first=100)
    life.take(100)
    life.journal(Ranges([(90, 100)]), 101)
    assert (life.account.before, life.account.lost, life.account.missing.count) == (90, 0, 10)
    life.journal(Ranges([(95, 100)]), 101)
    assert (life.account.before, life.account.lost) == (90, 5), "this database knew that the node had them"


def test_what_was_given_up_and_comes_after_all_is_stored_and_taken_off() -> None:
    life = Life()
    life.take(5)
    life.journal(Ranges([(5, 5)]), 6, drops=5)
    assert life.account.dropped == 5
    assert [life.take(2), life.take(2)] == [NEW, TWICE]
    assert (life.account.dropped, life.account.lost) == (4, 0)


def test_what_was_given_up_and_the_node_has_after_all_is_missing_again_and_not_told_as_settled() -> None:
    life = Life()
    life.take(5)
    life.journal(Ranges([(5, 5)]), 6)
    life.commit()
    assert life.account.tellable == 6
    life.account.mark = 6  # a commit is being made while the node says so
    life.account.expect(Ranges([(2, 5)]), 6)
    life.take(2)
    life.account.settled = life.account.mark
    assert (life.account.lowest, life.account.tellable) == (3, 2), "number 2 is in no durable commit yet"


def test_a_hole_too_many_is_not_stored_and_not_forgotten() -> None:
    life = Life()
    for seq in range(1, 2 * MAX_RANGES, 2):
        assert life.take(seq) == NEW
    last = life.account.next
    assert life.take(last + 1) == FULL
    assert (len(life.account.missing), life.account.next) == (MAX_RANGES, last)
    assert life.take(0) == NEW
    assert life.take(last + 1) == NEW, "there is room again"
    life.check()


def test_splitting_a_hole_too_many_is_not_stored_either() -> None:
    life = Life()
    for seq in range(1, 2 * MAX_RANGES, 2):
        life.take(seq + 10)
    assert life.take(5) == FULL
    assert 5 in life.account.missing


@pytest.mark.parametrize("came", [range(0), range(1, 4000, 4)])
def test_gone_ranges_are_bounded_and_the_counts_stay_exact(came: range) -> None:
    life = Life()
    for begin in range(0, 4000, 800):  # 200 holes at a time, each given up
        for seq in range(begin, begin + 800, 4):
            life.take(seq)
        life.journal(Ranges(), life.account.next)
    assert len(life.account.gone) == MAX_RANGES
    assert life.account.lost == life.account.next - len(life.rows)
    assert all(life.take(seq) == TWICE for seq in range(0, 4000, 4))
    for seq in came:
        assert [life.take(seq), life.take(seq)] == [NEW, TWICE]
    life.check()


def test_a_boot_of_contract_1_0_is_stored_once_though_its_holes_are_no_holes() -> None:
    life = Life()
    life.account.counted = False
    for seq in range(0, 6 * MAX_RANGES, 2):  # each other number is a message that is no reading
        assert life.take(seq) == NEW
    assert len(life.account.missing) == MAX_RANGES
    assert [life.take(seq) for seq in (0, 2, 1, 1)] == [TWICE, TWICE, NEW, TWICE]
    assert life.account.tellable == 0


def test_a_reading_that_can_never_be_stored_is_given_up() -> None:
    life = Life()
    life.take(0)
    assert life.account.refuse(1)
    assert not life.account.refuse(0), "that one is stored"
    life.take(2)
    assert (life.account.lowest, life.account.lost) == (3, 1)
