"""What a node concludes from what it hears and does not hear, and that it says so once per change."""

import asyncio
import errno

from fleet_node.joining import Joining

CONFIG = {
    "node": "ada",
    "base": "3b",
    "broker": {"host": "192.168.1.10", "port": 1883, "user": "ada", "password": "abcd-efgh"},
}
STATUS = b"3b/1/_host/status"
ONLINE, OFFLINE = b'{"state":"online","ts":1,"schema":"1.2"}', b'{"state":"offline","ts":1,"schema":"1.2"}'
GOOD = b"\x20\x02\0"


class Link:
    def __init__(self):
        self.there = True
        self.asked = []

    def is_up(self):
        return self.there

    def subscribe(self, name):
        self.asked.append(name)
        return len(self.asked)


class Outbox:
    boot = "9f3a"
    look = None

    def __init__(self):
        self.told = []

    def tell_journal(self):
        self.told.append(1)


def begin(**broker):
    """(Joining, what it said with the word for it, how often it told the host)."""
    said, box = [], Outbox()
    config = dict(CONFIG, broker=dict(CONFIG["broker"], **broker))
    one = Joining(config, box, lambda text: said.append((one.word, text)))
    told = box.told
    one.link = Link()
    return one, said, told


def connect(one):
    one.link.there = True
    one.link.asked = []
    one.up(["red"])


