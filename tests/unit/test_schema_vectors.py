"""The vectors of the contract on CPython, with both JSON readers; tests/upy/upy_schema.py runs the same files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from fleet_schema import SchemaError, commands, payloads, topics

Loads = Callable[[str], Any]
VECTORS = Path(__file__).parents[1] / "vectors"
READERS = [pytest.param(json.loads, id="json"), pytest.param(orjson.loads, id="orjson")]


def vectors(name: str) -> list[Any]:
    cases = json.loads((VECTORS / name).read_text())
    return [pytest.param(case, id=f"{case.get('kind', case.get('command', ''))}: {case['name']}") for case in cases]


def raw_of(case: dict[str, Any]) -> bytes:
    return bytes.fromhex(case["hex"]) if "hex" in case else case["text"].encode()


def rules_of(case: dict[str, Any]) -> list[str]:
    return case["rule"] if isinstance(case["rule"], list) else [case["rule"]]


def refuses(case: dict[str, Any], act: Callable[[], Any]) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        act()
    assert caught.value.rule in rules_of(case), f"{caught.value}, not {case['rule']}"
    assert caught.value.why
    return caught.value


@pytest.mark.parametrize("case", vectors("topics.json"))
def test_a_topic_is_read_as_its_vector_says(case: dict[str, Any]) -> None:
    if case["rule"]:
        refuses(case, lambda: topics.parse(case["base"], case["topic"]))
    else:
        assert topics.parse(case["base"], case["topic"]) == tuple(case["parsed"])


@pytest.mark.parametrize("loads", READERS)
@pytest.mark.parametrize("case", vectors("payloads.json"))
def test_a_payload_is_read_as_its_vector_says(case: dict[str, Any], loads: Loads) -> None:
    if case.get("unless") == "orjson" and loads is orjson.loads:
        # orjson makes a float of an integer over 64 bits: a legal number, if not the exact one.
        assert payloads.decode(case["kind"], raw_of(case), loads)
    elif case["rule"]:
        refuses(case, lambda: payloads.decode(case["kind"], raw_of(case), loads))
    else:
        assert payloads.decode(case["kind"], raw_of(case), loads) == json.loads(case["text"])


@pytest.mark.parametrize("loads", READERS)
@pytest.mark.parametrize("case", [one for one in vectors("commands.json") if "command" in one.values[0]])
def test_a_command_is_read_as_its_vector_says(case: dict[str, Any], loads: Loads) -> None:
    spec = commands.STANDARD[case["command"]]
    if case["rule"]:
        error = refuses(case, lambda: commands.decode_command(raw_of(case), spec, loads))
        assert error.id == case.get("id"), "the ack could not name the request"
    else:
        assert commands.decode_command(raw_of(case), spec, loads) == (case["id"], case["args"])


@pytest.mark.parametrize("case", [one for one in vectors("commands.json") if "groups" in one.values[0]])
def test_groups_are_read_as_their_vector_says(case: dict[str, Any]) -> None:
    if case["rule"]:
        refuses(case, lambda: commands.split_groups(case["groups"]))
    else:
        assert commands.split_groups(case["groups"]) == case["split"]


@pytest.mark.parametrize("name", ["topics.json", "payloads.json", "commands.json"])
def test_vectors_have_names_of_their_own(name: str) -> None:
    names = [one.id for one in vectors(name)]
    assert len(names) == len(set(names)), sorted(one for one in names if names.count(one) > 1)
