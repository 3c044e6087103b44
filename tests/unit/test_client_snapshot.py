"""What the broker retains about a fleet."""

from fleet_client.snapshot import in_natural_order


def test_nodes_are_listed_as_a_person_counts() -> None:
    names = ["sim-10", "sim-2", "ada", "7", "n-0a1", "sim-1", "12"]
    assert sorted(names, key=in_natural_order) == ["7", "12", "ada", "n-0a1", "sim-1", "sim-2", "sim-10"]
