"""What a node keeps and says: outbox and spool. F-SEQ-1, F-SEQ-3, F-SEQ-5, F-TIME-2, F-TELE-3"""

import json
import os

from fleet_node.journal import Journal
from fleet_node.outbox import Outbox
from fleet_node.spool import Spool

FOLDER = "/tmp/upy-node-outbox"


class FakeLink:
    """Takes what it has room for, and remembers it."""

    def __init__(self, room=1000):
        self.up = True
        self.room = room
        self.sent = []

    def is_up(self):
        return self.up

    def ready(self, urgent=False):
        return self.up and len(self.sent) < self.room

    def publish(self, topic, payload, retain, qos):
        self.sent.append((topic, payload, qos))
        return len(self.sent) if qos else 0


class Clock:
    ms_now = 0

    def ms(self):
        return self.ms_now


def outbox(limit=5, mem_free=lambda: 1000000, room=1000, journal=None, keep_ms=30000):
    clock = Clock()
    spool = Spool("9f3a", journal, clock, limit, keep_ms, mem_free)
    box = Outbox("fleet", "ada", spool, clock)
    box.link = FakeLink(room)
    box.spool, box.clock = spool, clock
    return box, box.link


def flash(limit=65536):
    """An empty journal."""
    try:
        names = os.listdir(FOLDER)
    except OSError:
        names = []
    for name in names:
        os.remove(FOLDER + "/" + name)
    return Journal(FOLDER, limit)


def read(box, count, first=0):
    """So many readings, one a second."""
    for up in range(first, first + count):
        box.clock.ms_now = up * 1000
        assert box.put("tele", "sht4x", {"v": {"temp": up}}, up * 1000)


def seqs(link, topic=b"fleet/1/ada/tele/sht4x"):
    return [json.loads(payload)["seq"] for to, payload, _ in link.sent if to == topic]


def stored(box, seq, miss=None, boot="9f3a"):
    fields = {"boot": boot, "seq": seq}
    if miss:
        fields["miss"] = miss
    assert box.stored(json.dumps(fields).encode())


def told(link):
    """The rows of the last journal message."""
    return [json.loads(payload) for topic, payload, _ in link.sent if topic == b"fleet/1/ada/journal"][-1]["kept"]


def ack_all(box):
    for pid in range(1, len(box.link.sent) + 1):
        box.acked(pid)


def test_readings_and_events_are_numbered_and_other_messages_carry_the_next_number():
    box, link = outbox()
    box.put("tele", "sht4x", {"v": {"temp": 21.5}}, 40)
    box.put("health", None, {"mem": 1})
    box.put("event", "button-a", {"event_type": "press", "n": 1})
    box.put("ack", None, {"cmd": "echo", "st": "done"})
    box.put("log", "info", {"msg": "hello"})
    assert [json.loads(payload)["seq"] for _, payload, _ in link.sent] == [0, 1, 1, 2, 2]
    assert link.sent[0][0] == b"fleet/1/ada/tele/sht4x"
    assert [qos for _, _, qos in link.sent] == [1, 0, 1, 1, 0]
    first = json.loads(link.sent[0][1])
    assert (first["boot"], first["up"], first["v"]) == ("9f3a", 40, {"temp": 21.5})


def test_an_acknowledgement_of_the_broker_is_not_enough_to_forget():
    box, _link = outbox()
    read(box, 3)
    ack_all(box)
    assert box.spool.depth() == 3
    stored(box, 2)
    assert box.spool.depth() == 1
    stored(box, 3)
    assert (box.spool.depth(), box.spool.drops) == (0, 0)


def test_without_a_journal_the_oldest_reading_goes_and_is_counted():
    box, link = outbox(limit=5)
    link.up = False
    read(box, 8)
    assert (box.spool.depth(), box.spool.drops) == (5, 3)
    link.up = True
    box.tell_journal()
    box.flush()
    assert seqs(link) == [3, 4, 5, 6, 7]
    assert told(link) == [["9f3a", 3, 8, 3]]


