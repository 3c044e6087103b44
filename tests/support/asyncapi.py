"""docs/asyncapi.yaml as a checker: which channel a topic belongs to, and what its schemas say of a payload."""

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator

PATH = Path(__file__).parents[2] / "docs" / "asyncapi.yaml"
Tree = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """Refuses what YAML readers pass over: a key that is there twice, or that is no text (`on` is true in YAML 1.1)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Tree:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        wrong = [key for key in keys if not isinstance(key, str) or keys.count(key) > 1]
        assert not wrong, f"{wrong} in the mapping at{node.start_mark}"
        return super().construct_mapping(node, deep)


@functools.cache
def document() -> Tree:
    return yaml.load(PATH.read_text(), _Loader)


def resolve(ref: str) -> Any:
    """What `#/a/b` points to; KeyError if nothing is there."""
    found: Any = document()
    assert ref.startswith("#/"), f"{ref} points out of the document"
    for key in ref[2:].split("/"):
        found = found[key]
    return found


def refs(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        if isinstance(tree.get("$ref"), str):
            yield tree["$ref"]
        tree = list(tree.values())
    if isinstance(tree, list):
        for inner in tree:
            yield from refs(inner)


def deref(tree: Tree) -> Tree:
    return resolve(tree["$ref"]) if "$ref" in tree else tree


@functools.cache
def validator(message: str) -> Draft7Validator:
    """For the payload of components/messages/<message>. AsyncAPI's schemas are JSON Schema draft 7."""
    payload = document()["components"]["messages"][message]["payload"]
    return Draft7Validator({**payload, "components": document()["components"]})


def faults(message: str, payload: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator(message).iter_errors(payload)]


def channel_of(topic: str) -> str:
    """The one channel whose address fits; a name in braces stands for one level."""
    fitting = []
    for name, channel in document()["channels"].items():
        pattern = "/".join(
            "[^/]+" if level.startswith("{") else re.escape(level) for level in channel["address"].split("/")
        )
        if re.fullmatch(pattern, topic):
            fitting.append((channel["address"].count("{"), name))
    assert fitting, f"no channel has the topic {topic}"
    return min(fitting)[1]  # `_host` written out is closer than any {node}


def message_of(topic: str) -> str:
    """The name of the message on this topic: the channel's only one, or the command's."""
    messages = document()["channels"][channel_of(topic)]["messages"]
    return next(iter(messages)) if len(messages) == 1 else topic.rsplit("/", 1)[1]
