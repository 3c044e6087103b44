"""F1: the power goes off at any change of the flash, before it, after it or in its middle, on littlefs and on FAT.

A life of a node is lived once on a RAM disk that notes every change. For each of them the disk is then rebuilt as it
was at that moment, a node starts on it, and what it finds is compared with what had been promised until then.
"""

import random

import ramdisk

from fleet_node.journal import LOST
from fleet_node.settings import Settings
from fleet_node.storage import open_storage

LIMIT_KB = 24  # three segments: the journal is full soon
CHAINS, CUTS = 6, 25  # lives of so many power cuts in a row


def config(where, limit_kb=LIMIT_KB):
    return {
        "journal": where + "/journal",
        "journal_kb": limit_kb,
        "state": where + "/state",
        "name": "Ada",
        "groups": [],
        "period": 100,
    }


def payload(boot, seq):
    return b'{"boot":"%s","seq":%d,"up":%d,"v":{"x":"%s"}}' % (boot.encode(), seq, seq * 1000, b"x" * 150)


def records(boot, first, count):
    return [(b"tele/sht4x", payload(boot, seq), seq) for seq in range(first, first + count)]


class Promise:
    """What a node may rely on at one moment of its life."""

    def __init__(self):
        self.boots = []  # ids that were given out
        self.tried = {}  # boot -> what was handed to append() ends before this number
        self.safe = {}  # boot -> and what it said is on flash before this one
        self.settled = {}
        self.told = {}  # boot -> how many of it were dropped, as the host knows: it had a journal before it settled any
        self.periods = [100]  # any of these
        self.exact = True  # what had to go is counted

    def copy(self):
        other = Promise()
        other.boots, other.periods, other.exact = self.boots[:], self.periods[:], self.exact
        other.tried, other.safe = self.tried.copy(), self.safe.copy()
        other.settled, other.told = self.settled.copy(), self.told.copy()
        return other

    def happened(self, what, *args):
        if what == "boot":
            self.boots.append(args[0])
        elif what == "set":
            self.periods.append(args[0])
        elif what == "is":
            self.periods = [args[0]]
        elif what == "told":
            for boot, _, _, dropped in args[0]:
                self.told[boot] = max(self.told.get(boot, 0), dropped)
        else:
            numbers = {"try": self.tried, "safe": self.safe, "settled": self.settled}[what]
            numbers[args[0]] = max(numbers.get(args[0], 0), args[1])

    def spoil(self, count):
        """The last `count` readings may be gone."""
        if count and self.boots:
            boot = self.boots[-1]
            self.tried[boot] = max(self.tried.get(boot, 0), self.safe.get(boot, 0))
            self.safe[boot] = max(0, self.safe.get(boot, 0) - count)

    def check(self, journal):
        """AssertionError if the journal does not keep it; how many readings are there."""
        rows, found = journal.rows(), {}
        for boot, first, end, dropped in rows:
            here = found.setdefault(boot, [])
            assert first <= end and (not here or here[-1] < first), ("F-KEPT-2", rows)
            for seq, tail, raw in journal.read(boot, first, end - 1):
                assert (tail, raw) == (b"tele/sht4x", payload(boot, seq)), ("not what was written", boot, seq, raw)
                here.append(seq)
            assert here[len(here) - (end - first) :] == list(range(first, end)), ("rows promise too much", rows, here)
            assert dropped == journal.dropped.get(boot, (0, 0))[0]
        assert journal.depth() == sum([len(here) for here in found.values()]), (journal.depth(), rows)
        kept = False  # something older was found
        for boot in self.boots:
            here, safe, settled = found.pop(boot, []), self.safe.get(boot, 0), self.settled.get(boot, 0)
            missing = [seq for seq in range(settled, safe) if seq not in here]
            assert not (kept and missing), ("not the oldest are missing", boot, missing, rows)
            assert not here or not missing or max(missing) < max(here[0], settled), ("a hole", boot, missing, here)
            kept = kept or bool(here)
            count, end = journal.dropped.get(boot, (0, 0))
            if not self.exact or (len(journal.dropped) == LOST and boot not in journal.dropped):
                continue  # of older boots it does not remember how many
            assert len(missing) <= max(count, self.told.get(boot, 0)), (
                "lost and not counted",
                boot,
                missing,
                journal.dropped,
                rows,
            )
            most = max(safe, self.tried.get(boot, 0)) - len(here)
            assert count <= most, ("counted and not lost", boot, missing, journal.dropped, rows)
            assert not count or not missing or missing[-1] < end, ("dropped above the mark", boot, missing, end)
            more, start = [seq for seq in here if seq >= safe], max(safe, end)
            assert more == list(range(start, start + len(more))), ("not a prefix of the batch under way", boot, more)
            assert not more or more[-1] < self.tried[boot], ("never appended", boot, more)
        assert not found, ("boots that never were", found)
        return journal.depth()


class Life:
    """A node on one disk: does things, and tells `note` what it was promised."""

    def __init__(self, where, note, promise=None, limit_kb=LIMIT_KB):
        self.note = note
        said = []
        self.boot, self.journal = open_storage(config(where, limit_kb), said.append)
        assert self.journal and not said, said
        if promise:
            assert self.boot not in promise.boots, ("a boot id comes again", self.boot, promise.boots)
        note("boot", self.boot)
        self.settings = Settings(config(where), said.append, self.journal)
        self.settings.fits = lambda: None
        if promise:
            assert self.settings.period in promise.periods, (self.settings.period, promise.periods, said)
        self.seq = 0

    def append(self, count):
        self.note("try", self.boot, self.seq + count)
        done = self.journal.append(self.boot, self.seq, records(self.boot, self.seq, count))
        assert done == count, (done, count)
        self.seq += count
        self.note("safe", self.boot, self.seq)

    def settle(self, boot, seq, over=False):
        if over:
            self.note("told", self.journal.rows())
        self.note("settled", boot, seq)
        self.journal.settle(boot, seq, over)
        self.journal.sweep()

    def change(self, period):
        self.note("set", period)
        self.settings.change("period", period)
        self.note("is", period)


