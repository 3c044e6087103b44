"""A clock that is none is named, and one that only has a slow way to us is not."""

import random

from fleet_dashboard.clock_watch import ClockWatch


def run(watch: ClockWatch, speed: float, seconds: int = 60, every: int = 1000, begin: int = 0, delay: int = 30) -> int:
    """Live messages of a node whose `up` runs so fast; the time at the end."""
    chance, now = random.Random(1), 100_000
    for seq in range(begin, begin + seconds * 1000 // every):
        now += every
        watch.observe(seq, int((now - 100_000) * speed), now + chance.randrange(delay))
    return now


def test_a_right_clock_is_right_whatever_the_way_to_us_is_like() -> None:
    for every in (100, 1000, 20_000):
        for delay in (5, 800):
            watch = ClockWatch()
            assert watch.sentence(run(watch, 1.0, seconds=600, every=every, delay=delay)) == ""


def test_a_clock_in_the_wrong_unit_or_at_the_wrong_speed_is_named() -> None:
    for speed, counts in ((0.001, "1"), (0.5, "500"), (2.0, "2,000"), (1000.0, "1,000,000")):
        watch = ClockWatch()
        sentence = watch.sentence(run(watch, speed))
        assert sentence == f"its `up` counts {counts} in a second, not 1,000"


def test_a_clock_that_goes_back_within_a_boot_is_named_for_a_minute() -> None:
    watch = ClockWatch()
    watch.observe(1, 50_000, 100_000)
    watch.observe(0, 49_000, 100_100)  # an older reading that came again is no clock that went back
    watch.observe(2, 49_500, 100_200)  # and neither are two sensors that were read in turn
    assert watch.sentence(100_200) == ""
    watch.observe(3, 7_000, 100_300)
    assert watch.sentence(100_300) == "its `up` went back by 42 s without a new `boot`"
    assert watch.sentence(160_300) == ""


def test_a_ts_that_disagrees_is_named_with_how_much() -> None:
    watch = ClockWatch()
    for difference, expected in ((1999, ""), (-2000, ""), (10_800_000, "its `ts` is 3 h ahead of this computer")):
        watch.told(difference, 5000)
        assert watch.sentence(6000) == expected
    watch.told(-5000, 7000)
    assert watch.sentence(8000) == "its `ts` is 5 s behind this computer"
    assert watch.sentence(67_000) == ""
