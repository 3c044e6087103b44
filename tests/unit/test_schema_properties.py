"""What holds for every input, not only for the vectors."""

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fleet_schema import SchemaError, checks, commands, payloads, topics, values

NODE_IDS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,19}", fullmatch=True)
NAMES = st.from_regex(r"[a-z0-9-]{1,16}", fullmatch=True)
BASES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,15}", fullmatch=True)
GROUPS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,15}", fullmatch=True).filter(lambda name: name not in ("all", "host"))
ALERTS = st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True)
LEVELS = st.sampled_from(topics.LOG_LEVELS)
TARGETS = NODE_IDS | st.just("_all") | GROUPS.map("_{}".format)
LEGAL = st.one_of(
    st.tuples(NODE_IDS, st.sampled_from(["status", "meta", "health", "ack"]), st.none()),
    st.tuples(NODE_IDS, st.sampled_from(["tele", "event"]), NAMES),
    st.tuples(NODE_IDS, st.just("log"), LEVELS),
    st.tuples(TARGETS, st.just("cmd"), NAMES),
    st.tuples(st.just("_host"), st.just("status"), st.none()),
    st.tuples(st.just("_host"), st.just("last"), NODE_IDS),
    st.tuples(st.just("_host"), st.just("board"), NAMES),
    st.tuples(st.just("_host"), st.just("alert"), ALERTS),
)
NUMBERS = st.integers(-values.MAX_INT, values.MAX_INT) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KNOWN = """state boot conn wake seq up v hist ts event_type n msg tb cmd st id err re schema name period groups sensors
inputs commands q title unit top kind node text mem lag rssi"""
KEYS = st.sampled_from(KNOWN.split())
LIKELY = st.one_of(
    JSON,
    st.sampled_from(["9f3a", "online", "done", "1.0", "good", 0, 1, -1, True, [], {}, [["ms", "i", 1, 2]], "\ud800"]),
    st.dictionaries(NAMES, JSON, max_size=3),
)


LOADS = st.sampled_from([json.loads, orjson.loads])
KINDS = st.sampled_from(sorted(checks.CHECKS))


def attempt(act: Callable[..., Any], *args: Any) -> tuple[Any, SchemaError | None]:
    """What `act` gives, or the SchemaError it raises; anything else is a failure of the test."""
    try:
        return act(*args), None
    except SchemaError as error:
        return None, error


def build(base: str, who: str, kind: str, name: str | None) -> str:
    """The builder that is meant for this topic."""
    if who == topics.HOST:
        return topics.host_topic(base, kind, name)
    if kind == "cmd":
        assert name is not None
        return topics.command_topic(base, who, name)
    return topics.node_topic(base, who, kind, name)


@given(BASES, LEGAL)
def test_what_a_builder_makes_is_parsed_back(base: str, parts: tuple[str, str, str | None]) -> None:
    topic = build(base, *parts)
    assert topics.parse(base, topic) == parts
    assert len(topic.encode()) <= topics.MAX_TOPIC


TOPIC_LIKE = st.lists(
    st.one_of(
        st.sampled_from(
            ["fleet", "1", "ada", "_all", "_host", "status", "tele", "cmd", "last", "log", "info", "+", "#", ""]
        ),
        NAMES,
        st.text(max_size=21),
    ),
    max_size=6,
).map("/".join)


@given(st.text() | TOPIC_LIKE)
@example("fleet/1/ada/status")
@example("fleet/1/ada/status\n")
def test_what_parses_is_what_a_builder_makes(topic: str) -> None:
    parts, error = attempt(topics.parse, "fleet", topic)
    if error is None:
        assert build("fleet", *parts) == topic
    else:
        assert error.rule.startswith("F-TOPIC-")


@given(st.text(), st.text(), st.text(), st.none() | st.text())
def test_a_builder_makes_a_legal_topic_or_says_no(base: str, who: str, kind: str, name: str | None) -> None:
    topic, error = attempt(build, base, who, kind, name)
    if error is None:
        assert topics.parse(base, topic) == (who, kind, name)
    else:
        assert error.rule.startswith("F-TOPIC-")


@given(BASES, NODE_IDS, st.lists(GROUPS, max_size=4))
def test_a_node_is_reached_through_each_of_its_filters(base: str, node: str, groups: list[str]) -> None:
    filters = topics.command_filters(base, node, groups)
    targets = [node, topics.ALL, *("_" + group for group in groups)]
    assert filters == [topics.command_topic(base, target, "buzz")[:-4] + "+" for target in targets]


