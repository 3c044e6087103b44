"""Journal, slots and boot ids on a real file system, on a full one and on a broken one. F-KEPT-2, F-SEQ-3"""

import errno
import os

import ramdisk

from fleet_node import journal as module
from fleet_node import journal_files as files
from fleet_node.journal import BLOCK, LEAST, LOST, Journal
from fleet_node.settings import Settings
from fleet_node.slots import Slots
from fleet_node.storage import open_storage
from fleet_schema import payloads

FOLDER = "/tmp/upy-node-journal-" + os.urandom(4).hex()
FLASH = "/flash"


def payload(boot, seq):
    return b'{"boot":"%s","seq":%d,"up":%d,"v":{"temp":21.43,"hum":40.1}}' % (boot.encode(), seq, seq * 1000)


def records(boot, first, count):
    return [(b"tele/sht4x", payload(boot, seq), seq) for seq in range(first, first + count)]


def append(journal, boot, first, count):
    return journal.append(boot, first, records(boot, first, count))


def remove(path):
    for name in os.listdir(path):
        try:
            os.remove(path + "/" + name)
        except OSError:
            remove(path + "/" + name)
    os.rmdir(path)


def empty(limit=1 << 18):
    """A journal in a folder on this PC that was not there."""
    try:
        remove(FOLDER)
    except OSError:
        pass
    return Journal(FOLDER, limit)


def seqs(journal, boot):
    """The numbers that can be read; what they say is what was written."""
    found = []
    for row in journal.rows():
        if row[0] == boot:
            here = journal.read(boot, row[1], row[2] - 1)
            assert [raw for _, _, raw in here] == [payload(boot, seq) for seq, _, _ in here]
            found += [seq for seq, _, _ in here]
    return found


def legal(journal):
    """Its rows, after the contract found them good: no two overlap, F-KEPT-2."""
    rows = journal.rows()
    own = rows[-1][0] if rows else "0000"
    fields = {"boot": own, "seq": 1 << 20, "up": 0, "kept": rows or [[own, 0, 0, 0]]}
    payloads.parse("journal", payloads.encode("journal", fields))
    for boot, first, end, _ in rows:
        assert [seq for seq in seqs(journal, boot) if first <= seq < end] == list(range(first, end)), rows
    return rows


def segment_files(folder=FOLDER):
    return sorted([name for name in os.listdir(folder) if name[-2:] == ".j"], key=lambda name: int(name[:-2]))


