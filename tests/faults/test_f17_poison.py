"""F17: 10,000 payloads and topics that hypothesis makes up: each is counted with its reason, and no neighbour notices.

What the contract says of each is asked of the contract itself, so a poison that happens to be food is not counted.
"""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from fleet_schema import SchemaError, payloads, topics
from support.memory import rss_mb
from support.probe import Probe
from support.rig import PATIENCE, Rig
from support.seed import SEED, amount, chance

CASES = amount("FLEET_POISON", 10_000)
ROUNDS, ENOUGH_S = 10, 30
AT_ONCE = 50  # messages that one example of hypothesis makes: to make 10,000 examples would take a minute
GOOD: dict[str, dict[str, Any]] = {
    "tele/sht4x": {"boot": "9f3a", "seq": 1, "up": 5, "v": {"temp": 21.5}},
    "event/button-a": {"boot": "9f3a", "seq": 1, "up": 5, "event_type": "press", "n": 1},
    "status": {"state": "online", "boot": "9f3a", "conn": 1},
    "meta": {"boot": "9f3a", "seq": 1, "up": 5, "schema": "1.1", "name": "x", "board": "x", "fw": "1", "app": "1"},
    "health": {"boot": "9f3a", "seq": 1, "up": 5, "mem": 1},
    "ack": {"boot": "9f3a", "seq": 1, "up": 5, "cmd": "buzz", "st": "ok"},
    "journal": {"boot": "9f3a", "seq": 1, "up": 5, "kept": [["9f3a", 0, 1, 0]]},
    "log/error": {"boot": "9f3a", "seq": 1, "up": 5, "msg": "x"},
}
TEXT = st.text(max_size=12) | st.sampled_from(["\x00", "\ud800", "9F3A", "0", "é", "\u202e", "{", '"', "x" * 600])
NUMBERS = st.sampled_from([-1, 1.5, 2**53, 10**40, -0.0, float("nan"), float("inf"), True, False])
SCALARS = st.none() | NUMBERS | TEXT | st.integers()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)
RAW = st.binary(max_size=40) | st.sampled_from(
    [b"", b"{", b"[" * 600, b'{"a":' * 90, b"1e999", b"NaN", b"\xff\xfe{\x00}\x00", b"null", b'""', b"\x00", b"9" * 500]
)


@st.composite
def poisons(draw: st.DrawFn) -> tuple[str, bytes]:
    """(topic, payload), most of them one step from what is legal."""
    kind = draw(st.sampled_from(sorted(GOOD)))
    who = draw(st.sampled_from([f"evil-{number}" for number in range(12)]))
    how = draw(st.integers(0, 5))
    fields = dict(GOOD[kind])
    if how == 0:
        payload = draw(RAW)
    elif how == 1:
        payload = json.dumps(fields).encode()[: draw(st.integers(1, 30))]
    else:
        for _ in range(how - 1):
            key = draw(st.sampled_from([*fields, "hist", "ts", "more"]))
            if draw(st.booleans()):
                fields[key] = draw(VALUES)
            else:
                fields.pop(key, None)
        payload = json.dumps(fields).encode("utf-8", "surrogatepass")
    return f"fleet/1/{who}/{kind}", payload


def is_bad(topic: str, payload: bytes) -> bool:
    """By the contract's word, and JSON as strict as the host's (Python's own takes NaN, and half surrogate pairs); an
    empty payload takes a retained document away."""
    _, kind, _ = topics.parse("fleet", topic)
    try:
        payloads.decode(kind, payload, orjson.loads)
    except SchemaError:
        return bool(payload) or kind not in ("status", "meta")
    return False


def test_ten_thousand_poisons_are_counted_and_the_neighbours_do_not_notice(tmp_path: Path) -> None:
    chance("f17")
    bad = Counter[bool]()
    with Rig(tmp_path) as rig, Probe(rig.broker.url, "none/#") as probe:
        for number in range(3):
            rig.node(f"n{number}", period=100)
        rig.wait_for_readings(30)
        rig.wait_until_stored()
        before, memory = rig.dashboard.get("/api/stats"), rss_mb(rig.dashboard.pid)
        lines = len(rig.dashboard.output.splitlines())
        began, taken = time.monotonic(), len(rig.rows())

        def told(stats: dict[str, Any]) -> dict[str, int]:
            return {rule: count - before["bad"].get(rule, 0) for rule, count in stats["bad"].items()}

        def counted(stats: dict[str, Any]) -> int:
            """Without what the host adds: no node lives so long."""
            return sum(count for rule, count in told(stats).items() if not rule.startswith("host-"))

        @settings(
            max_examples=CASES // AT_ONCE // ROUNDS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.lists(poisons(), min_size=AT_ONCE, max_size=AT_ONCE))
        def poison(cases: list[tuple[str, bytes]]) -> None:
            sent = [probe._client.publish(topic, payload, 1) for topic, payload in cases]
            for one in sent:
                one.wait_for_publish(PATIENCE)
            bad.update(is_bad(topic, payload) for topic, payload in cases)

        for number in range(ROUNDS):
            if number and time.monotonic() - began > ENOUGH_S:
                print(f"this machine is busy: {number} of {ROUNDS} rounds")
                break
            seeded(SEED + number)(poison)()
        took = time.monotonic() - began
        stats = rig.dashboard.wait_for("/api/stats", lambda stats: counted(stats) >= bad[True], PATIENCE)
        rate = (len(rig.rows()) - taken) / took
        said = len(rig.dashboard.output.splitlines()) - lines
        settled = rig.settle()
        grown = rss_mb(rig.dashboard.pid) - memory
        beyond = sum(told(stats).values()) - counted(stats)
        shown = {node["id"]: node for node in rig.dashboard.get("/api/snapshot")["nodes"]}
        assert "Traceback" not in rig.dashboard.output
        assert rig.dashboard.get("/api/health")["ok"]
        rows = [row for row in rig.rows() if not row["node"].startswith("evil")]
        result = rig.verdict()
    phantoms = [case for case in result.violations["phantom"] if not case.startswith("evil")]
    print(
        f"{sum(bad.values())} messages in {took:.1f} s, {bad[True]} bad, counted {counted(stats)}, and {beyond} by the "
        f"host;"
    )
    print(f"{len(stats['bad'])} rules; neighbours stored {rate:.1f} of 30 readings/s, settled {settled:.1f} s later,")
    print(f"{said} lines said, RSS {grown:+.0f} MB; {result.sentence}")
    assert counted(stats) == bad[True]
    assert len(stats["bad"]) > 10, "one reason for all is no reason"
    assert not result.unexcused
    assert not phantoms
    assert {(row["node"], row["seq"]) for row in rows} == {(one["node"], one["seq"]) for one in rig.taken()}
    assert [shown[f"n{number}"]["counts"]["bad"] for number in range(3)] == [0, 0, 0]
    assert all(shown[f"n{number}"]["state"] == "online" for number in range(3))
    assert said <= took + 30, "it talks about each of them"
