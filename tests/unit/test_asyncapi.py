"""docs/asyncapi.yaml says what the code says: topics, bounds, examples; and it is a sound AsyncAPI 3 document."""

import json
import re
from typing import Any

import pytest
from jsonschema import Draft7Validator

from fleet_schema import SCHEMA, checks, commands, payloads, topics
from support import asyncapi
from support.vectors import Case, cases, params, raw_of, rules_of

DOCUMENT = asyncapi.document()
CHANNELS = DOCUMENT["channels"]
MESSAGES = DOCUMENT["components"]["messages"]
SCHEMAS = DOCUMENT["components"]["schemas"]

# Which keys an object of AsyncAPI 3.0.0 may have, and which it must; only what we use.
SHAPES: dict[str, tuple[set[str], set[str]]] = {
    "document": ({"asyncapi", "info"}, {"id", "defaultContentType", "servers", "channels", "operations", "components"}),
    "info": ({"title", "version"}, {"description", "license"}),
    "server": ({"host", "protocol"}, {"protocolVersion", "description", "bindings"}),
    "channel": ({"address", "messages"}, {"title", "description", "parameters"}),
    "parameter": (set(), {"enum", "default", "description", "examples", "location"}),
    "operation": ({"action", "channel"}, {"title", "summary", "description", "bindings", "reply"}),
    "message": ({"payload"}, {"name", "title", "summary", "examples", "headers", "contentType"}),
    "example": ({"payload"}, {"name", "summary", "headers"}),
    "components": (set(), {"parameters", "schemas", "messages"}),
    "mqtt operation": ({"qos", "retain", "bindingVersion"}, set()),
    "mqtt server": ({"bindingVersion"}, {"clientId", "cleanSession", "lastWill", "keepAlive"}),
}


def has_shape(what: str, name: str, tree: dict[str, Any]) -> None:
    must, may = SHAPES[what]
    keys = set(tree)
    assert must <= keys, f"{what} {name} lacks {must - keys}"
    assert keys <= must | may, f"{what} {name} may not have {keys - must - may}"


def objects() -> list[tuple[str, str, dict[str, Any]]]:
    found = [("document", "", DOCUMENT), ("info", "", DOCUMENT["info"]), ("components", "", DOCUMENT["components"])]
    found += [("server", name, server) for name, server in DOCUMENT["servers"].items()]
    found += [("mqtt server", name, server["bindings"]["mqtt"]) for name, server in DOCUMENT["servers"].items()]
    found += [("channel", name, channel) for name, channel in CHANNELS.items()]
    found += [("parameter", name, one) for name, one in DOCUMENT["components"]["parameters"].items()]
    found += [("operation", name, operation) for name, operation in DOCUMENT["operations"].items()]
    found += [("mqtt operation", name, one["bindings"]["mqtt"]) for name, one in DOCUMENT["operations"].items()]
    found += [("message", name, message) for name, message in MESSAGES.items()]
    found += [("example", name, example) for name, message in MESSAGES.items() for example in message["examples"]]
    return found


@pytest.mark.parametrize(("what", "name", "tree"), objects(), ids=lambda part: part if isinstance(part, str) else "")
def test_every_object_has_the_keys_that_asyncapi_3_asks_for(what: str, name: str, tree: dict[str, Any]) -> None:
    has_shape(what, name, tree)


def test_it_is_asyncapi_3_of_this_schema_version() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert DOCUMENT["info"]["version"] == SCHEMA


def test_every_reference_leads_somewhere_and_everything_is_referred_to() -> None:
    used = set(asyncapi.refs(DOCUMENT))
    for ref in used:
        asyncapi.resolve(ref)
    for section, parts in DOCUMENT["components"].items():
        unused = {f"#/components/{section}/{name}" for name in parts} - used
        assert not unused


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_is_json_schema_draft_7(name: str) -> None:
    Draft7Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_declares_the_parameters_of_its_address(name: str) -> None:
    channel = CHANNELS[name]
    assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel["parameters"])


def example_topics(name: str) -> list[str]:
    """The address with every example of its last parameter, and the first of the others."""
    parameters = {key: asyncapi.deref(one)["examples"] for key, one in CHANNELS[name]["parameters"].items()}
    last = list(parameters)[-1]
    made = []
    for example in parameters[last]:
        values = {key: examples[0] for key, examples in parameters.items()} | {last: example}
        made.append(CHANNELS[name]["address"].format(**values))
    return made


@pytest.mark.parametrize("name", CHANNELS)
def test_the_code_parses_the_topics_of_a_channel(name: str) -> None:
    for topic in example_topics(name):
        base = topic.split("/")[0]
        who, kind, _ = topics.parse(base, topic)
        assert payloads.kind_of(who, kind) == ("cmd" if name == "command" else name)
        assert asyncapi.channel_of(topic) == name


