"""Sample times without a clock on the node."""

import random

from fleet_dashboard.clock import WINDOW_MS, BootClock, WallClock


def test_the_fastest_delivery_places_all_samples() -> None:
    clock = BootClock()
    clock.observe(up=1000, arrival=501_040)  # 40 ms on the way
    clock.observe(up=2000, arrival=502_003)  # 3 ms
    assert clock.observe(up=3000, arrival=503_500) == 500_003


def test_samples_that_waited_are_placed_where_they_were_taken() -> None:
    clock = BootClock()
    clock.observe(up=60_000, arrival=1_060_005)
    offset = clock.observe(up=20_000, arrival=1_061_000, late=True)
    assert 20_000 + offset == 1_020_005


def test_a_boot_first_heard_by_a_late_sample_is_corrected_by_the_first_live_one() -> None:
    clock = BootClock()
    assert clock.observe(up=1000, arrival=400_000, late=True) == 399_000
    assert clock.observe(up=300_000, arrival=400_010) == 100_010


def test_a_crystal_that_runs_slow_is_followed_after_the_window() -> None:
    clock = BootClock()
    for second in range(0, 3600):
        arrival = 1_000_000 + second * 1000
        clock.observe(up=int(second * 1000 * (1 - 50e-6)), arrival=arrival)
    error = arrival - (int(second * 1000 * (1 - 50e-6)) + clock.offset)
    assert 0 <= error <= WINDOW_MS * 50e-6 + 5, f"{error} ms off"


def test_late_samples_after_a_long_silence_do_not_push_out_the_estimate() -> None:
    clock = BootClock()
    clock.observe(up=1000, arrival=101_000)
    for number in range(50):
        clock.observe(up=2000 + number * 1000, arrival=4_000_000 + number, late=True)
    assert clock.offset == 100_000


def test_the_estimate_is_never_before_the_boot_and_at_most_the_smallest_delay_late() -> None:
    chance = random.Random(7)
    clock, smallest = BootClock(), 10_000
    for up in range(0, 300_000, 1000):
        delay = chance.randrange(2, 900)
        smallest = min(smallest, delay)
        clock.observe(up, 5_000_000 + up + delay)
        assert clock.offset == 5_000_000 + smallest


def test_a_restored_estimate_counts_until_the_window_has_passed() -> None:
    clock = BootClock(restored=100_000, now=1_000_000)
    assert clock.observe(up=900_000, arrival=1_000_400) == 100_000
    for arrival in range(1_000_000, 1_000_000 + WINDOW_MS + 200_000, 10_000):
        clock.observe(arrival - 100_300, arrival)
    assert clock.offset == 100_300


def test_a_step_of_the_hosts_clock_moves_later_samples_only() -> None:
    wall = 1_700_000_000_000
    now = 5000
    clock = WallClock(lambda: wall + now, lambda: now)
    before = clock.utc(clock.refresh())
    wall += 3_600_000
    now += 1000
    assert clock.utc(clock.refresh()) == before + 3_601_000
    assert clock.utc(6000) - clock.utc(5000) == 1000


def test_two_clocks_that_are_not_read_at_the_same_moment_do_not_jitter() -> None:
    wall = iter([1_000_000, 1_000_001, 1_000_000, 1_000_007])
    clock = WallClock(lambda: next(wall), lambda: 0)
    steps = []
    for _ in range(3):
        clock.refresh()
        steps.append(clock.step)
    assert steps == [1_000_000, 1_000_000, 1_000_007]
    assert clock.take_jump() == 0, "that is NTP at work"


def test_a_boot_that_was_over_by_then_began_earlier_and_never_later() -> None:
    clock = BootClock()
    assert clock.bound(500_000, now=1_000_000)
    assert clock.observe(up=1000, arrival=1_000_000, late=True) == 500_000
    assert clock.bound(400_000, now=1_000_000)
    assert not clock.bound(450_000, now=1_000_000)
    assert clock.offset == 400_000