BYTES = st.binary(max_size=64) | st.text(max_size=64).map(lambda text: text.encode("utf-8", "surrogatepass"))


@settings(max_examples=300)
@given(KINDS, LOADS, BYTES)
@example("meta", json.loads, b"[" * 1024)
@example("meta", orjson.loads, b"[" * 1024)
@example("tele", json.loads, b'{"a":' * 100)
@example("tele", json.loads, b"\xff\xfe{\x00}\x00")
@example("tele", json.loads, b"-")
@example("status", orjson.loads, b'{"seq":' + b"9" * 480 + b"}")
def test_bytes_give_a_dict_or_a_schema_error(kind: str, loads: Any, raw: bytes) -> None:
    fields, error = attempt(payloads.decode, kind, raw, loads)
    if error is None:
        assert isinstance(fields, dict)
    else:
        assert error.rule.startswith("F-")
        assert error.why.isascii()


@settings(max_examples=600)
@given(KINDS, LOADS, st.dictionaries(KEYS, LIKELY, max_size=8))
def test_any_json_object_gives_a_dict_or_a_schema_error(kind: str, loads: Any, fields: dict[str, Any]) -> None:
    raw = json.dumps({"boot": "9f3a", "seq": 1, "up": 1, **fields}).encode()
    _, error = attempt(payloads.decode, kind, raw, loads)
    assert error is None or error.rule.startswith("F-")


@settings(max_examples=400)
@given(st.sampled_from(sorted(commands.STANDARD)), LOADS, BYTES | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_command_payload_gives_arguments_or_a_schema_error(name: str, loads: Any, raw: bytes) -> None:
    spec = commands.STANDARD[name]
    answer, error = attempt(commands.decode_command, raw, spec, loads)
    if error is None:
        assert list(answer[1]) == [argument[0] for argument in spec]
        json.dumps(answer[1]).encode()  # fit to be stored and sent on
    else:
        assert error.rule.startswith(("F-CMD-", "F-PAYLOAD-"))
        assert len(error.why) <= 120, "too long for the err of an ack"


TELE = st.fixed_dictionaries(
    {
        "boot": st.from_regex(r"[0-9a-f]{4}", fullmatch=True),
        "seq": st.integers(0, values.MAX_INT),
        "up": st.integers(0, values.MAX_INT),
        "v": st.dictionaries(NAMES, st.none() | NUMBERS, min_size=1, max_size=8),
    },
    optional={"hist": st.just(1), "ts": st.integers(1, values.MAX_INT)},
)


@given(LOADS, TELE)
def test_a_reading_comes_back_as_it_was_encoded(loads: Any, fields: dict[str, Any]) -> None:
    raw = payloads.encode("tele", fields)
    assert raw.isascii()
    assert payloads.decode("tele", raw, loads) == fields


SHOWN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]))


@given(
    st.none() | st.from_regex(r"[A-Za-z0-9-]{1,16}", fullmatch=True),
    st.integers(10, 10000),
    st.integers(50, 10000),
    SHOWN.filter(lambda text: len(text) <= 64 and len(text.encode()) < 70),
)
def test_a_command_comes_back_as_it_was_encoded(request_id: str | None, ms: int, hz: int, tune: str) -> None:
    args = {"ms": ms, "hz": hz, "tune": tune}
    raw = commands.encode_command(request_id, args)
    assert commands.decode_command(raw, commands.STANDARD["buzz"]) == (request_id, args)
    assert commands.decode_command(raw, commands.STANDARD["buzz"], orjson.loads) == (request_id, args)


@given(st.text())
def test_text_is_accepted_as_text_only_if_it_can_be_shown_and_stored(text: str) -> None:
    if values.is_text(text, 1000):
        text.encode()
        assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in text)


def test_a_text_over_its_byte_limit_is_refused_when_encoded() -> None:
    with pytest.raises(SchemaError) as caught:
        payloads.encode("tele", {"x": "\u00e9" * 90})
    assert caught.value.rule == "F-PAYLOAD-2"


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, st.none() | NUMBERS, min_size=1, max_size=3), max_size=4))
def test_last_values_come_back_as_they_were_encoded_and_without_a_space(last: dict[str, Any]) -> None:
    fields = {"ts": 1790000000000, "boot": "9f3a", "v": last, "q": "good"}
    raw = payloads.encode("host_last", fields)
    assert payloads.decode("host_last", raw) == fields
    assert b" " not in raw