@pytest.mark.parametrize("case", params([case for case in cases("topics.json") if case["rule"] is None]))
def test_every_legal_topic_has_its_channel(case: Case) -> None:
    who, kind, _ = case["parsed"]
    expected = payloads.kind_of(who, kind)
    assert asyncapi.channel_of(case["topic"]) == ("command" if expected == "cmd" else expected)


def test_channels_and_messages_are_those_of_the_code() -> None:
    assert set(CHANNELS) == set(checks.CHECKS) | {"command"}
    assert set(CHANNELS["command"]["messages"]) == set(commands.STANDARD)
    assert set(MESSAGES) == set(checks.CHECKS) | set(commands.STANDARD)
    assert DOCUMENT["components"]["parameters"]["level"]["enum"] == list(topics.LOG_LEVELS)


def test_every_channel_has_an_operation_and_the_command_is_answered_by_the_ack() -> None:
    operations = DOCUMENT["operations"].values()
    assert {one["channel"]["$ref"] for one in operations} == {f"#/channels/{name}" for name in CHANNELS}
    assert {one["action"] for one in operations} == {"send", "receive"}
    assert DOCUMENT["operations"]["receiveCommand"]["reply"]["channel"]["$ref"] == "#/channels/ack"


def test_the_words_are_those_of_the_code() -> None:
    assert SCHEMAS["status"]["properties"]["state"]["enum"] == list(payloads.NODE_STATES)
    assert SCHEMAS["ack"]["allOf"][1]["properties"]["st"]["enum"] == list(payloads.ACK_STATES)
    assert list(SCHEMAS["health"]["allOf"][1]["properties"]) == list(payloads.HEALTH_KEYS)


def argument_schema(kind: str, low: float, high: float, *default: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": {"i": "integer", "n": "number", "b": "boolean", "s": "string"}[kind]}
    if kind == "s":
        schema |= {"minLength": low, "maxLength": high}
    elif kind != "b":
        schema |= {"minimum": low, "maximum": high}
    return schema | ({"default": default[0]} if default else {})


@pytest.mark.parametrize("name", commands.STANDARD)
def test_a_command_has_the_arguments_of_the_code(name: str) -> None:
    spec = commands.STANDARD[name]
    schema = dict(SCHEMAS[name + "Arguments"]["properties"])
    schema.pop("id")
    assert schema == {argument[0]: argument_schema(*argument[1:]) for argument in spec}
    assert SCHEMAS[name + "Arguments"].get("required", []) == [argument[0] for argument in spec if len(argument) == 4]


EXAMPLES = [
    pytest.param(name, example["payload"], id=f"{name} {example.get('name', '')}")
    for name, message in MESSAGES.items()
    for example in message["examples"]
]


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_an_example_is_legal_to_the_code_and_to_its_schema(name: str, example: dict[str, Any]) -> None:
    assert asyncapi.faults(name, example) == []
    raw = json.dumps(example).encode()
    if name in commands.STANDARD:
        request_id, args = commands.decode_command(raw, commands.STANDARD[name])
        assert {**args, "id": request_id} | example == {**args, "id": request_id}
    else:
        assert payloads.decode(name, raw) == example


def readable(case: Case) -> bool:
    """Is it JSON at all? The rest is no matter of a JSON Schema."""
    try:
        json.loads(raw_of(case).decode())
    except (ValueError, RecursionError):
        return False
    return True


@pytest.mark.parametrize("case", params([case for case in cases("payloads.json") if readable(case)]))
def test_the_schema_of_a_payload_judges_as_the_code_does(case: Case) -> None:
    found = asyncapi.faults(case["kind"], json.loads(raw_of(case).decode()))
    if case["rule"] is None or case.get("json_schema") == "accepts":
        assert found == []
    else:
        assert found, f"the schema accepts what {rules_of(case)} forbids"


def is_object_without_null(case: Case) -> bool:
    """A null is a default to the code, which no schema says; a scalar is the short form of the object."""
    return "command" in case and readable(case) and raw_of(case)[:1] == b"{" and b"null" not in raw_of(case)


@pytest.mark.parametrize("case", params([case for case in cases("commands.json") if is_object_without_null(case)]))
def test_the_schema_of_a_command_judges_as_the_code_does(case: Case) -> None:
    found = asyncapi.faults(case["command"], json.loads(case["text"]))
    if case["rule"] is None:
        assert found == []
    elif "\\u" not in case["text"]:  # which characters can be shown is not said by a schema
        assert found, f"the schema accepts what {case['rule']} forbids"
