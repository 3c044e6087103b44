"""The conformance checker: every rule is judged or says why not, and each that is judged is found when it is broken."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from fleet_client import Message
from fleet_schema import payloads, topics
from fleet_tools import rules
from fleet_tools.conformance import NOBODY, Conformance
from fleet_tools.verdicts import BROKEN, KEPT
from support.tiers import ROOT
from support.vectors import Case, cases, covered, params, raw_of, rules_of

PAGE = (ROOT / "docs" / "topics.md").read_text()
BOOT = "9f3a"
META = {
    "schema": "1.2",
    "period": 1000,
    "groups": ["red"],
    "sensors": {"sht4x": {"temp": ["Cel", "temperature"]}, "bmp280": {"pres": ["hPa", "pressure"]}},
    "inputs": {"button-a": ["press", "release"]},
    "commands": {
        "echo": [["text", "s", 0, 64, ""]],
        "rebirth": [],
        "buzz": [["ms", "i", 10, 10000, 300]],
        "mute": [["s", "i", 0, 3600, 300]],
        "pause": [["s", "i", 0, 3600, 60]],
        "groups": [["groups", "s", 0, 67, ""]],
        "roll": [],
    },
}


class Story:
    """What a listener hears of ada, message by message; 10 ms lie between two unless told otherwise."""

    def __init__(self) -> None:
        self.judge = Conformance("fleet")
        self.now = 1_000_000
        self.boot, self.conn, self.seq, self.up, self.link = BOOT, 1, 0, 1000, 1
        self.n = 0
        self.sent: dict[int, tuple[str, dict[str, Any]]] = {}

    def hear(self, topic: str, payload: bytes | str, qos: int = 1, retain: bool = False, after: int = 10) -> None:
        self.now += after
        raw = payload.encode() if isinstance(payload, str) else payload
        self.judge.take(Message(topic, raw, qos, retain, False, 0, self.link, 0, self.now))

    def say(self, kind: str, qos: int | None = None, retain: bool = False, after: int = 10, **fields: Any) -> None:
        qos = (0 if kind in ("health", "journal", "ota", "log/warning") else 1) if qos is None else qos
        self.up += after
        self.hear(f"fleet/1/ada/{kind}", json.dumps(fields), qos, retain, after)

    def status(self, state: str = "online", retain: bool = False, **more: Any) -> None:
        self.say("status", retain=retain, **{"state": state, "boot": self.boot, "conn": self.conn, **more})

    def envelope(self, **more: Any) -> dict[str, Any]:
        return {"boot": self.boot, "seq": self.seq, "up": self.up, **more}

    def meta(self, retain: bool = False, **more: Any) -> None:
        self.say(
            "meta", retain=retain, **self.envelope(**META, **more) if not more else {**self.envelope(**META), **more}
        )

    def birth(self) -> None:
        self.status()
        self.meta()

    def tele(self, sensor: str = "sht4x", field: str = "temp", after: int = 400, **more: Any) -> None:
        fields = {**self.envelope(), "up": self.up + after, "v": {field: 20 + self.seq}, **more}
        self.say(f"tele/{sensor}", after=after, **fields)
        self.sent[fields["seq"]] = (f"tele/{sensor}", fields)
        self.seq = max(self.seq, fields["seq"] + 1)

    def again(self, seq: int) -> None:
        """What was sent before, once more and late."""
        kind, fields = self.sent[seq]
        self.hear(f"fleet/1/ada/{kind}", json.dumps({**fields, "hist": 1}))

    def press(self, event_type: str = "press", **more: Any) -> None:
        self.n = more.pop("n", self.n + 1)
        self.say("event/button-a", **self.envelope(event_type=event_type, n=self.n), **more)
        self.seq += 1

    def command(self, name: str, payload: str, target: str = "ada", retain: bool = False) -> None:
        self.hear(f"fleet/1/{target}/cmd/{name}", payload, retain=retain)

    def ack(self, cmd: str, st: str, request_id: str | None = None, after: int = 10, **more: Any) -> None:
        ids = {"id": request_id} if request_id else {}
        self.up += after
        self.say("ack", after=after, **{**self.envelope(cmd=cmd, st=st), **ids, **more})

    def stored(self, seq: int, **more: Any) -> None:
        self.hear("fleet/1/_host/stored/ada", json.dumps({"boot": self.boot, "seq": seq, **more}), 0)

    def journal(self, *rows: list[Any]) -> None:
        self.say("journal", **self.envelope(kept=list(rows)))

    def look(self, *kinds: str) -> None:
        """The broker holds the last of these kinds that was said."""
        self.now += 2000
        subject = self.judge.subjects["ada"]
        said = {**subject.retained, **subject.said}
        self.judge.look_begins()
        for kind in kinds:
            self.hear(f"fleet/1/ada/{kind}", said[kind].payload, retain=True)
        self.judge.look_ends()

    def end(self, after: int = 10_000) -> None:
        self.now += after
        self.judge.finish(self.now)

    def broken(self, who: str = "ada") -> set[str]:
        subject = self.judge.subjects.get(who)
        return set(subject.verdicts.broken) if subject else set()

    def why(self, who: str = "ada") -> str:
        return str({rule: one.why for rule, one in self.judge.subjects[who].verdicts.broken.items()})


@pytest.fixture
def story() -> Story:
    return Story()


# -- every rule -----------------------------------------------------------------------------------------------------


def rows(heading: str) -> list[list[str]]:
    table = re.search(r"^(?:\|.*\n)+", PAGE.split(f"# {heading}\n", 1)[1], flags=re.M)
    assert table
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[0].splitlines()[2:]]


def test_lint_knows_every_rule_of_the_page_in_its_words_and_order() -> None:
    for section, heading in rules.SECTIONS.items():
        of_page = [tuple(row) for row in rows(heading)]
        of_lint = [(rule.id, rule.says) for rule in rules.RULES.values() if rule.section == heading]
        assert of_lint == of_page, section


def test_every_rule_is_judged_and_found_broken_here_or_says_why_a_listener_cannot() -> None:
    found = set(PLANTED).union(*(rules_of(case) for case in BAD_PAYLOADS + BAD_TOPICS))
    for name, rule in rules.RULES.items():
        if rule.cannot:
            assert len(rule.cannot) > 20, f"{name} gives no reason"
            assert name not in PLANTED, f"{name} is judged after all"
        else:
            assert name in found, f"{name} shall be judged, and no message here breaks it"


def test_the_examples_that_lint_shows_are_legal() -> None:
    for kind, text in rules.EXAMPLES.items():
        payloads.decode(kind, text.encode())


# -- how a message looks: the shared vectors ----------------------------------------------------------------------

NAMES = {"tele": "sht4x", "event": "button-a", "log": "warning"}
HOST_NAMES = {"host_last": "ada", "host_stored": "ada", "host_board": "presses", "host_alert": "x"}
HOST_NAMES |= {"host_ota": "ada", "host_chunk": "ada"}
QOS_0 = ("health", "log", "journal", "ota", "host_stored", "host_chunk")
PAYLOADS = [case for case in cases("payloads.json") if case["kind"] != "cmd"]
BAD_PAYLOADS = [case for case in PAYLOADS if case["rule"]]
BAD_TOPICS = [case for case in cases("topics.json") if case["rule"] and case["base"] == "fleet"]


def topic_of(kind: str) -> str:
    if kind.startswith("host_"):
        return topics.host_topic("fleet", kind[5:], HOST_NAMES.get(kind))
    return topics.node_topic("fleet", "ada", kind, NAMES.get(kind))


@pytest.mark.parametrize("case", params(BAD_PAYLOADS))
def test_a_payload_that_breaks_a_rule_is_reported_under_it(story: Story, case: Case) -> None:
    qos = 0 if case["kind"] in QOS_0 else 1
    story.hear(topic_of(case["kind"]), raw_of(case), qos, retain=case["kind"] in ("host_last", "host_board"))
    if case["kind"] in ("status", "meta") and not raw_of(case):
        assert story.broken() == set(), "an empty one takes the retained away"
        return
    who = "_host" if case["kind"].startswith("host_") else "ada"
    assert len(story.broken(who)) == 1
    assert story.broken(who) <= set(rules_of(case)), story.why(who)


@pytest.mark.parametrize("case", params([case for case in PAYLOADS if not case["rule"]]))
def test_a_legal_payload_breaks_no_rule_of_how_it_looks(story: Story, case: Case) -> None:
    qos = 0 if case["kind"] in QOS_0 else 1
    story.hear(topic_of(case["kind"]), raw_of(case), qos)
    who = "_host" if case["kind"].startswith("host_") else "ada"
    assert story.broken(who) == set(), story.why(who)
    shown = covered(case) & {rule.id for rule in rules.JUDGED.values() if rule.section == rules.SECTIONS["look"]}
    for rule in shown - {"F-STATUS-4"}:
        assert story.judge.subjects[who].verdicts.of(rule) == KEPT


@pytest.mark.parametrize("case", params(BAD_TOPICS))
def test_a_topic_that_breaks_a_rule_is_reported_under_it(story: Story, case: Case) -> None:
    story.hear(case["topic"], "{}")
    every = set().union(*(story.broken(who) for who in story.judge.subjects))
    assert every == set(rules_of(case))


@pytest.mark.parametrize(
    ("topic", "who"),
    [
        ("fleet/1/ada/tele", "ada"),
        ("fleet/2/ada/status", "ada"),
        ("fleet/ada/temp", "ada"),
        ("fleet/1/Ada/status", NOBODY),
        ("fleet/temp", NOBODY),
    ],
)
def test_a_wrong_topic_belongs_to_the_node_that_it_names(story: Story, topic: str, who: str) -> None:
    story.hear(topic, "{}")
    assert list(story.judge.subjects) == [who]


def test_who_asks_for_a_name_gets_what_is_wrong_with_it() -> None:
    judge = Conformance("fleet", ["Ada"])
    judge.take(Message("fleet/1/Ada/tele/x", b"1", 1, False, False, 0))
    assert set(judge.subjects["Ada"].verdicts.broken) == {"F-TOPIC-4"}


# -- how a node behaves: one message in a life that would be right without it -----------------------------------------


def a_day(story: Story) -> None:
    """A birth and some readings; all of it is right."""
    story.birth()
    for _ in range(3):
        story.tele()


def retained_reading(story: Story) -> None:
    a_day(story)
    story.tele(retain=True)


def forgotten_meta(story: Story) -> None:
    a_day(story)
    story.look("status")


def reading_with_qos_0(story: Story) -> None:
    a_day(story)
    story.tele(qos=0)


def seq_with_a_gap(story: Story) -> None:
    a_day(story)
    story.seq += 2
    story.tele()


def seq_that_stands_still(story: Story) -> None:
    a_day(story)
    story.tele(seq=1)


def seq_from_1(story: Story) -> None:
    story.birth()
    story.tele(seq=1)


def the_same_reading_twice(story: Story) -> None:
    a_day(story)
    story.tele(seq=2, up=story.up, v={"temp": 22})


def an_old_number_in_meta(story: Story) -> None:
    a_day(story)
    story.meta(seq=1)


def another_reading_under_an_old_number(story: Story) -> None:
    a_day(story)
    story.tele(seq=1, v={"temp": 99}, hist=1)


def readings_forgotten_unsettled(story: Story) -> None:
    a_day(story)
    story.stored(1)
    story.journal([BOOT, 3, 3, 0])


def asked_for_without_hist(story: Story) -> None:
    a_day(story)
    story.seq += 1
    story.tele()
    story.stored(3, miss=[[3, 3]])
    story.tele(seq=3, up=story.up - 50, after=4000)


def up_that_goes_back(story: Story) -> None:
    a_day(story)
    story.tele(up=story.up - 500)


def conn_that_falls(story: Story) -> None:
    story.conn = 3
    a_day(story)
    story.conn = 2
    story.birth()
    story.tele()


def conn_that_stays(story: Story) -> None:
    a_day(story)
    story.status("lost")
    story.birth()
    story.tele()


def no_meta_after_a_reconnect(story: Story) -> None:
    a_day(story)
    story.conn = 2
    story.status()
    story.tele()


def no_status_after_a_reconnect(story: Story) -> None:
    a_day(story)
    story.status("lost")
    story.meta()
    story.tele()


def a_new_boot_without_a_birth(story: Story) -> None:
    a_day(story)
    story.boot, story.seq = "9f3b", 0
    story.tele()


def no_birth_at_all(story: Story) -> None:
    for _ in range(3):
        story.tele()
    story.look()


def a_will_after_the_goodbye(story: Story) -> None:
    a_day(story)
    story.status("offline")
    story.status("lost")


def undeclared_sensor(story: Story) -> None:
    a_day(story)
    story.tele("mpu6886", "x")


def undeclared_field(story: Story) -> None:
    a_day(story)
    story.tele("sht4x", "hum")


def undeclared_event_type(story: Story) -> None:
    a_day(story)
    story.press("long")


def undeclared_command(story: Story) -> None:
    a_day(story)
    story.command("dance", '{"id":"d1"}')
    story.ack("dance", "done", "d1")


def declared_command_that_is_unknown(story: Story) -> None:
    a_day(story)
    story.command("roll", '{"id":"d1"}')
    story.ack("roll", "unknown", "d1")


def n_with_a_gap(story: Story) -> None:
    a_day(story)
    story.press()
    story.press(n=3)


def n_that_begins_late(story: Story) -> None:
    a_day(story)
    story.press(n=4)


def late_without_hist(story: Story) -> None:
    a_day(story)
    story.meta(up=story.up + 9000)
    story.tele()


def a_retained_command_obeyed(story: Story) -> None:
    story.command("roll", '{"id":"old"}', retain=True)
    a_day(story)
    story.ack("roll", "done", "old")


def a_list_obeyed(story: Story) -> None:
    a_day(story)
    story.command("roll", "[1]")
    story.ack("roll", "done")


def nothing_obeyed(story: Story) -> None:
    a_day(story)
    story.command("roll", "")
    story.ack("roll", "done")


def a_bad_argument_obeyed(story: Story) -> None:
    a_day(story)
    story.command("buzz", '{"id":"b1","ms":5}')
    story.ack("buzz", "ok", "b1")


def a_legal_echo_refused(story: Story) -> None:
    a_day(story)
    story.command("echo", '{"id":"b1","text":"x"}')
    story.ack("echo", "bad", "b1")


def bad_groups_obeyed(story: Story) -> None:
    a_day(story)
    story.command("groups", '{"id":"g1","groups":"Red"}')
    story.ack("groups", "done", "g1")


def done_twice(story: Story) -> None:
    a_day(story)
    for _ in range(2):
        story.command("roll", '{"id":"r1"}')
        story.ack("roll", "done", "r1")


def no_ack(story: Story) -> None:
    a_day(story)
    story.command("roll", '{"id":"r1"}')


def no_ack_of_a_command_to_its_group(story: Story) -> None:
    a_day(story)
    story.command("roll", '{"id":"r1"}', target="_red")


def two_acks(story: Story) -> None:
    a_day(story)
    story.command("roll", '{"id":"r1"}')
    story.ack("roll", "ok", "r1")
    story.ack("roll", "done", "r1")


def an_ack_without_its_id(story: Story) -> None:
    a_day(story)
    story.command("roll", '{"id":"r1"}')
    story.ack("roll", "done")


def a_mute_without_end(story: Story) -> None:
    a_day(story)
    story.command("mute", '{"id":"m1","s":1}')
    story.ack("mute", "done", "m1")
    story.command("buzz", '{"id":"m2"}')
    story.ack("buzz", "muted", "m2", after=2000)


def a_reading_in_a_pause(story: Story) -> None:
    a_day(story)
    story.command("pause", '{"id":"p1","s":60}')
    story.status(pause=60)
    story.ack("pause", "done", "p1")
    story.tele(after=2000)


def a_pause_that_no_status_tells(story: Story) -> None:
    a_day(story)
    story.command("pause", '{"id":"p1","s":60}')
    story.ack("pause", "done", "p1")


def an_echo_of_something_else(story: Story) -> None:
    a_day(story)
    story.command("echo", '{"id":"e1","text":"hello"}')
    story.ack("echo", "done", "e1", re="hallo")


def a_rebirth_without_meta(story: Story) -> None:
    a_day(story)
    story.command("rebirth", '{"id":"b1"}')
    story.status()
    story.ack("rebirth", "done", "b1")


def an_unknown_key_refused(story: Story) -> None:
    a_day(story)
    story.command("echo", '{"id":"e1","text":"x","colour":"red"}')
    story.ack("echo", "bad", "e1")


def garbled_commands_that_end_it(story: Story) -> None:
    a_day(story)
    for boot in ("9f3b", "9f3c"):
        story.command("dance", '{"id":')
        story.boot, story.seq = boot, 0
        story.birth()
        for _ in range(3):
            story.tele()


def a_bad_command_that_ends_it(story: Story) -> None:
    a_day(story)
    story.command("echo", '{"id":"e1","text":')
    story.status("lost")


PLANTED: dict[str, list[Callable[[Story], None]]] = {
    "F-RETAIN-1": [retained_reading, forgotten_meta],
    "F-QOS-1": [reading_with_qos_0],
    "F-SEQ-1": [seq_with_a_gap, seq_that_stands_still, seq_from_1, the_same_reading_twice, an_old_number_in_meta],
    "F-SEQ-2": [another_reading_under_an_old_number],
    "F-SEQ-3": [readings_forgotten_unsettled],
    "F-SEQ-5": [asked_for_without_hist],
    "F-ENV-4": [up_that_goes_back],
    "F-STATUS-2": [conn_that_falls, conn_that_stays],
    "F-STATUS-5": [
        no_meta_after_a_reconnect,
        no_status_after_a_reconnect,
        a_new_boot_without_a_birth,
        no_birth_at_all,
    ],
    "F-STATUS-6": [a_will_after_the_goodbye],
    "F-META-8": [
        undeclared_sensor,
        undeclared_field,
        undeclared_event_type,
        undeclared_command,
        declared_command_that_is_unknown,
    ],
    "F-EVENT-2": [n_with_a_gap, n_that_begins_late],
    "F-TIME-2": [late_without_hist],
    "F-CMD-1": [a_retained_command_obeyed],
    "F-CMD-3": [a_list_obeyed, nothing_obeyed],
    "F-CMD-4": [a_bad_argument_obeyed, a_legal_echo_refused],
    "F-CMD-5": [bad_groups_obeyed],
    "F-CMD-6": [done_twice],
    "F-CMD-8": [no_ack, no_ack_of_a_command_to_its_group, two_acks, an_ack_without_its_id],
    "F-CMD-9": [a_mute_without_end],
    "F-CMD-10": [a_reading_in_a_pause, a_pause_that_no_status_tells],
    "F-CMD-11": [an_echo_of_something_else, a_rebirth_without_meta],
    "F-COMPAT-1": [an_unknown_key_refused],
    "F-COMPAT-2": [a_bad_command_that_ends_it, garbled_commands_that_end_it],
}
CASES = [(rule, plant) for rule, plants in PLANTED.items() for plant in plants]


@pytest.mark.rule("F-QOS-1", "F-ENV-4", "F-META-8", "F-CMD-11")
@pytest.mark.parametrize(("rule", "plant"), CASES, ids=[f"{rule}: {plant.__name__}" for rule, plant in CASES])
def test_a_life_that_breaks_one_rule_is_reported_under_it_and_no_other(
    story: Story, rule: str, plant: Callable[[Story], None]
) -> None:
    plant(story)
    story.end()
    assert story.broken() == {rule}, story.why()
    shown = story.judge.subjects["ada"].verdicts.broken[rule]
    assert shown.message is not None, "a student wants to see the message"
    step = story.judge.subjects["ada"].verdicts.next_step()
    assert step is not None
    assert step.id == rule


def test_whoever_sent_a_retained_command_is_told_so_and_no_node_is_blamed(story: Story) -> None:
    story.command("roll", "{}", retain=True)
    a_day(story)
    story.end()
    assert story.broken(NOBODY) == {"F-CMD-1"}
    assert story.broken() == set()


# -- a life in which all is right ------------------------------------------------------------------------------------


def whole_life(story: Story) -> None:
    """Everything that can happen to a node, one day after the other, and each rule can be seen to be kept."""
    a_day(story)
    story.journal([BOOT, 0, 3, 0])
    story.stored(3)
    story.tele("bmp280", "pres")
    story.press()
    story.press("release")
    story.say("health", **story.envelope(mem=1))
    story.say("log/warning", **story.envelope(msg="x", tb="y\n"))
    story.say("ota", **story.envelope(job=7, st="IN_PROGRESS", want=[0, 0]))
    story.command("echo", '{"id":"e1","text":"lint","x":1}')
    story.command("echo", '{"id":"e1","text":"lint"}')
    story.ack("echo", "done", "e1", re="lint")
    story.ack("echo", "dup", "e1")
    story.command("dance", '{"id":"e2"}')
    story.ack("dance", "unknown", "e2")
    story.command("echo", json.dumps({"id": "e3", "text": "x" * 65}))
    story.ack("echo", "bad", "e3", err="text is too long")
    story.command("groups", '{"id":"e4","groups":"Red"}')
    story.ack("groups", "bad", "e4", err="no")
    story.command("roll", "[1]")
    story.ack("roll", "bad", err="takes no argument")
    story.command("rebirth", '{"id":"e5"}')
    story.birth()
    story.ack("rebirth", "done", "e5")
    story.command("mute", '{"id":"m1","s":1}')
    story.ack("mute", "done", "m1", re=1)
    story.command("buzz", '{"id":"m2"}')
    story.ack("buzz", "muted", "m2")
    story.command("buzz", '{"id":"m3"}')
    story.ack("buzz", "ok", "m3", after=1500)
    story.command("pause", '{"id":"p1","s":1}')
    story.status(pause=1)
    story.ack("pause", "done", "p1", re=1)
    story.tele(after=1200)
    # The link breaks; what was under way comes again, what was taken meanwhile is late, what is missing is asked for.
    story.status("lost")
    story.conn = 2
    before, up = story.seq, story.up
    story.up += 5000
    story.seq += 2
    story.birth()
    story.journal([BOOT, 3, story.seq, 0])
    story.again(before - 1)
    for number in (before, before + 1):
        story.tele(seq=number, up=up + 500 * (number - before + 1), v={"temp": 1}, hist=1)
    story.stored(3, miss=[[3, 3]])
    story.again(3)
    story.look("status", "meta")
    story.command("roll", '{"id":"kept"}', retain=True)
    story.say("status", state="sleeping", boot=BOOT, conn=2, wake=60)
    story.status()
    story.status("offline")


def test_a_life_in_which_all_is_right_breaks_nothing_and_shows_nearly_every_rule(story: Story) -> None:
    whole_life(story)
    story.end()
    verdicts = story.judge.subjects["ada"].verdicts
    assert story.broken() == set(), story.why()
    states = {rule.id: state for rule, state in verdicts.rows()}
    unseen = {name for name, state in states.items() if state not in (KEPT, BROKEN)}
    assert unseen == {"F-CMD-1"}, "a rule that is never seen to be kept cannot be graded"


# -- what is nobody's fault ----------------------------------------------------------------------------------------


def test_a_listener_that_was_away_blames_nobody_for_what_it_did_not_hear(story: Story) -> None:
    a_day(story)
    story.command("roll", '{"id":"r1"}')
    story.link, story.conn, story.seq = 2, 4, 50
    story.status(retain=True)
    story.meta(retain=True)
    story.tele()
    story.look("status", "meta")
    story.end()
    assert story.broken() == set(), story.why()


def test_a_listener_that_comes_late_takes_what_it_finds(story: Story) -> None:
    story.conn, story.seq = 3, 400
    story.status(retain=True)
    story.meta(retain=True)
    story.tele()
    story.press(n=17)
    story.look("status", "meta")
    story.end()
    assert story.broken() == set(), story.why()


def test_what_the_journal_still_has_or_counted_as_dropped_is_not_missing(story: Story) -> None:
    a_day(story)
    story.seq += 4
    story.tele()
    story.journal([BOOT, 5, 8, 2])
    story.end()
    assert story.broken() == set(), story.why()


def test_readings_of_an_earlier_boot_come_late_and_are_no_new_birth(story: Story) -> None:
    a_day(story)
    story.status("lost")
    story.boot, story.conn, story.seq, story.up = "9f3b", 1, 0, 300
    story.birth()
    story.tele()
    story.say("tele/sht4x", boot=BOOT, seq=3, up=2900, v={"temp": 2}, hist=1)
    story.tele()
    story.end()
    assert story.broken() == set(), story.why()


def test_an_old_will_that_comes_late_changes_nothing(story: Story) -> None:
    a_day(story)
    story.conn = 2
    story.birth()
    story.say("status", state="lost", boot=BOOT, conn=1)
    story.tele()
    story.end()
    assert story.broken() == set(), story.why()


def test_readings_that_were_under_way_may_come_twice_over_a_new_connection(story: Story) -> None:
    a_day(story)
    up = story.up
    story.status("lost")
    story.conn = 2
    story.birth()
    story.tele(seq=2, up=up, v={"temp": 22})
    story.tele()
    story.end()
    assert story.broken() == set(), story.why()
    assert story.judge.subjects["ada"].verdicts.of("F-SEQ-2") == KEPT


def test_a_reading_that_breaks_a_rule_has_used_its_number(story: Story) -> None:
    a_day(story)
    story.tele(v={"temp": "warm"})
    story.tele()
    story.end()
    assert story.broken() == {"F-TELE-2"}, story.why()


def test_a_command_that_comes_before_a_node_can_have_subscribed_needs_no_ack(story: Story) -> None:
    story.birth()
    story.command("roll", '{"id":"r1"}')
    story.tele()
    story.end()
    assert story.broken() == set(), story.why()


def test_a_node_of_contract_1_0_numbers_every_message(story: Story) -> None:
    story.status()
    story.say("meta", **{**story.envelope(), **META, "schema": "1.0"})
    for seq in (1, 3):
        story.tele(seq=seq)
        story.say("health", **story.envelope(seq=seq + 1))
    story.end()
    assert story.broken() == set(), story.why()


def test_a_link_that_breaks_once_after_a_bad_command_may_be_an_accident(story: Story) -> None:
    a_day(story)
    story.command("dance", '{"id":')
    story.status("lost")
    story.conn = 2
    story.birth()
    for _ in range(3):
        story.tele()
    story.command("dance", '{"id":')
    story.ack("dance", "unknown")
    for _ in range(5):
        story.tele()
    story.end()
    assert story.broken() == set(), story.why()
    assert story.judge.subjects["ada"].verdicts.of("F-COMPAT-2") == KEPT


def test_a_command_to_a_node_that_is_gone_needs_no_ack(story: Story) -> None:
    a_day(story)
    story.status("lost")
    story.command("roll", '{"id":"r1"}')
    story.end()
    assert story.broken() == set(), story.why()


def test_more_nodes_than_can_be_held_are_counted() -> None:
    judge = Conformance("fleet")
    for number in range(600):
        judge.take(Message(f"fleet/1/n-{number}/tele/x", b"1", 1, False, False, 0))
    assert len(judge.subjects) == 500
    assert judge.beyond == 100