def test_an_answer_is_never_dropped_and_overtakes_readings():
    box, link = outbox(limit=3, room=0)
    for up in range(6):
        box.put("ack", None, {"cmd": "echo", "st": "done"}, up)
        box.put("tele", "sht4x", {"v": {"temp": up}}, up)
    assert (box.acks_waiting(), box.spool.drops) == (6, 3)
    link.room = 1000
    box.flush()
    assert [topic for topic, _, _ in link.sent][:6] == [b"fleet/1/ada/ack"] * 6


def test_log_lines_that_find_no_room_are_counted():
    box, link = outbox(room=0)
    for number in range(11):
        box.put("log", "info", {"msg": str(number)})
    assert box.drops == 3
    link.room = 100
    box.flush()
    assert [json.loads(payload)["msg"] for _, payload, _ in link.sent] == [str(number) for number in range(3, 11)]


def test_without_memory_readings_are_dropped_and_nothing_fails():
    box, link = outbox(limit=1000, mem_free=lambda: 100)
    link.up = False
    read(box, 100)
    assert box.spool.depth() < 20
    assert box.spool.drops + box.spool.depth() == 100


def test_without_memory_readings_go_to_flash_and_none_is_dropped():
    box, link = outbox(limit=1000, mem_free=lambda: 100, journal=flash())
    link.up = False
    read(box, 100)
    assert (box.spool.depth(), box.spool.drops) == (100, 0)


def test_what_the_broker_did_not_acknowledge_is_sent_again_on_the_next_link():
    box, link = outbox()
    read(box, 3)
    box.acked(1)
    box.link_down()
    link.sent.clear()
    box.flush()
    assert seqs(link) == [1, 2]


def test_a_late_reading_is_marked_as_history_and_an_answer_is_not():
    box, link = outbox()
    link.up = False
    box.put("tele", "sht4x", {"v": {"temp": 1}}, 0)
    box.put("ack", None, {"cmd": "echo", "st": "done"}, 0)
    box.clock.ms_now = 2001
    box.put("tele", "sht4x", {"v": {"temp": 2}}, 1)
    box.put("tele", "sht4x", {"v": {"temp": 2}}, 1999)
    link.up = True
    box.flush()
    assert [json.loads(payload).get("hist") for _, payload, _ in link.sent] == [None, 1, None, None]


def test_health_is_not_kept_for_later():
    box, link = outbox()
    link.up = False
    assert not box.put("health", None, {"mem": 1})
    assert (box.spool.depth(), box.drops) == (0, 0)


def test_while_the_host_stores_nothing_is_written_to_flash():
    journal = flash()
    box, _link = outbox(limit=200, journal=journal)
    for second in range(1, 300):
        read(box, 1, second)
        stored(box, second)
        box.spool.tick()
    assert (box.spool.depth(), journal.depth(), journal.rows()) == (0, 0, [])


def test_when_the_host_is_silent_readings_go_to_flash_in_batches_and_are_read_from_there():
    journal = flash()
    box, link = outbox(limit=200, journal=journal, keep_ms=30000)
    for second in range(100):
        read(box, 1, second)
        box.spool.tick()
    assert journal.depth() >= 60, journal.rows()
    assert box.spool.depth() == 100
    ack_all(box)
    link.sent.clear()
    stored(box, 10, [[10, 12], [40, 40], [98, 99]])
    assert seqs(link) == [10, 11, 12, 40], "four at once"
    ack_all(box)
    assert seqs(link) == [10, 11, 12, 40, 98, 99]
    assert all(json.loads(payload)["hist"] == 1 for _, payload, _ in link.sent)
    assert box.spool.kept()["kept"] == [["9f3a", 10, 100, 0]]
    stored(box, 100)
    assert box.spool.depth() == 0


