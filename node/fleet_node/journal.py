"""Readings on flash, until the host has stored them. Owns the segment files; nothing else reads or writes them.

A segment is appended to until it has two blocks and is deleted as a whole, so that 80 readings cost a few erases of
flash and not 80. Its lines are "<seq> <kind>/<name> <payload>" behind a checksum; what a power cut left of the last
one ends the segment. The first line is "# <boot> [<oldest>, [[<boot>, <count>, <next>], ..]]": segments below the
number `oldest` count no more, and so many readings of a boot, all of them below `next`, had to go. The oldest segment
of a full journal is deleted only after a new one says so: a power cut leaves it kept, or counted.
"""

import json
from collections import OrderedDict

from fleet_node import journal_files as files
from fleet_node.slots import FULL

BLOCK = 4096  # bytes that flash is erased in, and a file takes at least
SEGMENT = 2 * BLOCK - 4  # littlefs keeps 4 bytes in the second block
LEAST = 6 * BLOCK  # two segments and one that goes
LOST = 8  # boots whose drops are remembered

_NUMBER, _BOOT, _FIRST, _NEXT, _SIZE = range(5)


class Journal:
    """At most `limit` bytes in `folder`, which is made; OSError if that cannot be. What cannot be read is left out."""

    def __init__(self, folder, limit):
        self.dropped = OrderedDict()  # boot -> (readings of it that had to go unsettled, they are below this number)
        self.drops = 0  # the same of all boots, since power on
        self._folder = folder
        self._limit = max(limit, LEAST)
        self._segments = []  # [number, boot, first, next, size], oldest first
        self._settled = []  # numbers of segments to be deleted, ascending
        self._teller = 0  # number of the segment with the newest first line; it stays as long as that tells of drops
        self._open = False  # may the last segment be appended to?
        self._last = 0  # the highest number of a segment
        for self._last in files.numbers(folder):
            self._load(self._last)

    def depth(self):
        """Readings that are not settled."""
        return sum([segment[_NEXT] - segment[_FIRST] for segment in self._segments])

    def rows(self):
        """[[boot, first, next, dropped]] of what is here, oldest first (docs/topics.md, journal)."""
        here = [segment[_BOOT] for segment in self._segments]
        rows = [[boot, end, end, count] for boot, (count, end) in self.dropped.items() if boot not in here]
        for _, boot, first, end, _ in self._segments:
            if rows and rows[-1][0] == boot and rows[-1][2] == first:
                rows[-1][2] = end
            else:
                rows.append([boot, first, end, self.dropped.get(boot, (0,))[0]])
        return rows

    def append(self, boot, first, records):
        """How many of `records`, [(tail, payload, ..)] numbered from `first`, are on flash now: not all of them only
        if there is no room although everything older went, or the flash is broken."""
        done = 0
        while done < len(records):
            try:
                done = self._write(boot, first + done, records, done)
            except OSError as error:
                self._open = False  # its end may be half a line
                if error.errno not in FULL or not self.drop_oldest():
                    break
        return done

    def read(self, boot, first, last):
        """[(seq, tail, payload)] of those from `first` to `last` that are here."""
        found = []
        for segment in self._segments:
            low, high = max(first, segment[_FIRST]), min(last, segment[_NEXT] - 1)
            if segment[_BOOT] == boot and low <= high:
                for parts, _ in files.read(self._folder, segment[_NUMBER]):
                    if parts[0] != b"#" and low <= int(parts[0]) <= high:
                        found.append((int(parts[0]), parts[1], parts[2]))
        return found

    def settle(self, boot, seq, over):
        """What is below `seq` of this boot is stored: let go of it. `over`: nothing will be added to this boot."""
        for segment in self._segments:
            if segment[_BOOT] == boot:
                segment[_FIRST] = max(segment[_FIRST], seq)
        self._let_go()
        here = [segment[_BOOT] for segment in self._segments]
        if over and boot not in here and seq >= self.dropped.get(boot, (0, seq + 1))[1]:
            del self.dropped[boot]  # the host has counted them

    def sweep(self):
        """Delete one settled segment; erasing flash takes long, so not all at once."""
        if self._settled and not (self._settled[0] == self._teller and self.dropped):
            files.remove(self._folder, self._settled.pop(0))

    def drop_oldest(self):
        """Make room at once: one segment goes, a settled one if there is one. False if there is none at all."""
        self._teller = 0  # or nothing would go
        if not self._settled:
            if not self._segments:
                return False
            self._give_up()
        self.sweep()
        return True

    def count_drop(self, boot, count, end):
        """So many readings below `end` of this boot were lost for want of room."""
        before, below = self.dropped.get(boot, (0, 0))
        self.dropped[boot] = (before + count, max(below, end))
        self.drops += count
        self._open = False  # the next segment will tell
        if len(self.dropped) > LOST:
            del self.dropped[next(iter(self.dropped))]

    def _write(self, boot, seq, records, done):
        """Append `records` from place `done` on, to one segment; the place behind the last one that fitted."""
        segment = self._segments[-1] if self._open and self._segments else [0, "", 0, 0, 0]
        if segment[_BOOT] != boot or segment[_NEXT] != seq:
            self._make_room()
            self._last += 1
            segment = [self._last, boot, seq, seq, 0]
        size = segment[_SIZE]
        try:
            with open(files.path(self._folder, segment[_NUMBER]), "ab") as file:
                if not size:
                    oldest = self._segments[0][_NUMBER] if self._segments else self._last
                    lost = [[name, count, end] for name, (count, end) in self.dropped.items()]
                    size = file.write(files.line(b"# %s %s" % (boot.encode(), json.dumps([oldest, lost]).encode())))
                while done < len(records):
                    line = files.line(b"%d %s %s" % (seq, records[done][0], records[done][1]))
                    if size + len(line) > SEGMENT:
                        break
                    size += file.write(line)
                    seq += 1
                    done += 1
        except OSError:
            if not segment[_SIZE]:
                self._settled.insert(0, segment[_NUMBER])
                self.sweep()
            raise
        if not segment[_SIZE]:
            self._segments.append(segment)
            self._teller = segment[_NUMBER]
        segment[_NEXT], segment[_SIZE] = seq, size  # not before the file is closed: only then it is on flash
        self._open = done == len(records)
        return done

    def _make_room(self):
        """For one more segment, beside those that go for it."""
        for _ in self._settled[:]:
            self.sweep()
        blocks = [-(-segment[_SIZE] // BLOCK) for segment in self._segments]
        while self._segments and (sum(blocks) + 4) * BLOCK > self._limit:
            blocks.pop(0)
            self._give_up()

    def _give_up(self):
        """The oldest segment is to be deleted, and what it has is dropped."""
        _, boot, first, end, _ = self._segments[0]
        self._segments[0][_FIRST] = end
        self._let_go()
        self.count_drop(boot, end - first, end)

    def _let_go(self):
        """Segments in which nothing is left are to be deleted."""
        self._settled += [segment[_NUMBER] for segment in self._segments if segment[_FIRST] >= segment[_NEXT]]
        self._settled.sort()
        self._segments = [segment for segment in self._segments if segment[_FIRST] < segment[_NEXT]]

    def _load(self, number):
        segment = [number, "", 0, 0, 0]
        try:
            for parts, segment[_SIZE] in files.read(self._folder, number):
                if parts[0] == b"#":
                    self._teller, segment[_BOOT] = number, parts[1].decode()
                    oldest, lost = json.loads(parts[2])
                    self.dropped = OrderedDict([(name, (count, end)) for name, count, end in lost])
                    self._settled += [one[_NUMBER] for one in self._segments if one[_NUMBER] < oldest]
                    self._segments = [one for one in self._segments if one[_NUMBER] >= oldest]
                    continue
                seq = int(parts[0])
                if not segment[_NEXT]:
                    segment[_FIRST] = seq
                    for before in self._segments:  # a write that failed half way was done again
                        if before[_BOOT] == segment[_BOOT]:
                            before[_NEXT] = min(before[_NEXT], seq)
                segment[_NEXT] = seq + 1
        except ValueError:
            pass  # what was read so far counts
        self._segments.append(segment)
        self._let_go()