def blocks(folder=FOLDER):
    """What all segments take on a flash of 4-KB blocks."""
    return sum([-(-os.stat(folder + "/" + name)[6] // BLOCK) for name in segment_files(folder)])


def raw(name):
    with open(FOLDER + "/" + name, "rb") as file:
        return file.read()


def put(name, data):
    with open(FOLDER + "/" + name, "wb") as file:
        file.write(data)


class Flash:
    """`with Flash(blocks) as disk`: a littlefs of its own, mounted."""

    def __init__(self, count=0):
        self.disk = ramdisk.make("lfs2", count)

    def __enter__(self):
        ramdisk.mount("lfs2", self.disk, FLASH)
        return self.disk

    def __exit__(self, kind, error, trace):
        self.disk.gone = True
        ramdisk.unmount(FLASH)


def settings(journal):
    made = Settings({"name": "Ada", "groups": [], "period": 100, "state": FLASH + "/state"}, print, journal)
    made.fits = lambda: None
    return made


def config(folder=FOLDER, limit_kb=256):
    return {"journal": folder, "journal_kb": limit_kb}


# Readings.


def test_what_is_appended_is_there_and_after_a_restart_too():
    journal = empty()
    assert (journal.rows(), journal.depth(), journal.read("9f3a", 0, 10)) == ([], 0, [])
    for first, count in ((0, 1), (1, 7), (8, 80), (88, 200)):
        assert append(journal, "9f3a", first, count) == count
    for again in (journal, Journal(FOLDER, 1 << 18), Journal(FOLDER, 1 << 18)):
        assert legal(again) == [["9f3a", 0, 288, 0]]
        assert (again.depth(), again.drops) == (288, 0)
        assert again.read("9f3a", 5, 6) == [
            (5, b"tele/sht4x", payload("9f3a", 5)),
            (6, b"tele/sht4x", payload("9f3a", 6)),
        ]
        assert [seq for seq, _, _ in again.read("9f3a", 280, 999)] == list(range(280, 288))
        assert again.read("9f3b", 0, 99) == []


def test_the_readings_of_several_boots_are_listed_oldest_first_and_gaps_are_kept():
    journal = empty()
    for boot, first in (("fffe", 0), ("ffff", 3), ("0000", 0)):
        append(journal, boot, first, 10)
        append(journal, boot, first + 20, 10)
        journal = Journal(FOLDER, 1 << 18)
    rows = [["fffe", 0, 10, 0], ["fffe", 20, 30, 0], ["ffff", 3, 13, 0], ["ffff", 23, 33, 0]]
    assert legal(journal) == rows + [["0000", 0, 10, 0], ["0000", 20, 30, 0]]


def test_what_is_settled_is_forgotten_and_its_files_go_one_at_a_time():
    journal = empty()
    append(journal, "9f39", 0, 300)
    append(journal, "9f3a", 0, 10)
    before = len(segment_files())
    journal.settle("9f39", 150, False)
    assert legal(journal) == [["9f39", 150, 300, 0], ["9f3a", 0, 10, 0]]
    assert len(segment_files()) == before
    journal.sweep()
    assert len(segment_files()) == before - 1
    journal.settle("9f39", 300, True)
    journal.settle("9f39", 100, True)  # an old one comes late
    assert legal(journal) == [["9f3a", 0, 10, 0]]
    for _ in range(before):
        journal.sweep()
    assert len(segment_files()) == 1
    journal.settle("9f3a", 10, False)
    assert append(journal, "9f3a", 10, 5) == 5
    assert legal(journal) == [["9f3a", 10, 15, 0]]
    journal.sweep()
    assert legal(Journal(FOLDER, 1 << 18)) == [["9f3a", 10, 15, 0]]


def test_a_full_journal_stays_within_its_limit_and_counts_exactly_what_had_to_go():
    for limit in (1, LEAST, 1 << 16):
        journal, taken = empty(limit), 0
        for count in (80, 31, 1, 7, 80, 80, 200, 3) * 6:
            assert append(journal, "9f3a", taken, count) == count
            taken += count
            assert blocks() * BLOCK <= max(limit, LEAST), (blocks(), limit)
            assert journal.depth() + journal.drops == taken
            assert legal(journal) == [["9f3a", journal.drops, taken, journal.drops]]
        again = Journal(FOLDER, limit)
        assert legal(again) == journal.rows()
        assert again.drops == 0  # since power on
        assert journal.depth() > 40, journal.depth()


def test_drops_of_boots_that_have_nothing_left_are_told_until_the_host_has_counted_them():
    journal = empty(LEAST)
    append(journal, "9f38", 0, 50)
    for boot in ("9f39", "9f3a"):
        journal = Journal(FOLDER, LEAST)
        append(journal, boot, 0, 100)
        append(journal, boot, 100, 100)
    journal = Journal(FOLDER, LEAST)
    dropped = journal.dropped["9f39"][0]
    assert journal.dropped["9f38"] == (50, 50)
    assert legal(journal)[0] == ["9f38", 50, 50, 50]
    for seq in (0, 49):
        journal.settle("9f38", seq, True)  # sent before the host heard of the drops
        assert journal.dropped["9f38"] == (50, 50)
    journal.settle("9f38", 50, True)
    assert "9f38" not in journal.dropped
    assert next(row[3] for row in legal(journal) if row[0] == "9f39") == dropped


def test_drops_are_still_told_when_the_segment_that_told_of_them_is_settled():
    journal = empty(LEAST)
    append(journal, "9f38", 0, 50)
    append(journal, "9f39", 0, 80)
    journal = Journal(FOLDER, LEAST)
    append(journal, "9f3a", 0, 10)
    dropped = journal.dropped.copy()
    assert "9f38" in dropped
    journal.settle("9f3a", 10, False)
    for _ in range(9):
        journal.sweep()
    assert Journal(FOLDER, LEAST).dropped == dropped


def test_drops_for_want_of_ram_are_on_flash_with_the_next_readings():
    journal = empty()
    append(journal, "9f3a", 0, 10)
    journal.count_drop("9f3a", 3, 13)
    append(journal, "9f3a", 13, 3)
    journal.count_drop("9f39", 4, 50)
    append(journal, "9f3a", 16, 2)
    for again in (journal, Journal(FOLDER, 1 << 18)):
        assert legal(again) == [["9f39", 50, 50, 4], ["9f3a", 0, 10, 3], ["9f3a", 13, 18, 3]]


def test_any_number_of_boots_that_lost_readings_does_not_fill_the_journal_with_their_counts():
    journal = empty(LEAST)
    for number in range(60):
        assert append(journal, "%04x" % number, 0, 100) == 100
        journal = Journal(FOLDER, LEAST)
    assert len(journal.dropped) == LOST
    assert "003b" in [row[0] for row in legal(journal)]
    assert journal.depth() >= 60


def test_a_journal_that_is_made_smaller_gives_up_its_oldest():
    journal = empty()
    append(journal, "9f3a", 0, 1000)
    journal = Journal(FOLDER, LEAST)
    append(journal, "9f3a", 1000, 10)
    journal.sweep()
    assert legal(journal)[0][3] == journal.drops
    for _ in range(20):
        journal.sweep()
    assert blocks() * BLOCK <= LEAST
    assert legal(Journal(FOLDER, LEAST)) == journal.rows()


# What a power cut, a fault or a person left.


def test_a_last_line_that_is_cut_anywhere_is_not_there_and_numbers_go_on():
    journal = empty()
    append(journal, "9f3a", 0, 4)
    whole = raw("1.j")
    last = len(whole) - whole[:-1].rfind(b"\n") - 1
    for cut in range(1, last + 1):
        put("1.j", whole[:-cut])
        journal = Journal(FOLDER, 1 << 18)
        assert legal(journal) == [["9f3a", 0, 3, 0]], cut
    append(journal, "9f3a", 3, 2)
    assert legal(Journal(FOLDER, 1 << 18)) == [["9f3a", 0, 5, 0]]
    for cut in range(len(whole)):
        put("1.j", whole[:cut])
        legal(Journal(FOLDER, 1 << 18))


def test_damage_costs_what_is_behind_it_in_its_segment_and_nothing_else():
    for damage in (b"\0", b"\xff", b"\n", b"x" * 50, b"\xff" * 5000, b"\n" * 10):
        journal = empty()
        append(journal, "9f3a", 0, 200)
        whole = raw("2.j")
        first = journal._segments[1][2]
        put("2.j", whole[:3000] + damage + whole[3000 + len(damage) :])
        journal = Journal(FOLDER, 1 << 18)
        rows = legal(journal)
        assert rows[0][:2] == ["9f3a", 0], rows
        assert first < rows[0][2] < journal._segments[2][2] == rows[1][1], rows
        assert rows[1][2] == 200


def test_files_that_are_not_ours_do_no_harm_and_are_left_alone():
    journal = empty()
    append(journal, "9f3a", 0, 5)
    put("note.txt", b"mine")
    put("x.j", b"mine")
    put("01.j", b"mine")
    put("7.j", b"\xff" * 200000)
    put("8.j", b"00000000 # 9f3a [0, []]\n")
    os.mkdir(FOLDER + "/9.j")
    journal = Journal(FOLDER, 1 << 18)
    for _ in range(9):
        journal.sweep()
    append(journal, "9f3b", 0, 5)
    assert legal(Journal(FOLDER, 1 << 18)) == [["9f3a", 0, 5, 0], ["9f3b", 0, 5, 0]]
    for name in ("note.txt", "x.j", "01.j"):
        assert raw(name) == b"mine"


class Failing:
    """open() for the journal: after so many bytes were written the rest is refused, once."""

    def __init__(self, left, code):
        self.left = left
        self.code = code

    def __call__(self, path, mode):
        self._file = open(path, mode)
        return self

    def write(self, data):
        if self.left is not None and self.left < len(data):
            self._file.write(data[: self.left])
            self.left = None
            raise OSError(self.code)
        if self.left is not None:
            self.left -= len(data)
        return self._file.write(data)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self._file.close()


def test_a_write_that_failed_half_way_and_is_done_again_gives_no_number_twice():
    for before in (0, 3):
        for left in range(0, 1000, 13):
            journal = empty()
            append(journal, "9f3a", 0, before)
            module.open = Failing(left, errno.EIO)
            try:
                done = append(journal, "9f3a", before, 10)
                assert legal(journal) == [["9f3a", 0, before + done, 0]][: before + done], (before, left)
                assert append(journal, "9f3a", before + done, 10 - done) == 10 - done
            finally:
                del module.open
            append(journal, "9f3a", before + 10, 4)
            for again in (journal, Journal(FOLDER, 1 << 18)):
                assert legal(again) == [["9f3a", 0, before + 14, 0]], (before, left, again.rows())
                assert seqs(again, "9f3a") == list(range(before + 14))


def test_a_new_boot_after_a_write_that_failed_half_way_starts_with_its_own_numbers():
    journal = empty()
    append(journal, "9f3a", 0, 3)
    module.open = Failing(400, errno.EIO)
    try:
        assert append(journal, "9f3a", 3, 10) == 0
    finally:
        del module.open
    journal = Journal(FOLDER, 1 << 18)
    append(journal, "9f3b", 0, 3)
    rows = legal(Journal(FOLDER, 1 << 18))
    assert rows[0][:2] == ["9f3a", 0] and 3 <= rows[0][2] < 13
    assert rows[1:] == [["9f3b", 0, 3, 0]]


# A flash that is full, and one that is broken.


def test_on_a_full_flash_the_oldest_go_and_are_counted_exactly():
    with Flash(12):
        journal, taken = Journal(FLASH + "/journal", 1 << 20), 0
        for count in (80, 5, 33) * 8:
            assert append(journal, "9f3a", taken, count) == count
            taken += count
            assert journal.depth() + journal.drops == taken
            assert legal(journal) == [["9f3a", journal.drops, taken, journal.drops]]
        assert journal.drops > 0 and journal.depth() > 100
        again = Journal(FLASH + "/journal", 1 << 20)
        assert legal(again) == journal.rows()
        again.settle("9f3a", taken, False)
        assert [again.drop_oldest() for _ in range(12)][-1] is False  # nothing is kept back when there is no room


def test_on_a_full_flash_settings_and_boot_ids_are_kept_and_the_oldest_readings_make_room():
    with Flash(10):
        boot, journal = open_storage(config(FLASH + "/journal", 1024), print)
        kept = settings(journal)
        for number in range(30):
            append(journal, boot, 40 * number, 40)
            kept.change("period", 100 + number)
            kept.change("name", "n" * (1 + number))
            next_boot, journal = open_storage(config(FLASH + "/journal", 1024), print)
            assert int(next_boot, 16) == (int(boot, 16) + 1) & 0xFFFF
            boot, kept = next_boot, settings(journal)
            assert (kept.period, kept.name) == (100 + number, "n" * (1 + number))
        legal(journal)


def test_a_flash_that_is_full_of_other_things_takes_no_readings_and_drops_none():
    with Flash(10):
        journal = Journal(FLASH + "/journal", 1 << 20)
        try:
            for number in range(99):
                with open(FLASH + "/other" + str(number), "wb") as file:
                    file.write(b"x" * 4096)
        except OSError:
            pass
        done = append(journal, "9f3a", 0, 200)
        assert (done, journal.drops, journal.rows()) == (0, 0, []), (done, journal.drops, journal.rows())
        for name in ("/other0", "/other1", "/other2"):
            os.remove(FLASH + name)
        assert append(journal, "9f3a", 0, 80) == 80
        assert legal(Journal(FLASH + "/journal", 1 << 20)) == journal.rows()


def test_a_fault_of_the_flash_is_not_taken_for_want_of_room():
    with Flash() as disk:
        said = []
        boot, journal = open_storage(config(FLASH + "/journal"), said.append)
        append(journal, boot, 0, 200)
        disk.error = errno.EIO
        assert append(journal, boot, 200, 10) == 0
        assert (journal.depth(), journal.drops, said) == (200, 0, [])
        other, journal = open_storage(config(FLASH + "/journal"), said.append)
        assert (journal.depth(), journal.drops, len(said)) == (200, 0, 1)
        assert other != boot
        disk.error = 0
        assert append(journal, other, 0, 10) == 10
        assert legal(Journal(FLASH + "/journal", 1 << 18)) == [[boot, 0, 200, 0], [other, 0, 10, 0]]


def test_what_cannot_be_read_is_left_out():
    journal = empty()
    append(journal, "9f3a", 0, 300)
    os.remove(FOLDER + "/" + segment_files()[1])
    found = [seq for seq, _, _ in journal.read("9f3a", 0, 299)]
    assert 0 in found and 299 in found and len(found) < 300


def test_a_folder_that_cannot_be_made_is_said_and_readings_wait_in_ram():
    put("file", b"")
    said = []
    boot, journal = open_storage(config(FOLDER + "/file"), said.append)
    assert (len(boot), journal, len(said)) == (4, None, 1)
    assert "readings wait in RAM only" in said[0]
    said.clear()
    boot, journal = open_storage(config(""), said.append)
    assert (len(boot), journal, said) == (4, None, [])


# Boot ids and slots.


def test_boot_ids_count_up_over_the_end():
    empty()
    Slots(FOLDER + "/boot").save(0xFFFE)
    assert [open_storage(config(), print)[0] for _ in range(4)] == ["ffff", "0000", "0001", "0002"]


def test_a_boot_id_of_which_there_are_readings_is_not_used_again():
    journal = empty()
    for boot in ("0003", "0004"):
        append(journal, boot, 0, 3)
    Slots(FOLDER + "/boot").save(2)
    assert [open_storage(config(), print)[0] for _ in range(2)] == ["0005", "0006"]


def test_boot_ids_start_anywhere_when_none_is_known_or_the_known_ones_are_damaged():
    ids = set()
    for _ in range(20):
        empty()
        ids.add(open_storage(config(), print)[0])
    assert len(ids) > 15
    for _ in range(2):
        open_storage(config(), print)
    put("boot.a", b"")
    put("boot.b", b"\xff" * 4000)
    first = int(open_storage(config(), print)[0], 16)
    assert int(open_storage(config(), print)[0], 16) == (first + 1) & 0xFFFF


def test_slots_keep_the_document_before_whatever_is_cut_from_the_new_one():
    path = FOLDER + "/doc"
    for newer in (2, 3):
        empty()
        slots = Slots(path)
        assert (slots.load(), slots.damaged) == (None, False)
        for number in range(1, newer + 1):
            slots.save({"n": number})
        name = "doc." + "ab"[newer & 1]
        whole = raw(name)
        assert Slots(path).load() == {"n": newer}
        for cut in [whole[:size] for size in range(len(whole))] + [b"\xff" * len(whole), whole + b"x", whole[1:]]:
            put(name, cut)
            again = Slots(path)
            assert (again.load(), again.damaged) == ({"n": newer - 1}, False), cut
        again.save({"n": newer})
        assert raw(name) == whole  # numbers go on, and the slot that counted was not touched
        assert Slots(path).load() == {"n": newer}


def test_slots_that_are_both_damaged_say_so_and_work_again():
    empty()
    path = FOLDER + "/doc"
    slots = Slots(path)
    slots.save([1])
    slots.save([2])
    put("doc.a", b"12345678 9 [3]")
    put("doc.b", b"")
    slots = Slots(path)
    assert (slots.load(), slots.damaged) == (None, True)
    slots.save([4])
    slots = Slots(path)
    assert (slots.load(), slots.damaged) == ([4], False)
    slots.save([5])
    assert Slots(path).load() == [5]


def test_a_document_that_cannot_be_saved_leaves_the_one_before():
    with Flash() as disk:
        slots = Slots(FLASH + "/doc")
        slots.save("old")
        disk.error = errno.EIO
        try:
            slots.save("new")
            raise AssertionError("that was saved?")
        except OSError:
            disk.error = 0
        assert (slots.load(), Slots(FLASH + "/doc").load()) == ("old", "old")
        slots.save("newer")
        assert Slots(FLASH + "/doc").load() == "newer"


def test_the_folder_of_these_tests_is_gone_in_the_end():
    remove(FOLDER)
    assert files.path(FOLDER, 1) not in os.listdir("/tmp")
