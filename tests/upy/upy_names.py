"""F19 on MicroPython: the names of tests/vectors/names.json at the validators, in topics, and in a node's config."""

import json
import os

from fleet_node import ConfigError, config, settings
from fleet_schema import SchemaError, commands, topics

PATH = __file__.rsplit("/", 2)[0] + "/vectors/names.json"
FILE = (os.getenv("TMPDIR") or "/tmp") + "/upy-names-config.json"
ASKED = {"node": topics.is_node_id, "name": topics.is_name, "group": topics.is_group, "base": topics.is_base}


def load():
    with open(PATH) as file:
        return json.load(file)


def accepts(act, *args):
    try:
        act(*args)
        return True
    except (SchemaError, ConfigError):
        return False


def differ(what, act):
    """The vectors of which `act(text)` thinks otherwise than they say."""
    found = [case["name"] for case in load() if act(case["text"]) != (what in case["good_for"])]
    assert not found, what + ": " + ", ".join(found)


def test_the_validators_say_what_the_vectors_say():
    assert len(load()) > 70
    for what, is_good in ASKED.items():
        differ(what, is_good)


PLACES = (  # which sort of name it is, who builds a topic with it, and where `parse` gives it back
    ("node", lambda text: topics.node_topic("fleet", text, "status"), 0),
    ("name", lambda text: topics.node_topic("fleet", "ada", "tele", text), 2),
    ("name", lambda text: topics.node_topic("fleet", "ada", "event", text), 2),
    ("name", lambda text: topics.command_topic("fleet", "ada", text), 2),
    ("node", lambda text: topics.host_topic("fleet", "stored", text), 2),
)


def test_what_a_builder_takes_comes_back_from_the_parser_and_the_rest_is_refused():
    for what, build, place in PLACES:
        differ(what, lambda text, act=build: accepts(act, text))
        for case in load():
            if what in case["good_for"]:
                assert topics.parse("fleet", build(case["text"]))[place] == case["text"]


def test_the_parser_never_gives_a_bad_name():
    for what, topic, place in (("node", "fleet/1/%s/status", 0), ("name", "fleet/1/ada/tele/%s", 2)):
        for case in load():
            try:
                found = topics.parse("fleet", topic.replace("%s", case["text"]))
            except SchemaError:
                assert what not in case["good_for"], case["name"]
            else:
                good = what in case["good_for"] or found[0] == topics.HOST  # whose topics are legal too
                assert good or found[place] != case["text"], case["name"]


def test_bases_and_groups_are_refused_by_builders_too():
    differ("base", lambda text: accepts(topics.node_topic, text, "ada", "status"))
    differ("group", lambda text: accepts(topics.command_filters, "fleet", "ada", [text]) and text != "all")


def test_a_config_with_a_bad_node_id_base_or_group_is_refused_with_the_fix():
    for case in load():
        text = case["text"]
        for key, what, value in (("node", "node", text), ("base", "base", text), ("groups", "group", [text])):
            if not text and key != "groups":
                continue  # not given: the default
            with open(FILE, "w") as file:
                json.dump({"node": "ada", key: value}, file)
            try:
                config.load(FILE)
                good = True
            except ConfigError as error:
                good = False
                assert '"' + key + '"' in str(error), str(error)
            assert good == (what in case["good_for"]), key + ": " + case["name"]
    os.remove(FILE)


def test_the_command_groups_takes_what_the_config_takes():
    for case in load():
        text = case["text"]
        if "," in text or " " in text or not text:
            continue  # blanks and commas part several
        assert accepts(commands.split_groups, text) == settings.is_groups([text]), case["name"]
