"""Every command ends in exactly one ack, and does what it says."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fleet_schema import payloads
from support.broker import Broker
from support.node import NodeProcess
from support.probe import Probe, Seen


@pytest.fixture
def node(broker: Broker, probe: Probe) -> Iterator[NodeProcess]:
    with NodeProcess(broker.url, sensors=["sht4x", "mpu6886"], groups=["red"]) as node:
        probe.expect("fleet/1/ada/tele/sht4x")
        yield node
        assert "Traceback" not in node.output


def ask(probe: Probe, name: str, payload: Any = "{}", target: str = "ada") -> dict[str, Any]:
    """The one ack of one command."""
    mark = probe.mark()
    probe.publish(f"fleet/1/{target}/cmd/{name}", payload if isinstance(payload, str) else json.dumps(payload))
    probe.expect("fleet/1/ada/ack", since=mark)
    probe.settle()
    acks = [seen for seen in probe.seen("fleet/1/ada/ack")[-5:] if seen in probe.seen()[mark:]]
    assert len(acks) == 1, [str(ack) for ack in acks]
    return payloads.decode("ack", acks[0].payload)


@pytest.mark.rule("F-ACK-1", "F-ACK-2", "F-ACK-4")
def test_echo_answers_with_the_text_and_the_id(node: NodeProcess, probe: Probe):
    ack = ask(probe, "echo", {"id": "c7f2", "text": "hello"})
    assert (ack["id"], ack["cmd"], ack["st"], ack["re"]) == ("c7f2", "echo", "done", "hello")


@pytest.mark.rule("F-CMD-8", "F-PAYLOAD-2")
def test_what_is_too_long_to_be_sent_back_is_answered_all_the_same(node: NodeProcess, probe: Probe):
    ack = ask(probe, "echo", '{"id":"e1","text":"' + "\U0001f41d" * 64 + '"}')
    assert (ack["id"], ack["st"], ack["err"]) == ("e1", "done", "the result is too long to be sent")


@pytest.mark.rule("F-PAYLOAD-2", "F-META-2")
def test_a_name_that_meta_has_no_room_for_is_refused(node: NodeProcess, probe: Probe):
    ask(probe, "groups", "a-long-group-001,a-long-group-002,a-long-group-003,a-long-group-004")
    ack = ask(probe, "name", '{"name":"' + "\U0001f41d" * 32 + '"}')
    assert ack["st"] == "bad"
    assert "shorten the name or the groups" in ack["err"]
    mark = probe.mark()
    assert ask(probe, "rebirth")["st"] == "done"
    assert payloads.decode("meta", probe.expect("fleet/1/ada/meta", since=mark).payload)["name"] == "ada"


@pytest.mark.rule("F-CMD-3")
def test_mosquitto_pub_with_bare_words_is_a_command(node: NodeProcess, probe: Probe):
    ack = ask(probe, "echo", "good morning")
    assert (ack["st"], ack["re"], "id" in ack) == ("done", "good morning", False)


@pytest.mark.parametrize("target", ["_all", "_red"])
def test_commands_to_all_and_to_a_group_are_obeyed(node: NodeProcess, probe: Probe, target: str):
    assert ask(probe, "echo", {"id": "a1", "text": "x"}, target)["st"] == "done"


@pytest.mark.rule("F-CMD-7")
def test_an_ack_to_many_waits_a_random_moment(broker: Broker, probe: Probe):
    with NodeProcess(broker.url, jitter=2000):
        probe.expect("fleet/1/ada/tele/sht4x")
        late = []
        for i in range(4):
            mark = probe.mark()
            probe.publish("fleet/1/_all/cmd/echo", json.dumps({"id": f"j{i}"}))
            sent = probe.expect("fleet/1/_all/cmd/echo", since=mark).at
            late.append(probe.expect("fleet/1/ada/ack", since=mark).at - sent)
    assert max(late) > 0.1, late
    assert max(late) < 2.5, late


@pytest.mark.rule("F-CMD-6")
def test_a_repeated_id_is_not_obeyed_twice(node: NodeProcess, probe: Probe):
    first = ask(probe, "name", {"id": "same", "name": "One"})
    second = ask(probe, "name", {"id": "same", "name": "Two"})
    assert (first["st"], second["st"], second["id"]) == ("done", "dup", "same")
    with Probe(probe_url(probe)) as late:
        assert late.expect("fleet/1/ada/meta", lambda seen: seen.retain).json()["name"] == "One"


def probe_url(probe: Probe) -> str:
    return f"mqtt://{probe._address[0]}:{probe._address[1]}"


@pytest.mark.parametrize(
    ("name", "payload", "state", "reason"),
    [
        ("period", {"id": "b1", "ms": 5}, "bad", "ms is not a whole number from 100 to 3600000"),
        ("period", {"id": "b1"}, "bad", "ms is missing"),
        ("buzz", {"id": "b1", "tune": "c5:200 h9:1"}, "bad", "h9:1"),
        ("led", '{"id": "b1", "on": tru', "bad", "not JSON"),
        ("groups", {"id": "b1", "groups": "Red"}, "bad", "a group is"),
        ("dance", {"id": "b1"}, "unknown", "no command dance"),
    ],
)
@pytest.mark.rule("F-ACK-3", "F-CMD-4", "F-CMD-5", "F-CMD-8")
def test_what_cannot_be_obeyed_is_answered_with_the_reason(
    node: NodeProcess, probe: Probe, name: str, payload: Any, state: str, reason: str
):
    ack = ask(probe, name, payload)
    assert ack["st"] == state
    assert reason in ack["err"]
    if not isinstance(payload, str):
        assert ack["id"] == "b1"


@pytest.mark.rule("F-CMD-1")
def test_a_retained_command_is_ignored_and_reported(broker: Broker, probe: Probe):
    probe.publish("fleet/1/ada/cmd/echo", "old", retain=True)
    with NodeProcess(broker.url):
        log = probe.expect("fleet/1/ada/log/warning", lambda seen: "retained command" in seen.json()["msg"])
        payloads.decode("log", log.payload)
        assert ask(probe, "echo", "new")["re"] == "new"
        assert [seen.json() for seen in probe.seen("fleet/1/ada/ack") if seen.json()["re"] == "old"] == []


def test_a_period_changes_at_once_and_shows_in_meta(node: NodeProcess, probe: Probe):
    assert ask(probe, "period", "100")["re"] == 100
    assert probe.expect("fleet/1/ada/meta", lambda seen: seen.json()["period"] == 100)
    seen = probe.expect_count(8, "fleet/1/ada/tele/sht4x", since=probe.mark())
    ups = [one.json()["up"] for one in seen]
    assert abs((ups[-1] - ups[0]) / (len(ups) - 1) - 100) < 10, ups


def test_name_period_and_groups_outlive_a_reset(node: NodeProcess, probe: Probe):
    ask(probe, "name", {"name": "Ünïcode"})
    ask(probe, "groups", {"groups": "blue, green"})
    ask(probe, "period", "300")
    mark = probe.mark()
    assert ask(probe, "reset")["st"] == "ok"
    assert node.wait() == 75  # start me again
    probe.expect("fleet/1/ada/status", lambda seen: seen.json()["state"] == "offline", since=mark)
    node.start()
    meta = probe.expect("fleet/1/ada/meta", since=probe.mark()).json()
    assert (meta["name"], meta["groups"], meta["period"]) == ("Ünïcode", ["blue", "green"], 300)
    assert ask(probe, "echo", "x", "_green")["st"] == "done"


def test_a_new_group_is_heard_and_the_old_one_no_more(node: NodeProcess, probe: Probe):
    assert ask(probe, "groups", "blue")["re"] == "blue"
    assert ask(probe, "echo", "x", "_blue")["st"] == "done"
    mark = probe.mark()
    probe.publish("fleet/1/_red/cmd/echo", "to the old group")
    assert ask(probe, "echo", "after it")["re"] == "after it"
    assert "to the old group" not in [one.json().get("re") for one in probe.seen("fleet/1/ada/ack")]
    assert probe.mark() > mark


@pytest.mark.rule("F-CMD-9")
def test_mute_refuses_what_disturbs_and_ends_by_itself(node: NodeProcess, probe: Probe):
    assert ask(probe, "mute", "2")["re"] == 2
    for name, payload in (("buzz", "300"), ("led", "true"), ("say", "hi"), ("identify", "{}")):
        ack = ask(probe, name, payload)
        assert ack["st"] == "muted"
        assert ack["err"] in ("muted for 2 s more", "muted for 1 s more")
    assert ask(probe, "echo", "not muted")["st"] == "done"
    until(lambda: ask(probe, "buzz", "20")["st"] == "ok", "the end of the mute")


@pytest.mark.rule("F-CMD-10", "F-STATUS-7")
def test_pause_stops_readings_and_events_is_in_the_status_and_ends_by_itself(node: NodeProcess, probe: Probe):
    ack = ask(probe, "pause", {"id": "p1", "s": 3})
    assert (ack["st"], ack["re"]) == ("done", 3)
    paused = probe.expect("fleet/1/ada/status", lambda seen: "pause" in seen.json())
    assert payloads.decode("status", paused.payload)["pause"] in (2, 3)
    assert paused.json()["state"] == "online"
    node.world("tap button-a")
    assert ask(probe, "echo", "still here")["re"] == "still here"
    over = probe.expect("fleet/1/ada/status", lambda seen: "pause" not in seen.json(), since=probe.seen().index(paused))
    assert over.json()["conn"] == paused.json()["conn"], "the same connection, not a new one"
    again = probe.expect("fleet/1/ada/tele/sht4x", lambda seen: seen.json()["up"] > ack["up"], within=20)
    assert again.json()["up"] - ack["up"] >= 3000
    seqs = [seen.json()["seq"] for seen in probe.seen("fleet/1/ada/tele/+")]
    assert sorted(seqs) == list(range(len(seqs))), "nothing was numbered that was not sent"
    assert not probe.seen("fleet/1/ada/event/+"), "a press during a pause is not reported, not even afterwards"


@pytest.mark.rule("F-CMD-10")
def test_a_pause_is_ended_by_hand_and_by_a_reset(broker: Broker, probe: Probe):
    with NodeProcess(broker.url, sensors=["sht4x"], reborn=True) as node:
        probe.expect("fleet/1/ada/tele/sht4x")
        for end in ("pause", "reset"):
            mark = probe.mark()
            ask(probe, "pause", "3600")
            probe.expect("fleet/1/ada/status", lambda seen: "pause" in seen.json(), since=mark)
            mark = probe.mark()
            probe.publish(f"fleet/1/ada/cmd/{end}", "0" if end == "pause" else "{}")
            back = probe.expect("fleet/1/ada/status", lambda seen: seen.json()["state"] == "online", 15, mark)
            assert "pause" not in back.json()
            probe.expect("fleet/1/ada/tele/sht4x", within=15, since=mark)
        assert "Traceback" not in node.output


def until(condition: Callable[[], object], what: str, tries: int = 500) -> None:
    for _ in range(tries):
        if condition():
            return
    raise AssertionError(f"{what} did not come in {tries} tries")


def test_say_shows_the_text(node: NodeProcess, probe: Probe):
    assert ask(probe, "say", "time for lunch")["st"] == "done"
    node.expect("time for lunch")


def test_buzz_led_and_identify_run_on(node: NodeProcess, probe: Probe):
    assert ask(probe, "buzz", {"tune": "c5:100 -:50 e5:100"})["st"] == "ok"
    assert ask(probe, "identify", "200")["st"] == "ok"
    assert ask(probe, "led", "true")["st"] == "done"
    assert ask(probe, "led", {"on": True, "ms": 100})["st"] == "ok"


@pytest.mark.rule("F-META-1")
def test_rebirth_says_status_and_meta_again(node: NodeProcess, probe: Probe):
    mark = probe.mark()
    assert ask(probe, "rebirth")["st"] == "done"
    probe.expect("fleet/1/ada/status", since=mark)
    probe.expect("fleet/1/ada/meta", since=mark)


@pytest.mark.rule("F-EVENT-1", "F-EVENT-2")
def test_a_tapped_and_a_held_button_are_events(node: NodeProcess, probe: Probe):
    node.world("tap button-a 120")
    released = probe.expect("fleet/1/ada/event/button-a", lambda seen: seen.json()["event_type"] == "release")
    press = payloads.decode("event", probe.seen("fleet/1/ada/event/button-a")[0].payload)
    assert (press["event_type"], press["n"]) == ("press", 1)
    assert 90 <= released.json()["up"] - press["up"] <= 250
    node.world("tap button-a 1000")
    probe.expect(
        "fleet/1/ada/event/button-a", lambda seen: seen.json()["event_type"] == "release" and seen.json()["n"] == 5
    )
    kinds = [seen.json()["event_type"] for seen in probe.seen("fleet/1/ada/event/button-a")]
    assert kinds == ["press", "release", "press", "long", "release"]


@pytest.mark.rule("F-TELE-2")
def test_an_unplugged_sensor_reads_null_and_is_found_again(node: NodeProcess, probe: Probe):
    def reads_null(seen: Seen) -> bool:
        return set(seen.json()["v"].values()) == {None}

    node.world("unplug sht4x")
    probe.expect("fleet/1/ada/tele/sht4x", reads_null)
    probe.expect("fleet/1/ada/log/warning", lambda seen: "sht4x does not answer" in seen.json()["msg"])
    probe.expect("fleet/1/ada/tele/mpu6886", lambda seen: not reads_null(seen), since=probe.mark())
    node.world("plug sht4x")
    probe.expect("fleet/1/ada/tele/sht4x", lambda seen: not reads_null(seen), since=probe.mark())
    node.expect("sht4x is back")


@pytest.mark.rule("F-COMPAT-2", "F-CMD-8")
def test_a_thousand_bad_commands_are_each_answered_or_counted_and_the_node_lives():
    payload = [b"\xff\xfe", b"{" * 200, b"[" * 400, b'{"ms":1e999}', b'{"ms":"1"}', b'{"id":5}', b"\x00", b"9" * 600]
    heard = ("period", "buzz", "led", "groups", "name", "nope", "x" * 20)  # the last one is no legal name
    with (
        Broker("allow_anonymous true", "max_inflight_messages 20") as broker,  # mosquitto's default
        Probe(broker.url, "fleet/1/#") as probe,
        NodeProcess(broker.url, health=1000) as node,
    ):
        probe.expect("fleet/1/ada/tele/sht4x")
        for i in range(1000):
            probe._client.publish(f"fleet/1/ada/cmd/{heard[i % 7]}", payload[i // 7 % 8], 1)
        until(lambda: answers(probe, "alive"), "an answer after the flood")
        health = probe.expect("fleet/1/ada/health", lambda seen: seen.json()["bad"] > 140, since=probe.mark()).json()
        assert "Traceback" not in node.output
        node.quit()
    acks = [payloads.decode("ack", seen.payload) for seen in probe.seen("fleet/1/ada/ack")]
    flood = [ack for ack in acks if ack["cmd"] != "echo"]
    states = {state: sum(ack["st"] == state for ack in flood) for state in payloads.ACK_STATES}
    print(states)
    assert (len(flood), health["drops"]) == (sum(i % 7 < 6 for i in range(1000)), 0), states


def answers(probe: Probe, text: str) -> bool:
    """Is an echo obeyed now? One that comes while the node is busy is not."""
    mark = probe.mark()
    probe.publish("fleet/1/ada/cmd/echo", text)
    ack = probe.expect("fleet/1/ada/ack", lambda seen: seen.json()["cmd"] == "echo", since=mark, within=20).json()
    return bool(ack["st"] == "done" and ack["re"] == text)
