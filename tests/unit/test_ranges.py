"""A set kept as ranges is a set: whatever is done to it, a Python set that has the same done to it agrees."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fleet_dashboard.ranges import Ranges

NUMBER = st.integers(0, 60)
SPAN = st.tuples(NUMBER, NUMBER)
STEPS = st.lists(st.tuples(st.sampled_from(["add", "remove"]), NUMBER, NUMBER), max_size=40)


def of(numbers: Ranges) -> set[int]:
    return {number for first, last in numbers for number in range(first, last + 1)}


def made(steps: list[tuple[str, int, int]]) -> tuple[Ranges, set[int]]:
    ranges, numbers = Ranges(), set[int]()
    for step, first, last in steps:
        getattr(ranges, step)(first, last)
        span = set(range(first, last + 1))
        numbers = numbers | span if step == "add" else numbers - span
    return ranges, numbers


@given(STEPS)
def test_any_adding_and_removing_leaves_what_it_leaves_of_a_set(steps: list[tuple[str, int, int]]) -> None:
    ranges, numbers = made(steps)
    assert of(ranges) == numbers
    assert (ranges.count, ranges.first) == (len(numbers), min(numbers, default=None))
    assert all((number in ranges) == (number in numbers) for number in range(62))
    spans = list(ranges)
    assert all(last + 1 < first for (_, last), (first, _) in pairwise(spans)), "as few as can be"
    assert (len(ranges), bool(ranges)) == (len(spans), bool(numbers))


@given(STEPS, STEPS, SPAN)
def test_what_two_share_what_one_has_alone_and_what_lies_within_a_span(
    one: list[tuple[str, int, int]], other: list[tuple[str, int, int]], span: tuple[int, int]
) -> None:
    (first, first_set), (second, second_set) = made(one), made(other)
    assert of(first & second) == first_set & second_set
    assert of(first - second) == first_set - second_set
    assert (first & second).count == len(first_set & second_set)
    within = first.within(*span)
    assert of(within) == first_set & set(range(span[0], span[1] + 1))
    assert within.count == len(of(within))
    within.add(0, 60)
    assert of(first) == first_set, "what was taken out of it is a copy"


@given(STEPS)
def test_the_gaps_are_what_lies_between(steps: list[tuple[str, int, int]]) -> None:
    ranges, numbers = made(steps)
    between = set(range(min(numbers), max(numbers) + 1)) - numbers if numbers else set()
    assert {number for first, last in ranges.gaps() for number in range(first, last + 1)} == between


@given(STEPS)
def test_what_is_written_down_is_read_again(steps: list[tuple[str, int, int]]) -> None:
    ranges, _ = made(steps)
    assert Ranges.from_text(ranges.text()) == ranges


def test_huge_spans_cost_nothing() -> None:
    ranges = Ranges([(0, 1 << 32)])
    ranges.remove(5, 5)
    assert (ranges.count, len(ranges), ranges.text()) == (1 << 32, 2, "[[0,4],[6,4294967296]]")
    assert Ranges().text() == ""
