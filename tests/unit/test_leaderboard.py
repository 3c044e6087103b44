"""Ranks from scores: ties, teams, movement, and where a node measures what counts."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_dashboard.leaderboard import GRAVITY, Look, Score, measured, ranked, source, team_ranks, temperature_source

scores = st.lists(
    st.builds(
        Score,
        node=st.text("abcdef", min_size=1, max_size=4),
        name=st.sampled_from(["Ada", "Bo", "Cy"]),
        score=st.integers(-3, 3).map(float),
        teams=st.lists(st.sampled_from(["red", "blue"]), unique=True).map(tuple),
    ),
    unique_by=lambda one: one.node,
)


@given(scores, st.booleans(), st.randoms())
def test_a_place_is_one_more_than_the_number_of_those_who_are_better(
    given_scores: list[Score], high: bool, chance: random.Random
) -> None:
    places = ranked(given_scores, high)
    assert sorted(one.key for one in places) == sorted(one.node for one in given_scores)
    for one in places:
        better = [other for other in given_scores if (other.score > one.score if high else other.score < one.score)]
        assert one.place == len(better) + 1
    shuffled = list(given_scores)
    chance.shuffle(shuffled)
    assert ranked(shuffled, high) == places, "the order of arrival decides nothing"


@given(scores, st.booleans(), st.sampled_from(["mean", "sum", "best"]), st.randoms())
def test_a_team_has_its_members_and_is_ranked_like_a_node(
    given_scores: list[Score], high: bool, way: str, chance: random.Random
) -> None:
    teams = team_ranks(given_scores, high, way)
    for team in teams:
        own = [one.score for one in given_scores if team.key in one.teams]
        assert team.members == len(own)
        choose = max if high else min
        expected = {"sum": sum(own), "mean": sum(own) / len(own), "best": choose(own)}[way]
        assert team.score == pytest.approx(expected, abs=1e-3)
        assert team.place == 1 + sum(other.score > team.score if high else other.score < team.score for other in teams)
    shuffled = list(given_scores)
    chance.shuffle(shuffled)
    assert team_ranks(shuffled, high, way) == teams


def test_equal_scores_share_the_better_place_in_the_order_of_their_names() -> None:
    places = ranked([Score("x", "Zoe", 5), Score("y", "Amy", 5), Score("z", "Cy", 9), Score("w", "Bo", 1)], True)
    assert [(one.place, one.name) for one in places] == [(1, "Cy"), (2, "Amy"), (2, "Zoe"), (4, "Bo")]


def test_below_zero_is_a_temperature_too() -> None:
    assert [one.key for one in ranked([Score("a", "A", -5.0), Score("b", "B", 0.0)], True)] == ["b", "a"]
    assert [one.key for one in ranked([Score("a", "A", -5.0), Score("b", "B", 0.0)], False)] == ["a", "b"]


def test_movement_is_told_against_the_last_look() -> None:
    look = Look(1000)

    def moved(now: int, *best_first: str) -> dict[str, int | None]:
        return look.moved(ranked([Score(n, n, -i) for i, n in enumerate(best_first)], True), now)

    assert moved(0, "a", "b", "c") == {"a": 0, "b": 0, "c": 0}
    assert moved(1000, "c", "a", "b", "new") == {"c": 2, "a": -1, "b": -1, "new": None}
    assert moved(1500, "a", "c", "b", "new") == {"a": 0, "c": 1, "b": -1, "new": None}, "the look is still the same"
    assert moved(2000, "a", "c", "b", "new") == dict.fromkeys(("a", "b", "c", "new"), 0), "nothing happened since"


MOTION = {"ax": ["m/s2", "acceleration"], "ay": ["m/s2", "acceleration"], "az": ["m/s2", "acceleration"]}


def test_a_quantity_is_found_in_meta_and_the_thermometer_of_a_motion_sensor_measures_the_chip() -> None:
    motion = {**MOTION, "temp": ["Cel", "temperature"]}
    air = {"hum": ["%RH", "humidity"], "temp": ["Cel", "temperature"]}
    assert temperature_source({"mpu6886": motion, "sht4x": air}) == ("sht4x", "temp")
    assert temperature_source({"mpu6886": motion}) is None
    assert source({"mpu6886": motion}, "temperature", "mpu6886") == ("mpu6886", ("temp",))
    assert source({"mpu6886": motion}, "shake") == ("mpu6886", ("ax", "ay", "az"))
    assert source({"mpu6886": {"ax": MOTION["ax"]}}, "shake") is None
    assert source({"die": {"eyes": ["/", "eyes"]}}, "eyes") == ("die", ("eyes",))


@pytest.mark.parametrize(
    ("values", "shake"),
    [
        ({"ax": 0.0, "ay": 0.0, "az": GRAVITY}, (0.0,)),
        ({"ax": 0.0, "ay": 0.0, "az": 0.0}, (round(GRAVITY, 2),)),
        ({"ax": 30.0, "ay": 40.0, "az": 0.0}, (round(50 - GRAVITY, 2),)),
        ({"ax": None, "ay": 0.0, "az": 0.0}, None),
        ({"ax": 1.0}, None),
    ],
)
def test_shake_is_how_far_from_standing_still(values: dict[str, float | None], shake: tuple[float, ...] | None) -> None:
    assert measured(values, ("ax", "ay", "az"), "shake") == shake