def wait(one, ms):
    for _ in range(ms // 1000):
        one.look()


def words(said):
    return [word for word, _ in said]


def test_a_node_listens_to_its_commands_what_is_stored_and_whether_the_host_is_there():
    one, _, _ = begin()
    connect(one)
    assert sorted(one.link.asked) == [
        b"3b/1/_all/cmd/+",
        b"3b/1/_host/status",
        b"3b/1/_host/stored/ada",
        b"3b/1/_red/cmd/+",
        b"3b/1/ada/cmd/+",
    ]


def test_it_works_once_the_host_names_this_boot_and_no_other():
    one, said, _ = begin()
    connect(one)
    one.received(STATUS, ONLINE)
    one.heard("0001")
    wait(one, 3000)
    assert said == []
    one.heard("9f3a")
    one.heard("9f3a")
    assert words(said) == ["works"]
    assert said[0][1] == "joining: it works. The dashboard has heard ada.", said
    assert one.sentence == said[0][1][9:]


def test_nothing_is_said_again_while_it_stays_the_same():
    one, said, _ = begin()
    for _ in range(5):
        one.failed(1, None, OSError(errno.ECONNREFUSED))
    assert words(said) == ["nobody"]
    for _ in range(3):
        connect(one)
        one.heard("9f3a")
    assert words(said) == ["nobody", "works"]
    one.failed(1, None, asyncio.TimeoutError())
    assert words(said) == ["nobody", "works", "away"]


def test_each_way_of_failing_has_its_word():
    for stage, answer, error, word in (
        (0, None, OSError(-2), "name"),
        (1, None, OSError(errno.ECONNREFUSED), "nobody"),
        (1, None, OSError(errno.ECONNRESET), "nobody"),  # as a board's network says it
        (2, None, OSError(errno.ECONNREFUSED), "nobody"),
        (1, None, asyncio.TimeoutError(), "away"),
        (1, None, OSError(113), "away"),
        (2, None, asyncio.TimeoutError(), "silent"),
        (2, None, EOFError(), "full"),
        (2, None, OSError(errno.ECONNRESET), "full"),
        (2, b"HTTP", OSError(), "stranger"),
        (2, b"\x20\x03\0\x84", OSError(), "stranger"),
        (2, GOOD + b"\1", OSError(), "other"),
        (2, GOOD + b"\2", OSError(), "id"),
        (2, GOOD + b"\3", OSError(), "busy"),
        (2, GOOD + b"\4", OSError(), "secret"),
        (2, GOOD + b"\5", OSError(), "secret"),
    ):
        one, said, _ = begin()
        one.failed(stage, answer, error)
        assert words(said) == [word], (stage, answer, error, said)
        assert ". " in said[0][1] and "{" not in said[0][1], said


def test_a_login_of_another_or_of_nobody_is_not_called_a_wrong_secret():
    for user, word in (("bea", "id"), ("", "no-secret")):
        one, said, _ = begin(user=user)
        one.failed(2, GOOD + b"\5", OSError())
        assert words(said) == [word], said


def test_no_sentence_holds_the_secret():
    for word in ("secret", "no-secret", "id", "denied", "works", "full", "base"):
        one, said, _ = begin()
        one._judge(word)
        assert "abcd" not in said[0][1], said


def refuse(one, name):
    one.refused(one.link.asked.index(name) + 1)


def test_own_topics_refused_and_the_host_heard_is_an_account_that_is_not_allowed():
    for name in (b"3b/1/ada/cmd/+", b"3b/1/_host/stored/ada"):
        one, said, _ = begin()
        connect(one)
        refuse(one, name)
        one.received(STATUS, OFFLINE)
        wait(one, 1000)
        assert words(said) == ["denied"], said


def test_everything_refused_is_a_class_that_is_not_ours():
    one, said, _ = begin()
    connect(one)
    for name in one.link.asked:
        refuse(one, name)
    wait(one, 1000)
    assert words(said) == ["base"], said


def test_a_group_that_is_refused_does_not_keep_a_node_out():
    one, said, _ = begin()
    connect(one)
    refuse(one, b"3b/1/_red/cmd/+")
    one.heard("9f3a")
    assert words(said) == ["works"], said


def test_who_is_not_heard_is_told_why():
    for payload, word in ((ONLINE, "unheard"), (OFFLINE, "off"), (b"", "unknown"), (None, "unknown")):
        one, said, _ = begin()
        connect(one)
        if payload is not None:
            assert one.received(STATUS, payload)
        wait(one, 1500)
        assert said == [], (payload, said)
        wait(one, 6000)
        assert words(said) == [word], (payload, said)


def test_a_host_that_comes_later_is_told_of_us_until_it_hears():
    one, said, told = begin()
    connect(one)
    one.received(STATUS, OFFLINE)
    wait(one, 10000)
    assert words(said) == ["off"] and not told, (said, told)
    one.received(STATUS, ONLINE)
    assert len(told) == 1
    wait(one, 9000)
    assert len(told) == 3, told
    wait(one, 300000)
    assert len(told) < 20, told
    one.heard("9f3a")
    before = len(told)
    wait(one, 9000)
    one.received(STATUS, ONLINE)
    assert len(told) == before
    assert words(said)[-1] == "works"


def test_a_host_that_goes_is_missed_and_one_that_restarts_is_not():
    one, said, _ = begin()
    connect(one)
    one.received(STATUS, ONLINE)
    one.heard("9f3a")
    one.received(STATUS, OFFLINE)
    wait(one, 1500)
    one.received(STATUS, ONLINE)
    one.heard("9f3a")
    assert words(said) == ["works"], said
    one.received(STATUS, OFFLINE)
    wait(one, 2000)
    assert words(said) == ["works", "off"], said
    one.received(STATUS, ONLINE)
    one.heard("9f3a")
    assert words(said) == ["works", "off", "works"], said


def test_what_is_not_about_the_host_is_left_to_others():
    one, _, _ = begin()
    connect(one)
    assert not one.received(b"3b/1/ada/cmd/buzz", b"{}")
    assert not one.received(b"3b/1/_host/stored/ada", b"{}")


def test_a_port_for_tls_that_hangs_up_on_a_node_without_it_is_not_called_full():
    for broker, word in (({"port": 8883}, "wants-tls"), ({"port": 8883, "tls": True}, "full"), ({}, "full")):
        one, said, _ = begin(**broker)
        one.failed(2, None, EOFError())
        assert words(said) == [word], (broker, said)
    one, said, _ = begin(port=1999)
    one.failed(2, b"\x15\x03\x03\x00", None)  # an alert of TLS
    assert words(said) == ["wants-tls"]
