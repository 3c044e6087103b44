"""The vectors of the contract on CPython, with both JSON readers; tests/upy/upy_schema.py runs the same files."""

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from fleet_schema import SchemaError, commands, payloads, topics
from support.vectors import Case, cases, params, raw_of, rules_of

Loads = Callable[[str], Any]
COMMANDS = [case for case in cases("commands.json") if "command" in case]
GROUPS = [case for case in cases("commands.json") if "groups" in case]
READERS = [pytest.param(json.loads, id="json"), pytest.param(orjson.loads, id="orjson")]


def refuses(case: Case, act: Callable[[], Any]) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        act()
    assert caught.value.rule in rules_of(case), f"{caught.value}, not {case['rule']}"
    assert caught.value.why
    return caught.value


@pytest.mark.parametrize("case", params(cases("topics.json")))
def test_a_topic_is_read_as_its_vector_says(case: Case) -> None:
    if case["rule"]:
        refuses(case, lambda: topics.parse(case["base"], case["topic"]))
    else:
        assert topics.parse(case["base"], case["topic"]) == tuple(case["parsed"])


@pytest.mark.parametrize("loads", READERS)
@pytest.mark.parametrize("case", params(cases("payloads.json")))
def test_a_payload_is_read_as_its_vector_says(case: Case, loads: Loads) -> None:
    if case.get("unless") == "orjson" and loads is orjson.loads:
        # orjson makes a float of an integer over 64 bits: a legal number, if not the exact one.
        assert payloads.decode(case["kind"], raw_of(case), loads)
    elif case["rule"]:
        refuses(case, lambda: payloads.decode(case["kind"], raw_of(case), loads))
    else:
        assert payloads.decode(case["kind"], raw_of(case), loads) == json.loads(case["text"])


@pytest.mark.parametrize("loads", READERS)
@pytest.mark.parametrize("case", params(COMMANDS))
def test_a_command_is_read_as_its_vector_says(case: Case, loads: Loads) -> None:
    spec = commands.STANDARD[case["command"]]
    if case["rule"]:
        error = refuses(case, lambda: commands.decode_command(raw_of(case), spec, loads))
        assert error.id == case.get("id"), "the ack could not name the request"
    else:
        assert commands.decode_command(raw_of(case), spec, loads) == (case["id"], case["args"])


@pytest.mark.parametrize("case", params(GROUPS))
def test_groups_are_read_as_their_vector_says(case: Case) -> None:
    if case["rule"]:
        refuses(case, lambda: commands.split_groups(case["groups"]))
    else:
        assert commands.split_groups(case["groups"]) == case["split"]


@pytest.mark.parametrize("name", ["topics.json", "payloads.json", "commands.json"])
def test_vectors_have_names_of_their_own(name: str) -> None:
    names = [one.id for one in params(cases(name))]
    assert len(names) == len(set(names)), sorted(one for one in names if names.count(one) > 1)
