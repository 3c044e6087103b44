"""The pure parts of a node: backoff, uptime, framing, tunes, configuration."""

import json

from fleet_node import ConfigError, config
from fleet_node.backoff import Backoff
from fleet_node.framing import Framer, FramingError, publish_id
from fleet_node.tunes import tune_steps
from fleet_node.uptime import Uptime


def raises(kind, function, *args):
    try:
        function(*args)
    except kind as error:
        return str(error)
    raise AssertionError("nothing was raised by " + repr(args))


def test_backoff_doubles_to_its_limit_and_half_of_it_is_random():
    lowest, highest = Backoff(lambda: 0), Backoff(lambda: 0.999)
    assert [lowest.next_ms() for _ in range(6)] == [500, 1000, 2000, 4000, 4000, 4000]
    waits = [highest.next_ms() for _ in range(6)]
    assert waits == [999, 1999, 3998, 7996, 7996, 7996], waits


def test_backoff_starts_again_only_after_a_link_that_held():
    backoff = Backoff(lambda: 0)
    for _ in range(4):
        backoff.next_ms()
    backoff.held(4999)
    assert backoff.next_ms() == 4000
    backoff.held(5000)
    assert backoff.next_ms() == 500
    backoff.held(-1)  # after a week on a board
    assert backoff.next_ms() == 500


def test_uptime_goes_on_when_the_tick_counter_wraps():
    period = 1 << 30
    now = [period - 500]
    uptime = Uptime(lambda: now[0], lambda a, b: ((a - b + period // 2) & (period - 1)) - period // 2)
    assert uptime.ms() == 0
    now[0] = 300  # wrapped
    assert uptime.ms() == 800
    assert uptime.at(period - 100) == 400
    for _ in range(10):
        now[0] = (now[0] + (1 << 28)) % period
        uptime.ms()
    assert uptime.ms() == 800 + 10 * (1 << 28)


def test_framer_finds_packets_however_the_stream_is_cut():
    stream = b"\x20\x02\x00\x00" + b"\x30\x05\x00\x01tab" + b"\xd0\x00" + b"\x30\x82\x01\x00\x01t" + b"x" * 127
    for size in (1, 2, 3, 5, 7, 64, 200):
        framer = Framer(4096)
        packets = []
        for at in range(0, len(stream), size):
            packets += framer.feed(stream[at : at + size])
        assert [len(packet) for packet, whole in packets] == [4, 7, 2, 133], (size, packets)
        assert all(whole for _, whole in packets)
        assert b"".join([packet for packet, _ in packets]) == stream


def test_framer_skips_an_oversize_packet_and_keeps_its_head():
    body = b"\x00\x05topic" + b"\x12\x34" + b"x" * 5000
    big = b"\x32" + bytes((len(body) & 0x7F | 0x80, len(body) >> 7)) + body
    for size in (1, 100, 512, 9999):
        framer = Framer(4096)
        packets = []
        stream = big + b"\xd0\x00"
        for at in range(0, len(stream), size):
            packets += framer.feed(stream[at : at + size])
        assert [whole for _, whole in packets] == [False, True], size
        assert publish_id(packets[0][0]) == 0x1234
        assert packets[1][0] == b"\xd0\x00"


def test_framer_gives_up_on_what_is_no_mqtt():
    raises(FramingError, Framer(4096).feed, b"\x30\xff\xff\xff\xff\xff")


def test_a_tune_is_notes_and_pauses():
    assert tune_steps("a4:200 -:100 c5:50 c#5:60") == [(440, 200), (0, 100), (523, 50), (554, 60)]
    assert tune_steps("") == []


def test_a_bad_tune_is_refused_with_the_bad_note():
    for bad in ("h4:200", "c5", "c5:", "c5:x", "c5:9", "c9:100", "#5:100", "c5:200:3", ":100", "c:100", "c5:-20"):
        said = raises(ValueError, tune_steps, "a4:100 " + bad)
        assert bad.split(":")[0] in said, said
    raises(ValueError, tune_steps, "a4:6000 a4:6000")


def loaded(fields):
    path = "/tmp/upy-node-config-" + str(id(fields)) + ".json"
    with open(path, "w") as file:
        file.write(fields if isinstance(fields, str) else json.dumps(fields))
    try:
        return config.load(path)
    finally:
        import os

        os.unlink(path)


def test_a_configuration_gets_its_defaults():
    full = loaded({"node": "ada"})
    assert (full["base"], full["period"], full["keepalive"], full["queue"]) == ("fleet", 2000, 15, 200)
    plain = {"host": "127.0.0.1", "port": 1883, "user": "", "password": "", "tls": False}
    assert full["broker"] == dict(plain, ca="", tls_name="", fingerprint="", http=8080)


def test_tls_is_all_or_nothing():
    """A node that was told of a CA never goes without one because a key is missing."""
    whole = {"host": "pi", "tls": True, "ca": "ca.der", "tls_name": "fleet-3b"}
    assert loaded({"broker": whole})["broker"]["port"] == 8883
    for missing in ("tls", "ca"):
        half = {key: value for key, value in whole.items() if key != missing}
        assert "TLS needs all of" in raises(ConfigError, loaded, {"broker": half})
    assert "TLS needs all of" in raises(ConfigError, loaded, {"broker": {"tls_name": "fleet-3b"}})
    assert '"broker" is wrong' in raises(ConfigError, loaded, {"broker": {"tls": "yes", "ca": "ca.der"}})


def test_all_errors_of_a_configuration_are_said_at_once_and_never_the_password():
    wrong = {
        "node": "A b",
        "period": "2 s",
        "queue": 0,
        "groups": "red",
        "broker": {"host": "x", "port": "y", "password": "z9"},
    }
    said = raises(ConfigError, loaded, wrong)
    for key in ("node", "period", "queue", "groups", "broker"):
        assert '"' + key + '"' in said, said
    assert len(said.split("\n")) == 5
    assert "z9" not in said


def test_a_missing_or_damaged_file_is_named():
    assert "there is no /nowhere.json" in raises(ConfigError, config.load, "/nowhere.json")
    assert "is not JSON" in raises(ConfigError, loaded, '{"node": ada}')
    assert "is not a JSON object" in raises(ConfigError, loaded, "[1]")


def test_a_broker_url_is_taken_apart():
    parsed = config.parse_url("mqtt://ada:p%40ss@192.168.1.10:1884")
    assert parsed == {"host": "192.168.1.10", "port": 1884, "user": "ada", "password": "p@ss"}
    assert config.parse_url("mqtt://pi")["port"] == 1883
    secure = config.parse_url("mqtts://ada:p%40ss@pi?ca=/a%20b/ca.pem&name=fleet-3b")
    assert (secure["tls"], secure["port"], secure["password"]) == (True, 8883, "p@ss")
    assert (secure["ca"], secure["tls_name"]) == ("/a b/ca.pem", "fleet-3b")
    for bad in ("http://pi", "mqtt://", "mqtt://pi:port", "pi", "mqtt://pi?ca=x", "mqtts://pi?verify=no"):
        raises(ValueError, config.parse_url, bad)
