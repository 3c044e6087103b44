"""From typed words to the arguments of a command: converted by the node's own table, or refused."""

from typing import Any

import pytest

from fleet_client import NodeInfo
from fleet_schema import commands
from fleet_tools import arguments
from fleet_tools.errors import FleetError


@pytest.mark.parametrize(
    ("name", "typed", "expected"),
    [
        ("buzz", [], {}),
        ("buzz", ["500"], {"ms": 500}),
        ("buzz", ["500", "880"], {"ms": 500, "hz": 880}),
        ("buzz", ["hz=880", "500"], {"hz": 880, "ms": 500}),
        ("say", ["hello", "world"], {"text": "hello world"}),
        ("say", ["a=b"], {"text": "a=b"}),
        ("say", ["text=a=b"], {"text": "a=b"}),
        ("led", ["off"], {"on": False}),
        ("led", ["on=yes", "ms=100"], {"on": True, "ms": 100}),
        ("reset", [], {}),
    ],
)
def test_words_become_arguments_of_the_right_type(name: str, typed: list[str], expected: dict[str, Any]) -> None:
    assert arguments.parse(name, typed, commands.STANDARD[name]) == expected


@pytest.mark.rule("F-CMD-4")
@pytest.mark.parametrize(
    ("name", "typed", "expected"),
    [
        ("buzz", ["ms=5"], "ms is not a whole number from 10 to 10000"),
        ("buzz", ["loud"], "a whole number from 10 to 10000, not 'loud'"),
        ("buzz", ["mss=5"], 'did you mean "ms"?'),
        ("buzz", ["1000", "880", "c d e", "x"], "one value too many"),
        ("period", [], "ms is missing"),
        ("led", ["perhaps"], "true or false"),
        ("reset", ["now"], "without anything"),
    ],
)
def test_a_mistake_is_one_sentence_and_code_2(name: str, typed: list[str], expected: str) -> None:
    with pytest.raises(FleetError) as refusal:
        arguments.parse(name, typed, commands.STANDARD[name])
    assert expected in str(refusal.value)
    assert refusal.value.code == 2


def test_a_command_that_only_a_node_knows_is_taken_from_its_meta() -> None:
    ada = NodeInfo("ada", meta={"commands": {"spin": [["rpm", "n", 0, 60]]}})
    spec = arguments.spec_of("spin", [NodeInfo("linus"), ada])
    assert arguments.parse("spin", ["rpm=2.5"], spec) == {"rpm": 2.5}


def test_a_command_that_no_target_has_is_refused_with_the_closest_one() -> None:
    ada = NodeInfo("ada", meta={"commands": {"spin": []}})
    with pytest.raises(FleetError, match='did you mean "spin"'):
        arguments.spec_of("spinn", [ada])
    with pytest.raises(FleetError, match="they know spin"):
        arguments.spec_of("buzz", [ada])


def test_the_standard_commands_do_for_nodes_whose_meta_is_not_known() -> None:
    assert arguments.spec_of("buzz", [NodeInfo("ada")]) == commands.STANDARD["buzz"]
