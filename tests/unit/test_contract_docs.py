"""docs/topics.md says what the code says, and every rule has an id, a sentence and a test."""

import ast
import json
import re
from pathlib import Path

import pytest

from fleet_schema import commands, payloads, topics
from support import asyncapi
from support.vectors import cases, covered

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "topics.md").read_text()
RULE = re.compile(r"F-[A-Z]+-\d+")
FILES = ("topics.json", "payloads.json", "commands.json")


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading."""
    table = re.search(r"^(?:\|.*\n)+", TEXT.split(f"# {heading}\n", 1)[1], flags=re.M)
    assert table, f"no table under {heading}"
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[0].splitlines()[2:]]


SHAPE = [row[0] for row in rows("What a message must look like")]
BEHAVIOUR = [row[0] for row in rows("How everybody must behave")]


def rules_of_tests() -> set[str]:
    """The ids in `@pytest.mark.rule(...)`, and in the comments and docstrings of tests on MicroPython."""
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("*.py"):
        if path.name.startswith("upy_"):
            found |= set(RULE.findall(path.read_text()))
        elif path.name.startswith("test_"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.rule":
                    found |= {str(ast.literal_eval(argument)) for argument in node.args}
    return found


def test_the_rules_of_the_code_are_those_of_the_page() -> None:
    in_code = set()
    for path in (ROOT / "node" / "fleet_schema").glob("*.py"):
        in_code |= set(RULE.findall(path.read_text()))
    general = {"F-PAYLOAD-3"}  # shows as the rule of the key with the number
    assert in_code | general == set(SHAPE)


def test_a_rule_has_one_id_and_a_sentence() -> None:
    ids = SHAPE + BEHAVIOUR
    assert len(ids) == len(set(ids))
    for row in rows("What a message must look like") + rows("How everybody must behave"):
        assert RULE.fullmatch(row[0]), row
        assert row[1].endswith("."), row


def test_every_rule_has_a_test() -> None:
    tested = rules_of_tests().union(*(covered(case) for file in FILES for case in cases(file)))
    untested = [rule for rule in SHAPE + BEHAVIOUR if rule not in tested]
    assert not untested
    unknown = tested - set(SHAPE) - set(BEHAVIOUR)
    assert not unknown, "tests name rules that docs/topics.md does not have"


def test_rules_that_are_named_anywhere_exist() -> None:
    known = set(SHAPE) | set(BEHAVIOUR)
    for folder in ("node", "dashboard", "fleet-tools", "docs", "workshop", "bench"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".md", ".js", ".html", ".yaml") and "lib" not in path.parts:
                unknown = set(RULE.findall(path.read_text())) - known
                assert not unknown, f"{path.relative_to(ROOT)} names {unknown}"


def example_topic(cell: str) -> str:
    names = {"node": "ada", "group": "red", "sensor": "sht4x", "input": "button-a", "level": "warning"}
    names |= {"command": "buzz", "board": "presses", "alert": "silent-ada"}
    return "fleet/1/" + re.sub(r"<(\w+)>", lambda match: names[match[1]], cell.strip("`"))


MESSAGES = rows("The messages")


def test_the_table_of_topics_is_complete() -> None:
    parsed = [topics.parse("fleet", example_topic(row[0])) for row in MESSAGES]
    assert {kind for who, kind, _ in parsed if who != "_host"} == set(topics.NODE_KINDS)
    assert {kind for who, kind, _ in parsed if who == "_host"} == set(topics.HOST_KINDS)


@pytest.mark.parametrize("row", MESSAGES, ids=lambda row: row[0])
def test_a_row_of_the_table_of_topics_is_true(row: list[str]) -> None:
    topic = example_topic(row[0])
    who, kind, name = topics.parse("fleet", topic)
    example = row[4].strip("`").encode()
    if kind == "cmd":
        assert commands.decode_command(example, commands.STANDARD[name])[0] == "c7f2"
    elif kind != "meta":
        payloads.decode(payloads.kind_of(who, kind), example)
    channel = f"#/channels/{asyncapi.channel_of(topic)}"
    for operation in asyncapi.document()["operations"].values():
        if operation["channel"]["$ref"] == channel:
            binding = operation["bindings"]["mqtt"]
            assert binding["qos"] == int(row[2])
            assert binding["retain"] == (row[3] == "yes")


def test_the_birth_certificate_of_the_page_is_legal() -> None:
    block = TEXT.split("```json\n", 1)[1].split("```", 1)[0]
    payloads.decode("meta", json.dumps(json.loads(block)).encode())


def described(argument: list[object]) -> str:
    name, kind, low, high, *default = argument
    bounds = {"b": "true or false", "s": f"of {low} to {high}"}.get(str(kind), f"{low} to {high}")
    return f"`{name}` {bounds}" + (f" = {json.dumps(default[0])}" if default else "")


def test_the_table_of_commands_is_that_of_the_code() -> None:
    table = {row[0].strip("`"): row[1] if len(row) == 3 else "" for row in rows("Commands")}
    assert table == {name: ", ".join(described(one) for one in spec) for name, spec in commands.STANDARD.items()}


def test_the_words_are_those_of_the_code() -> None:
    states = [row[0].strip("`") for row in rows("Is it there?")]
    assert states == [*payloads.NODE_STATES, "*silent*"]
    acks = TEXT.split("Every command ends in one `ack`:", 1)[1].split("\n## ", 1)[0]
    assert re.findall(r"^\| `(\w+)` \|", acks, flags=re.M)[1:] == list(payloads.ACK_STATES)


def test_the_filters_and_topics_of_the_shell_lines_are_legal() -> None:
    for option in re.findall(r"mosquitto_\w+ .*?-t '?([^\s']+)", TEXT):
        who = option.replace("+", "ada").replace("#", "status").replace("tele/status", "tele/sht4x")
        topics.parse("fleet", who.replace("fleet/1/status", "fleet/1/ada/status"))
