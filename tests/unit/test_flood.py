"""How much one node may say, and that what it is asked for is not counted against it."""

from fleet_dashboard.flood import BURST_S, MAX_SENDERS, RATE, Allowances, about


def test_a_node_of_the_contract_passes_for_ever_and_a_flood_does_not() -> None:
    allowances = Allowances(RATE)
    ada, evil = allowances.of("ada"), allowances.of("evil")
    assert ada is not None
    assert evil is not None
    spare = allowances.spare("tele")
    passed = 0
    for second in range(60):
        allowances.refill(second * 1000)
        assert all(ada.take(spare) for _ in range(16 * 10)), (
            f"a node with 16 fast sensors is limited in second {second}"
        )
        for _ in range(1000):
            if evil.take(spare):
                passed += 1
            else:
                evil.refuse(second * 1000)
    allowances.refill(60_000)
    assert 59 * RATE <= passed <= (60 + BURST_S) * RATE
    assert evil.refused == 60_000 - passed
    assert evil.is_flooding(60_000)
    assert not ada.is_flooding(60_000)
    assert about(evil.peak) == 1000


def test_what_is_turned_away_is_in_whole_runs_because_the_bucket_is_filled_once_a_second() -> None:
    allowances = Allowances(RATE)
    evil = allowances.of("evil")
    assert evil is not None
    holes, before = 0, True
    for second in range(20):
        allowances.refill(second * 1000)
        for _ in range(1000):
            taken = evil.take(0)
            holes += before and not taken
            before = taken
    assert holes <= 20


def test_a_flood_of_readings_leaves_room_for_who_the_node_is() -> None:
    allowances = Allowances(RATE)
    evil = allowances.of("evil")
    assert evil is not None
    while evil.take(allowances.spare("tele")):
        pass
    assert sum(evil.take(allowances.spare("status")) for _ in range(RATE)) == RATE // 4


def test_what_was_given_back_was_not_counted() -> None:
    evil = Allowances(RATE).of("evil")
    assert evil is not None
    for _ in range(10 * RATE * BURST_S):
        assert evil.take(0)
        evil.give_back()


def test_it_can_be_switched_off_and_is_bounded() -> None:
    assert Allowances(0).of("ada") is None
    allowances = Allowances(RATE)
    many = {id(allowances.of(f"n-{number}")) for number in range(2 * MAX_SENDERS)}
    assert len(many) == MAX_SENDERS + 1
