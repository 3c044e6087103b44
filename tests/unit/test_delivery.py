"""What a node is told and asked for, message by message: no broker, no database, and the time is passed in."""

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_dashboard.account import Account
from fleet_dashboard.boot import Boot
from fleet_dashboard.clock import BootClock
from fleet_dashboard.delivery import PATIENCE_MS, PROGRESS_MS, QUIET_MS, Delivery, Tell
from fleet_dashboard.ranges import Ranges
from fleet_schema import payloads

BUDGET = 1024


class Host:
    """One node's delivery, with boots that are made when they are named."""

    def __init__(self) -> None:
        self.now = 100_000
        self.delivery = Delivery()
        self.boots: dict[str, Boot] = {}
        self.current: Boot | None = None

    def boot(self, name: str) -> Boot:
        if name not in self.boots:
            self.boots[name] = Boot(1, name, len(self.boots) + 1, BootClock(), Account(), self.now)
        return self.boots[name]

    def take(self, name: str, *numbers: int) -> None:
        """Live readings."""
        self.current = self.boot(name)
        self.current.live = self.now
        for seq in numbers:
            self.current.account.take(seq)

    def durable(self) -> None:
        for boot in self.boots.values():
            boot.account.settled = boot.account.lowest

    def journal(self, seq: int, *rows: tuple[str, int, int, int], more: bool = False) -> list[str]:
        """The boots whose account changed."""
        listed = {name: self.boot(name) for name, *_ in rows}
        listed[rows[-1][0]].account.raise_next(seq)
        others = [boot for name, boot in self.boots.items() if name not in listed and boot.account.missing]
        return [boot.boot for boot in self.delivery.journal(rows, seq, more, listed, others, self.now)]

    def due(self, after_ms: int = 250, here: bool = True, budget: int = BUDGET) -> list[Tell]:
        self.now += after_ms
        tells = self.delivery.due(self.boots, self.current, here, budget, self.now)
        for tell in tells:  # whatever it is, it keeps the contract
            fields = {"boot": tell.boot, "seq": tell.seq, **({"miss": tell.miss} if tell.miss else {})}
            payloads.decode("host_stored", payloads.encode("host_stored", fields))
        return tells

    def due_within(self, ms: int) -> list[Tell]:
        return [tell for _ in range(ms // 250) for tell in self.due()]


def test_every_boot_of_a_journal_is_answered_at_once_also_when_nothing_is_durable() -> None:
    host = Host()
    host.take("000b", 0, 1)
    host.journal(2, ("000a", 5, 5, 0), ("000b", 0, 2, 0))
    assert sorted(host.due()) == [Tell("000a", 0, []), Tell("000b", 0, [])]
    host.durable()
    assert host.due_within(2 * PROGRESS_MS) == [Tell("000a", 5, []), Tell("000b", 2, [])]


def test_progress_is_told_at_most_once_a_second_and_only_news() -> None:
    host = Host()
    told = []
    for seq in range(20):
        host.take("000a", seq)
        host.durable()
        told += host.due()
    assert [tell.seq for tell in told] == [1, 5, 9, 13, 17]
    assert [tell.seq for tell in host.due_within(5000)] == [20]


def test_what_an_earlier_boot_left_is_asked_for_at_once_and_the_oldest_first() -> None:
    host = Host()
    host.take("000c", 0)
    host.journal(1, ("000a", 0, 3, 0), ("000b", 10, 12, 0), ("000c", 0, 1, 0))
    assert host.due()[0] == Tell("000a", 0, [[0, 2]])
    host.boots["000a"].account.take(1)
    assert host.due() == [], "the rest of it is on its way"
    for seq in (0, 2):
        host.boots["000a"].account.take(seq)
    assert host.due()[0].miss == [[10, 11]]
    assert host.boots["000b"].account.before == 0


def test_what_is_missing_of_the_boot_that_speaks_may_be_on_its_way_and_is_asked_for_later() -> None:
    host = Host()
    host.take("000a", 0)
    host.journal(4, ("000a", 0, 4, 0))
    assert [tell.miss for tell in host.due()] == [[]]
    for seq in (1, 2):
        host.boots["000a"].account.take(seq)
    asked = [tell.miss for tell in host.due_within(2500) if tell.miss]
    assert asked == [[[3, 3]]]


def test_a_hole_that_opens_after_the_journal_is_asked_for_too() -> None:
    host = Host()
    host.take("000a", 0)
    host.journal(1, ("000a", 0, 1, 0))
    host.due_within(2000)
    host.take("000a", 5)
    assert [tell.miss for tell in host.due_within(2500) if tell.miss] == [[[1, 4]]]


def test_what_the_node_never_said_it_has_is_not_asked_for() -> None:
    host = Host()
    host.take("000a", 0, 9)
    assert [tell for tell in host.due_within(10_000) if tell.miss] == []


def test_what_does_not_come_is_asked_for_again_and_not_while_it_comes() -> None:
    host = Host()
    host.take("000b", 0)
    host.journal(1, ("000a", 0, 20, 0), ("000b", 0, 1, 0))
    asked = []
    for tick in range(60):
        asked += [(tick * 250, tell.miss) for tell in host.due() if tell.miss]
        if tick < 16 and tick % 4 == 0:
            host.boots["000a"].account.take(tick // 4)
    assert asked == [(0, [[0, 19]]), (6250, [[4, 19]]), (9250, [[4, 19]]), (12250, [[4, 19]])]
    assert asked[1][0] - 3250 == PATIENCE_MS


def test_at_most_32_numbers_and_8_ranges_are_asked_for_and_no_more_than_the_budget() -> None:
    host = Host()
    host.take("000b", 0)
    account = host.boot("000a").account
    for seq in range(1, 40, 2):
        account.take(seq)
    host.journal(1, ("000a", 0, 1000, 0), ("000b", 0, 1, 0))
    (ask,) = [tell for tell in host.due(budget=5) if tell.miss]
    assert ask.miss == [[0, 0], [2, 2], [4, 4], [6, 6], [8, 8]]
    for seq in range(0, 10, 2):
        account.take(seq)
    assert host.due(budget=0) == [], "those behind the budget wait for their turn"
    (ask,) = host.due()
    assert len(ask.miss) == 8
    for seq in range(10, 40, 2):
        account.take(seq)
    (ask,) = host.due()
    assert ask.miss == [[40, 71]]


def test_who_is_not_there_is_asked_for_nothing_but_gets_his_answer() -> None:
    host = Host()
    host.take("000b", 0)
    host.journal(1, ("000a", 0, 3, 0), ("000b", 0, 1, 0))
    assert [tell.miss for tell in host.due(here=False)] == [[], []]
    assert host.due(here=False) == []


def test_what_the_journal_does_not_hold_is_gone() -> None:
    host = Host()
    host.take("000b", 0, 9)
    host.boot("000a").account.raise_next(20)
    host.journal(10, ("000a", 10, 15, 4), ("000b", 5, 10, 0))
    old, own = host.boots["000a"].account, host.boots["000b"].account
    assert (old.dropped, old.lost, list(old.missing)) == (4, 11, [(10, 14)])
    assert (own.lost, list(own.missing)) == (4, [(5, 8)])


def test_readings_that_the_node_took_after_its_journal_are_not_judged_by_it() -> None:
    host = Host()
    host.take("000a", 0, 5)
    host.boots["000a"].account.raise_next(8)
    host.delivery.journal([("000a", 5, 6, 0)], 6, False, host.boots, [], host.now)
    assert list(host.boots["000a"].account.missing) == [(6, 7)]


def test_a_boot_that_is_not_listed_is_gone_but_not_before_it_was_quiet_for_long() -> None:
    host = Host()
    host.take("000a", 0, 5)
    host.now += 1000
    host.take("000b", 0)
    changed = host.journal(1, ("000b", 0, 1, 0))
    assert (changed, host.boots["000a"].account.missing.count) == (["000b"], 4)
    host.now += QUIET_MS
    assert [boot.boot for boot in host.delivery.judge(host.boots, host.now)] == ["000a"]
    assert (host.boots["000a"].account.missing.count, host.boots["000a"].account.lost) == (0, 4)
    assert host.delivery.judge(host.boots, host.now) == []


def test_another_board_of_the_same_name_that_speaks_again_is_not_judged() -> None:
    host = Host()
    host.take("000a", 0, 5)
    host.journal(1, ("000b", 0, 1, 0))
    host.now += 1000
    host.take("000a", 6)
    host.now += 2 * QUIET_MS
    assert host.delivery.judge(host.boots, host.now) == []
    assert host.boots["000a"].account.missing.count == 4


def test_of_a_journal_that_could_not_list_all_only_what_lies_between_rows_is_believed() -> None:
    host = Host()
    for name in ("0009", "000a", "000b"):
        host.boot(name).account.raise_next(20)
    host.take("000c", 0, 9)
    host.journal(10, ("000a", 2, 4, 0), ("000a", 8, 10, 0), ("000c", 9, 10, 0), more=True)
    assert list(host.boots["000a"].account.missing) == [(2, 3), (8, 19)]
    assert [host.boots[name].account.missing.count for name in ("0009", "000b", "000c")] == [20, 20, 8]


def test_progress_of_several_boots_is_told_in_turn() -> None:
    host = Host()
    host.take("000b", 0)
    host.journal(1, ("000a", 0, 100, 0), ("000b", 0, 1, 0))
    told = set()
    for seq in range(40):
        host.boots["000a"].account.take(seq)
        host.take("000b", seq + 1)
        host.durable()
        told |= {tell.boot for tell in host.due(1000) if not tell.miss}
    assert told == {"000a", "000b"}


MOVES = st.lists(st.tuples(st.sampled_from(["live", "lose", "late", "journal", "durable", "wait"]), st.integers(0, 30)))


@settings(max_examples=200)
@given(MOVES)
def test_whatever_happens_only_what_the_node_has_is_asked_for_and_only_what_is_settled_is_told(
    moves: list[tuple[str, int]],
) -> None:
    host, top, has, durable = Host(), 0, set[int](), set[int]()
    stored: set[int] = set()
    for move, number in moves:
        if move == "live":
            host.take("000a", top)
            stored.add(top)
            has.add(top)
            top += 1
        elif move == "lose":
            has.add(top)
            top += 1
        elif move == "late" and number in has - stored:
            host.boot("000a").account.take(number)
            stored.add(number)
        elif move == "journal":
            rows = [("000a", first, last + 1, 0) for first, last in Ranges([(seq, seq) for seq in sorted(has)])]
            host.journal(top, *(rows[-12:] or [("000a", top, top, 0)]))
            has &= {seq for _, first, end, _ in rows[-12:] for seq in range(first, end)}
        elif move == "durable":
            host.durable()
            durable = set(stored)
        for tell in host.due(250 * number if move == "wait" else 250):
            gone = host.boots["000a"].account.gone
            assert all(seq in durable or seq in gone for seq in range(tell.seq)), "told before it was settled"
            asked = {seq for first, last in tell.miss for seq in range(first, last + 1)}
            assert asked <= has - stored
            has -= set(range(tell.seq))
