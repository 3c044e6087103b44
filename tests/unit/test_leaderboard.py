"""Rankings from figures."""

import pytest

from fleet_dashboard.leaderboard import GRAVITY, TOP, Standing, boards, shake_of, temperature_source


def top(name: str, *standings: Standing) -> list[list[object]]:
    return next(board["top"] for board in boards(standings) if board["name"] == name)


def test_the_best_is_first_and_who_has_nothing_is_not_there() -> None:
    assert top("presses", Standing("a", "Ada", 2), Standing("b", "Bob", 9), Standing("c", "Cy")) == [
        ["b", "Bob", 9],
        ["a", "Ada", 2],
    ]


def test_a_tie_has_equal_scores_and_a_steady_order() -> None:
    forth = top("warmest", Standing("x", "Zoe", warmest=21.5), Standing("y", "Amy", warmest=21.5))
    back = top("warmest", Standing("y", "Amy", warmest=21.5), Standing("x", "Zoe", warmest=21.5))
    assert forth == back == [["y", "Amy", 21.5], ["x", "Zoe", 21.5]]


def test_a_board_has_ten_places() -> None:
    assert len(top("presses", *(Standing(str(n), str(n), n + 1) for n in range(30)))) == TOP


def test_below_zero_is_a_temperature_too() -> None:
    assert top("warmest", Standing("a", "A", warmest=-5.0), Standing("b", "B", warmest=0.0))[1] == ["a", "A", -5.0]


def test_the_thermometer_of_a_motion_sensor_measures_the_chip() -> None:
    motion = {"ax": ["m/s2", "acceleration"], "temp": ["Cel", "temperature"]}
    air = {"hum": ["%RH", "humidity"], "temp": ["Cel", "temperature"]}
    assert temperature_source({"mpu6886": motion, "sht4x": air}) == ("sht4x", "temp")
    assert temperature_source({"mpu6886": motion}) is None


@pytest.mark.parametrize(
    ("values", "shake"),
    [
        ({"ax": 0.0, "ay": 0.0, "az": GRAVITY}, 0.0),
        ({"ax": 0.0, "ay": 0.0, "az": 0.0}, round(GRAVITY, 2)),
        ({"ax": 30.0, "ay": 40.0, "az": 0.0}, round(50 - GRAVITY, 2)),
        ({"ax": None, "ay": 0.0, "az": 0.0}, None),
    ],
)
def test_shake_is_how_far_from_standing_still(values: dict[str, float | None], shake: float | None) -> None:
    assert shake_of(values) == shake
