"""The vectors of the contract on MicroPython: the same files that tests/unit/test_schema_vectors.py reads.

Vectors marked `strict_json` are left out: MicroPython's json forgives commas, colons and leading zeros.
"""

import json

from fleet_schema import SchemaError, checks, commands, payloads, topics, values

VECTORS = __file__.rsplit("/", 2)[0] + "/vectors/"


def load(name):
    with open(VECTORS + name) as file:
        return [case for case in json.load(file) if not case.get("strict_json")]


def raw_of(case):
    return bytes.fromhex(case["hex"]) if "hex" in case else case["text"].encode()


def check(case, result, act, *args):
    """None, or how the case differs from what `act(*args)` does."""
    rules = case["rule"] if isinstance(case["rule"], list) else [case["rule"]]
    try:
        got = act(*args)
    except SchemaError as error:
        if error.rule not in rules or not error.why:
            return case["name"] + ": raised " + str(error) + ", wanted " + str(case["rule"])
        if case.get("id") != error.id:
            return case["name"] + ": the error carries id " + str(error.id)
        return None
    if case["rule"] is not None:
        return case["name"] + ": gave " + str(got) + ", wanted " + str(case["rule"])
    if result is not None and got != result:
        return case["name"] + ": gave " + str(got) + ", wanted " + str(result)
    return None


def report(wrong, total, least):
    wrong = [one for one in wrong if one]
    assert not wrong, str(len(wrong)) + " of " + str(total) + " differ:\n" + "\n".join(wrong)
    assert total >= least, "only " + str(total) + " vectors"


def test_topics_are_read_as_the_vectors_say():
    cases = load("topics.json")
    wrong = []
    for case in cases:
        result = tuple(case["parsed"]) if "parsed" in case else None
        wrong.append(check(case, result, topics.parse, case["base"], case["topic"]))
    report(wrong, len(cases), 50)


def test_payloads_are_read_as_the_vectors_say():
    cases = load("payloads.json")
    wrong = []
    for case in cases:
        result = None if case["rule"] else json.loads(case["text"])
        wrong.append(check(case, result, payloads.decode, case["kind"], raw_of(case)))
    report(wrong, len(cases), 150)


def test_commands_are_read_as_the_vectors_say():
    cases = load("commands.json")
    wrong = []
    for case in cases:
        if "groups" in case:
            wrong.append(check(case, case.get("split"), commands.split_groups, case["groups"]))
            continue
        result = None
        if case["rule"] is None:
            args = {name: values.join_pairs(arg) if isinstance(arg, str) else arg for name, arg in case["args"].items()}
            result = (case["id"], args)
        spec = commands.STANDARD[case["command"]]
        wrong.append(check(case, result, commands.decode_command, raw_of(case), spec))
    report(wrong, len(cases), 60)


def test_what_is_encoded_here_is_ascii_and_reads_back():
    for text in ("plain", "\u00e9\u2603", "\U0001f41d", 'quote " and \\', "\x00\x7f"):
        raw = payloads.encode("log", {"boot": "9f3a", "seq": 0, "up": 0, "msg": text})
        assert max(raw) < 128, raw
        assert values.join_pairs(json.loads(raw)["msg"]) == text, raw


def test_a_payload_over_its_limit_is_not_encoded():  # F-PAYLOAD-2
    rule = None
    try:
        payloads.encode("tele", {"x": "\u00e9" * 90})
    except SchemaError as error:
        rule = error.rule
    assert rule == "F-PAYLOAD-2", rule


def test_no_bytes_get_anything_but_a_schema_error_out():
    """Tokens of JSON in any order: 3,000 for every kind of payload and for the commands in turn."""
    import random

    random.seed(1)
    parts = '{ } [ ] : , " \\ "boot" "9f3a" "seq" "up" "v" 1 - 1e9 1e999 null true "id" "ms" \\ud800 9'
    tokens = [part.encode() for part in parts.split(" ")] + [b"\xff", b"\xc3\xa9", b"\x00", b" "]
    specs = list(commands.STANDARD.values())
    refused = 0
    for count in range(3000):
        raw = b"".join([random.choice(tokens) for _ in range(random.randint(0, 12))])
        raw = b"{" + raw + b"}" if count % 2 else raw
        for kind in checks.CHECKS:
            try:
                payloads.decode(kind, raw)
            except SchemaError:
                refused += 1
        try:
            commands.decode_command(raw, specs[count % len(specs)])
        except SchemaError:
            refused += 1
    assert refused > 30000, refused
