"""Readings and events, numbered, until the host has stored them. Owns `seq`, the RAM they wait in, and the journal.

A reading is in RAM or in the journal, never in both. It goes to flash when RAM has no room for it or when the host
has been silent for too long, so that flash is not written at all while the host stores what comes. What the host
asks for again is read from where it is. Without a journal, RAM is a ring: the oldest go and are counted.
"""

import gc

from fleet_schema import payloads
from fleet_schema.delivery import MAX_KEPT, check_stored

SPARE = 20000  # bytes of heap that readings leave to the rest of the node, meta and reconnecting included
CHECK_FROM = 16  # with fewer readings in RAM than this, memory is not asked for
BATCH = 80  # readings that go to flash together once the host is late ..
LATE_MS = 3000  # .. by this
TELL_MS = (5000, 15000)  # what is not settled is told to the host after the first, then ever less often to the second
CHUNK = 16  # readings that are read from flash in one go


class Spool:
    """`journal` is a Journal or None. At most `limit` readings wait in RAM, and none for longer than `keep_ms` if it
    can go to flash. A record is (tail of its topic, payload, up), all bytes but `up`."""

    def __init__(self, boot, journal, uptime, limit, keep_ms, mem_free=gc.mem_free):
        self.boot = boot
        self.seq = 0  # of the next reading
        self.short = False  # we were asked for what we do not have
        self._journal = journal
        self._uptime = uptime
        self._limit = limit
        self._keep_ms = keep_ms
        self._mem_free = mem_free
        self._ram = []  # records, numbered from _first
        self._first = 0
        self._unsent = 0  # the first number that was not handed to the link
        self._asked = []  # (boot, first, last)
        self._chunk = []  # records of what was asked for
        self._lost = 0  # without a journal: readings that had to go
        self._quiet_since = 0  # ms of uptime: the host settled something, or we told it what we have
        self._patience_ms = TELL_MS[0]

    @property
    def drops(self):
        return self._lost + (self._journal.drops if self._journal else 0)

    def depth(self):
        """Readings that the host has not stored, as far as we know."""
        return len(self._ram) + (self._journal.depth() if self._journal else 0)

    def add(self, tail, payload, up):
        """The reading `seq`."""
        if len(self._ram) >= self._limit or self._is_tight():
            self._relieve()
        self._ram.append((tail, payload, up))
        self.seq += 1

    def next_live(self):
        """(seq, record) of the oldest that was not sent yet, or None; it counts as sent now."""
        if self._unsent == self.seq:
            return None
        self._unsent += 1
        return self._unsent - 1, self._ram[self._unsent - 1 - self._first]

    def next_asked(self):
        """The next (tail, payload) of what the host asked for, or None."""
        while not self._chunk:
            if not self._asked:
                return None
            boot, first, last = self._asked.pop(0)
            if last - first >= CHUNK:
                self._asked.insert(0, (boot, first + CHUNK, last))
                last = first + CHUNK - 1
            self._chunk = self._find(boot, first, last)
            self.short = self.short or len(self._chunk) <= last - first
        return self._chunk.pop(0)

    def link_down(self, unsure):
        """Those from the number `unsure` on were perhaps not received. What was asked for is asked for again."""
        self._unsent = max(self._first, min(self._unsent, unsure))
        self._asked, self._chunk = [], []

    def stored(self, raw):
        """Take a `stored` of the host: the boot it names; SchemaError if it is not one."""
        fields = payloads.parse("host_stored", raw)
        check_stored(fields)
        boot, seq, before = fields["boot"], fields["seq"], self.depth()
        if boot == self.boot:
            seq = min(seq, self.seq)
            self._let_go(seq - self._first)
        if self._journal:
            self._journal.settle(boot, seq, boot != self.boot)
        if fields.get("miss"):
            self._asked, self._chunk = [(boot, first, last) for first, last in fields["miss"]], []
        if self._asked or self.depth() < before:
            self._quiet_since, self._patience_ms = self._uptime.ms(), TELL_MS[0]
        return boot

    def tick(self):
        """About once a second."""
        if not self._journal:
            return
        self._journal.sweep()
        if self._ram:
            age = self._uptime.ms() - self._ram[0][2]
            if age > self._keep_ms or (age > LATE_MS and len(self._ram) >= BATCH):
                self.save()

    def save(self):
        """Everything in RAM goes to flash, as far as there is room."""
        if self._journal and self._ram:
            self._let_go(self._journal.append(self.boot, self._first, self._ram))

    def is_due(self):
        """Should the host be told what we have?"""
        if self.short:
            return True
        waits = self._ram[0][2] if self._ram else None
        if self._journal and self._journal.depth():
            waits = 0
        if waits is None:
            return False
        return self._uptime.ms() - max(waits, self._quiet_since) >= self._patience_ms

    def kept(self):
        """The fields of a journal message: all that can still be sent."""
        rows = self._journal.rows() if self._journal else []
        own = [row for row in rows if row[0] == self.boot and row[1] < row[2]]
        rows = [row for row in rows if row[0] != self.boot]
        if own and own[-1][2] == self._first:
            own[-1][2] = self.seq
        else:
            lost = self._journal.dropped.get(self.boot, (0,))[0] if self._journal else self._lost
            own.append([self.boot, self._first, self.seq, lost])
        rows += own
        self.short = False
        self._quiet_since = self._uptime.ms()
        if self.depth():
            self._patience_ms = min(self._patience_ms + TELL_MS[0], TELL_MS[1])
        if len(rows) > MAX_KEPT:
            return {"kept": rows[: MAX_KEPT - 1] + rows[-1:], "more": 1}
        return {"kept": rows}

    def _find(self, boot, first, last):
        """[(tail, payload)] of what is here of these."""
        found = [record[1:] for record in self._journal.read(boot, first, last)] if self._journal else []
        if boot == self.boot and last >= self._first:
            found += [record[:2] for record in self._ram[max(0, first - self._first) : last + 1 - self._first]]
        return found

    def _let_go(self, count):
        """The oldest `count` in RAM are stored, or on flash."""
        if count > 0:
            self._ram = self._ram[count:]
            self._first += count
            self._unsent = max(self._unsent, self._first)

    def _is_tight(self):
        if len(self._ram) < CHECK_FROM or self._mem_free() >= SPARE:
            return False
        gc.collect()
        return self._mem_free() < SPARE

    def _relieve(self):
        before = len(self._ram)
        self.save()
        if len(self._ram) < before:
            return
        count = 1 if before >= self._limit else 2  # for want of memory: the newcomer may be larger
        self._let_go(count)
        if self._journal:
            self._journal.count_drop(self.boot, count, self._first)
        else:
            self._lost += count
