"""A thousand bad commands to one real node: each is acked with its reason or counted, and nothing else happens."""

import json
import os
import random
from collections import Counter
from collections.abc import Iterator

import pytest

from fleet_schema import SchemaError, commands, payloads, topics
from support import asyncapi
from support.broker import Broker
from support.node import NodeProcess
from support.probe import Probe, Seen

COUNT = 1000
AT_ONCE = 10  # the node answers `busy` to more than it can keep in mind; here each should get its own answer
HELD_UP_MS = 300  # a few ms on an idle PC; a PC that runs other tests too adds its own
SEED = int(os.environ.get("FLEET_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
JUNK = [
    b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b"null", b"true", b"-", b"1e999", b"NaN", b"\xff", b"\x00",
    b"\xc3\xa9", b"\xed\xa0\x80", b'"ms"', b'"text"', b'"id"', b'"on"', b"9" * 40, b"\\ud800", b"\\u0000", b"'", b" ",
]  # fmt: skip


def json_value(rng: random.Random, depth: int = 3) -> object:
    kind = rng.randrange(8 if depth else 6)
    if kind == 6:
        return [json_value(rng, depth - 1) for _ in range(rng.randrange(4))]
    if kind == 7:
        return {rng.choice(["ms", "id", "text", "a", ""]): json_value(rng, depth - 1) for _ in range(rng.randrange(4))}
    return [None, True, -1, rng.randrange(1 << 70), -1.5, "\x1b[2J\u2603" * rng.randrange(6)][kind]


def bad_payload(rng: random.Random, name: str) -> bytes:
    """Until it is one that the contract refuses for this command."""
    while True:
        shape = rng.randrange(6)
        if shape == 0:
            raw = rng.randbytes(rng.randrange(1, 600))
        elif shape == 1:
            raw = b"".join(rng.choice(JUNK) for _ in range(rng.randrange(1, 20)))
        elif shape == 2:
            raw = json.dumps(json_value(rng)).encode()
        elif shape == 3:
            arguments = {argument[0]: json_value(rng) for argument in commands.STANDARD[name]}
            raw = json.dumps({"id": rng.choice([f"i{rng.randrange(1 << 30)}", "x" * 17, 7]), **arguments}).encode()
        elif shape == 4:
            raw = rng.choice([b"[", b'{"a":', b'{"ms":[']) * rng.randrange(1, 170)
        else:
            raw = b"x" * rng.randrange(513, 3000)
        try:
            commands.decode_command(raw, commands.STANDARD[name])
        except SchemaError as error:
            if shape == 4 or error.rule != "F-PAYLOAD-1" or not forgiven(raw):
                return raw


def forgiven(raw: bytes) -> bool:
    """MicroPython's json reads some text that is no JSON, such as {"ms" 300}: that is no case for this test."""
    return raw.strip()[:1] in b'{["-0123456789tfn'


def cases(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """(topic, payload): most for this node, some to all, some for commands and topics that are no such thing."""
    for _ in range(COUNT):
        name = rng.choice([one for one in commands.STANDARD if one != "reset"])
        kind = rng.randrange(10)
        if kind == 0:
            yield topics.command_topic("fleet", "ada", rng.choice(["dance", "a", "-", "z" * 16])), b"{}"
        elif kind == 1:
            level = rng.choice(["Buzz", "buzz!", "b\u00fczz", "play_tune", "z" * 17, "z" * 60, " ", "", "\U0001f41d"])
            yield f"fleet/1/{rng.choice(['ada', '_all'])}/cmd/{level}", bad_payload(rng, name)
        else:
            yield topics.command_topic("fleet", rng.choice(["ada", "ada", "_all"]), name), bad_payload(rng, name)


def is_legal(topic: str) -> bool:
    try:
        topics.parse("fleet", topic)
    except SchemaError:
        return False
    return True


@pytest.mark.rule("F-COMPAT-2", "F-CMD-8", "F-CMD-4", "F-PAYLOAD-1", "F-PAYLOAD-2")
def test_a_thousand_bad_commands_are_each_answered_or_counted(broker: Broker, probe: Probe) -> None:
    print(f"FLEET_SEED={SEED}")
    rng = random.Random(SEED)
    answered = dropped = 0
    with NodeProcess(broker.url, "ada", health=1000) as node:
        probe.expect("fleet/1/ada/meta")
        boot = probe.seen("fleet/1/ada/status")[0].json()["boot"]
        for count, (topic, payload) in enumerate(cases(rng), 1):
            probe.publish(topic, payload)
            if is_legal(topic):
                answered += 1
            else:
                dropped += 1
            if count % AT_ONCE == 0:
                probe.expect_count(answered, "fleet/1/ada/ack", within=20)
        probe.expect("fleet/1/ada/health", lambda seen: seen.json()["bad"] >= expected_bad(probe) + dropped, within=20)

        since = probe.mark()
        probe.publish("fleet/1/ada/cmd/echo", b'{"id":"after","text":"still here"}')
        alive = probe.expect("fleet/1/ada/ack", since=since).json()
        assert (alive["st"], alive["re"], alive["id"]) == ("done", "still here", "after")
        acks = probe.seen("fleet/1/ada/ack")
        assert len(acks) == COUNT - dropped + 1, "one ack for each command"
        states = Counter(ack.json()["st"] for ack in acks[:-1])
        worst = node.quit()
        print(f"{COUNT} bad commands: {dict(states)}, {dropped} with a bad topic; worst loop lag {worst} ms")
        assert states.keys() <= {"bad", "unknown"}, states
        assert min(states.values()) > COUNT // 50
        assert dropped > COUNT // 50
        assert_sound(acks)
        assert {seen.json()["boot"] for seen in probe.seen("fleet/1/ada/status")} == {boot}, "it started again"
        assert {seen.json()["conn"] for seen in probe.seen("fleet/1/ada/status")} == {1}, "it lost its connection"
        assert not probe.seen("fleet/1/ada/log/error"), "something broke in the node"
        assert worst < HELD_UP_MS, "the loop was held up"


def expected_bad(probe: Probe) -> int:
    return sum(ack.json()["st"] == "bad" for ack in probe.seen("fleet/1/ada/ack"))


def assert_sound(acks: list[Seen]) -> None:
    """Every ack is legal itself, and every refusal has a reason."""
    for ack in acks:
        fields = payloads.decode("ack", ack.payload)
        assert not asyncapi.faults("ack", fields), ack
        assert fields["st"] == "done" or fields["err"], ack