def test_live_readings_are_sent_before_what_is_asked_for():
    box, link = outbox(limit=200, room=40)
    read(box, 40)
    link.sent.clear()
    link.room = 0
    stored(box, 0, [[0, 31]])
    read(box, 2, 40)
    box.link.room = 100
    box.flush()
    assert seqs(link)[:2] == [40, 41]


def test_a_new_question_replaces_the_old_one_and_a_broken_link_forgets_it():
    box, link = outbox(limit=200, room=20)
    read(box, 20)
    ack_all(box)
    link.room = 0
    stored(box, 0, [[0, 9]])
    stored(box, 0, [[5, 6]])
    link.sent.clear()
    link.room = 100
    box.flush()
    assert seqs(link) == [5, 6]
    link.room = 0
    stored(box, 0, [[7, 8]])
    ack_all(box)
    box.link_down()
    link.sent.clear()
    link.room = 100
    box.flush()
    assert seqs(link) == []


def test_a_journal_that_is_full_drops_the_oldest_counts_them_and_says_so():
    box, link = outbox(limit=20, journal=flash(16384))
    link.up = False
    read(box, 600)
    drops = box.spool.drops
    assert drops > 100
    link.up = True
    box.tell_journal()
    assert told(link) == [["9f3a", drops, 600, drops]]
    stored(box, 0, [[0, 3]])  # an old question: they are gone
    box.clock.ms_now += 1000
    assert box.spool.is_due(), "the host has to hear that they are gone"


def test_an_earlier_boot_is_offered_asked_for_and_forgotten():
    journal = flash()
    earlier = [(b"tele/sht4x", b'{"boot":"9f39","seq":%d,"up":1,"v":{"temp":1}}' % seq, 1) for seq in range(5)]
    assert journal.append("9f39", 0, earlier) == 5
    box, link = outbox(journal=Journal(FOLDER, 65536))
    read(box, 2)
    box.tell_journal()
    assert told(link) == [["9f39", 0, 5, 0], ["9f3a", 0, 2, 0]]
    link.sent.clear()
    stored(box, 2, [[2, 4]], "9f39")
    assert [json.loads(payload)["boot"] for _, payload, _ in link.sent] == ["9f39"] * 3
    assert seqs(link) == [2, 3, 4]
    stored(box, 5, None, "9f39")
    box.tell_journal()
    assert told(link) == [["9f3a", 0, 2, 0]]


def test_what_waits_is_told_after_5_seconds_and_then_less_often():
    box, _link = outbox()
    read(box, 1)
    times = []
    for second in range(1, 60):
        box.clock.ms_now = second * 1000
        if box.spool.is_due():
            times.append(second)
            box.tell_journal()
    assert times == [5, 15, 30, 45], times
    stored(box, 1)
    box.clock.ms_now = 100000
    assert not box.spool.is_due(), "nothing waits any more"


def test_more_boots_than_a_message_holds_are_told_in_part():
    journal = flash(1 << 20)
    for number in range(15):
        journal.append("%04x" % number, 0, [(b"tele/x", b"{}", 1)])
    box, link = outbox(journal=journal)
    read(box, 1)
    box.tell_journal()
    rows = told(link)
    assert len(rows) == 12
    assert rows[0] == ["0000", 0, 1, 0]
    assert rows[-1] == ["9f3a", 0, 1, 0]
    assert json.loads(link.sent[-1][1])["more"] == 1


def test_a_stored_that_breaks_the_contract_changes_nothing():
    box, link = outbox()
    read(box, 3)
    for raw in (
        b"",
        b"{}",
        b"[]",
        b'{"boot":"9f3a"}',
        b'{"boot":"9f3a","seq":-1}',
        b'{"boot":"9f3a","seq":3,"miss":[[1]]}',
    ):
        assert not box.stored(raw), raw
    stored(box, 9007199254740991, None, "9f3b")  # of another boot
    assert box.spool.depth() == 3
    stored(box, 9007199254740991)  # more than there ever was
    assert box.spool.depth() == 0
    read(box, 1, 3)
    assert seqs(link)[-1] == 3
