"""Run by MicroPython: upy_flash.py NODE_FOLDER UPY_TESTS_FOLDER

Prints lines "case readings erases bytes" for each way to keep readings on a littlefs of 2 MB, then "time what us".
"""

# ruff: noqa: PTH102, PTH106, PTH107, PTH123, PTH208, UP031

import os
import sys
import time

sys.path[0:0] = [sys.argv[1], sys.argv[2]]

import ramdisk  # noqa: E402

from fleet_node.journal import Journal  # noqa: E402
from fleet_node.outbox import Outbox  # noqa: E402
from fleet_node.spool import Spool  # noqa: E402

LIMIT = 256 * 1024
BLOCKS = 512
MANY = 4000  # readings after which a journal of 256 KB is a ring; the figures are those of the second half
AGAIN = 32  # readings that the host asks for at once


class Clock:
    now = 0

    def ms(self):
        return self.now


class Link:
    """Up or down, and what is published is acknowledged at once."""

    up = True

    def is_up(self):
        return self.up

    def ready(self, urgent=False):
        return self.up

    def publish(self, topic, payload, retain, qos):
        return 1 if qos else 0


class Node:
    """The spool of a node that takes one reading a second; `stored` of the host comes in the same second."""

    def __init__(self, folder):
        self.clock = Clock()
        self.spool = Spool("9f3a", Journal(folder, LIMIT), self.clock, 200, 30000)
        self.box = Outbox("fleet", "ada", self.spool, self.clock)
        self.link = self.box.link = Link()
        self.settled = 0

    def second(self, host):
        self.clock.now += 1000
        self.box.put("tele", "sht4x", {"v": {"temp": 21.43, "hum": 40.1 + self.spool.seq % 7}})
        self.box.acked(1)
        self.spool.tick()
        if host:
            self.settled += AGAIN if self.settled + AGAIN < self.spool.seq else self.spool.seq - self.settled
            last = min(self.settled + AGAIN, self.spool.seq) - 1
            miss = ',"miss":[[%d,%d]]' % (self.settled, last) if last >= self.settled else ""
            self.box.stored(b'{"boot":"9f3a","seq":%d%s}' % (self.settled, miss.encode()))
            for _ in range(2 * AGAIN):
                self.box.acked(1)


class Shelf:
    """How one would do it at first: `batch` readings to an append, `size` of them to a file, the oldest goes."""

    def __init__(self, folder, batch, size):
        os.mkdir(folder)
        self.folder, self.batch, self.size = folder, batch, size
        self.seq = 0
        self.waiting = []
        self.most = LIMIT // (110 * size)

    def second(self):
        self.waiting.append(
            b'00000000 %d tele/sht4x {"boot":"9f3a","seq":%d,"up":%d,"v":{"temp":21.43,"hum":40.1}}\n'
            % (self.seq, self.seq, self.seq * 1000)
        )
        self.seq += 1
        if len(self.waiting) < self.batch:
            return
        number = (self.seq - 1) // self.size
        with open(self.folder + "/" + str(number), "ab") as file:
            for line in self.waiting:
                file.write(line)
        self.waiting = []
        if number >= self.most and self.seq % self.size == 0:
            os.remove(self.folder + "/" + str(number - self.most))


def measured(case, make, half=True):
    """`make(folder)` gives a function that lives one second."""
    disk = ramdisk.make("lfs2", BLOCKS)
    ramdisk.mount("lfs2", disk, "/flash")
    second = make("/flash/journal")
    for number in range(MANY):
        if number == (MANY // 2 if half else 0):
            disk.erased = disk.programmed = 0
        second()
    print(case, MANY // 2 if half else MANY, disk.erased, disk.programmed)
    ramdisk.unmount("/flash")


def online(folder):
    node = Node(folder)
    return lambda: node.second(True)


def offline(folder):
    node = Node(folder)
    node.link.up = False
    return lambda: node.second(False)


def by_turns(folder):
    """A host that is there for 10 minutes and away for 10."""
    node = Node(folder)

    def second():
        node.link.up = node.spool.seq // 600 % 2 == 1
        node.second(node.link.up)

    return second


def shelf(batch, size):
    def make(folder):
        return Shelf(folder, batch, size).second

    return make


def median_us(times, do):
    took = []
    for number in range(times):
        began = time.ticks_us()
        do(number)
        took.append(time.ticks_diff(time.ticks_us(), began))
    return sorted(took)[times // 2]


def times():
    folder = "/tmp/upy-flash-" + os.urandom(4).hex()
    journal = Journal(folder, LIMIT)
    fields = b'{"boot":"9f3a","seq":%d,"up":%d,"v":{"temp":21.43,"hum":40.1}}'
    batch = [(b"tele/sht4x", fields % (seq, seq * 1000), 0) for seq in range(80)]
    print("append", median_us(60, lambda number: journal.append("9f3a", number * 80, batch)))
    first = journal.rows()[0][1]
    print("read", median_us(60, lambda number: journal.read("9f3a", first + number * 16, first + number * 16 + 15)))
    print("load", median_us(5, lambda number: Journal(folder, LIMIT)), journal.depth())
    for name in os.listdir(folder):
        os.remove(folder + "/" + name)
    os.rmdir(folder)


measured("online", online, False)
measured("by-turns", by_turns, False)
measured("offline", offline)
measured("each", shelf(1, 80))
measured("twenty", shelf(20, 20))
times()