def live(where, note):
    """Three boots: segments roll over, are settled and swept, and the limit makes the oldest go."""
    life = Life(where, note)
    for count in (3, 1, 7, 12):
        life.append(count)
    life.change(200)
    life.settle(life.boot, 9)
    life.append(30)
    first = life.boot
    life = Life(where, note)
    life.append(40)
    life.settle(first, 30)
    life.change(300)
    for _ in range(6):
        life.append(11)
    life.settle(first, 53, True)
    life.journal.sweep()
    life.append(9)
    life.settle(life.boot, 100)
    life = Life(where, note)
    life.append(80)
    life.change(400)
    life.append(60)


def live_on_little(where, note):
    """The flash is full long before the journal is."""
    for _ in range(2):
        life = Life(where, note, None, 1024)
        for count in (20, 30, 60, 40):
            life.append(count)
            life.change(count + 100)


def every_cut(kind, blocks=0, live=live, exact=True, spoiled=0):
    """`spoiled`: a torn change costs so many of the last readings in the file that was changed."""
    empty = ramdisk.make(kind, blocks)
    disk, start = empty.copy(), empty.copy()
    disk.log, events = [], []
    ramdisk.mount(kind, disk, "/flash")
    live("/flash", lambda *what: events.append((len(disk.log), what)))
    ramdisk.unmount("/flash")
    log, promise, points, kept = disk.log, Promise(), 0, 0
    promise.exact = exact
    for moment in range(len(log) + 1):
        while events and events[0][0] <= moment:
            promise.happened(*events.pop(0)[1])
        for torn in ([] if spoiled else [False]) + ([True] if moment < len(log) else []):
            cut, then = start.copy(), promise.copy()
            if torn:
                cut.shreds = spoiled > 0
                cut.apply(log[moment], True)
                then.spoil(spoiled)
            try:
                kept += starts_again(kind, cut, then)
            except Exception as error:
                print(kind, "moment", moment, "of", len(log), "torn" if torn else "whole", log[moment : moment + 1])
                raise error
            points += 1
        if moment < len(log):
            start.apply(log[moment])
    print("power cut at", points, "moments of", len(log), "changes on", kind + ";", kept // points, "readings kept")


def starts_again(kind, disk, promise):
    """Start on that disk, look, write on, and start once more."""
    try:
        ramdisk.mount(kind, disk, "/cut")
        life = Life("/cut", promise.happened, promise)
        kept = promise.check(life.journal)
        life.append(5)
        life.change(500)
        promise.check(life.journal)
        ramdisk.unmount("/cut")
        ramdisk.mount(kind, disk, "/cut")
        life = Life("/cut", promise.happened, promise)
        promise.check(life.journal)
        return kept
    finally:
        ramdisk.unmount("/cut")


def again_and_again(kind, seed):
    """Power that comes and goes: each time somewhere in the first changes after it came back."""
    random.seed(seed)
    disk, promise = ramdisk.make(kind).rest(), Promise()
    for _ in range(CUTS):
        disk.left, disk.torn = random.randrange(3, 120), random.randrange(2)
        try:
            ramdisk.mount(kind, disk, "/cut")
            life = Life("/cut", lambda *what, disk=disk: disk.error or promise.happened(*what), promise)
            promise.check(life.journal)
            while not disk.error:
                what = random.randrange(8)
                if what < 5:
                    life.append(random.randrange(1, 40))
                elif what < 6:
                    life.change(random.randrange(100, 1000))
                else:
                    boot = random.choice(promise.boots[-3:])
                    life.settle(boot, random.randrange(promise.safe.get(boot, 0) + 1), boot != life.boot)
        except Exception:
            if not disk.error:
                raise
        finally:
            ramdisk.unmount("/cut")
        disk = disk.rest()
    starts_again(kind, disk, promise)


def test_F01_littlefs_keeps_what_was_promised_wherever_the_power_goes_off():
    every_cut("lfs2")


def test_F01_fat12_keeps_what_was_promised_wherever_the_power_goes_off():
    every_cut("fat12")


def test_F01_fat16_keeps_what_was_promised_wherever_the_power_goes_off():
    every_cut("fat16")


def test_F01_a_sector_that_is_lost_when_half_written_costs_no_more_than_the_readings_in_it():
    # FAT appends by writing the file's last sector again, littlefs never touches what was written. So on flash that is
    # erased before it is written, under FAT, a cut in an append may cost the 3 readings that share the sector with it.
    every_cut("fat12", spoiled=3)
    every_cut("fat16", spoiled=3)


def test_F01_a_full_flash_loses_only_the_oldest_wherever_the_power_goes_off():
    # Here the oldest must go before there is room to say so: a cut between the two leaves them uncounted.
    every_cut("lfs2", 12, live_on_little, exact=False)


def test_F01_power_that_goes_off_again_and_again_loses_no_promise_on_any_file_system():
    for kind in ramdisk.FILE_SYSTEMS:
        for seed in range(CHAINS):
            try:
                again_and_again(kind, seed)
            except Exception as error:
                print(kind, "seed", seed)
                raise error
        print(CHAINS * CUTS, "power cuts in", CHAINS, "lives on", kind)
