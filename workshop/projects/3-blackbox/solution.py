# A black box: what it measures while nobody listens waits on its flash, and is told later, with its true time.
import asyncio
import json
import os

from fake_sensor import FakeSensor
from skeleton import Node

FILE = "box.csv"  # one reading a line: boot, seq, up, degrees
KEEP = 500  # readings; if there are more, the oldest go
REMIND_MS = 3000

with open("config.json") as file:
    config = json.load(file)
sensor = FakeSensor()


class Box:
    """The readings that the host has not stored yet, the oldest first: in RAM, and on flash once nobody listens."""

    def __init__(self):
        self.rows = self._load()
        self.flashed = len(self.rows)  # so many of them, the first ones, are in FILE
        self.lines = 2 * KEEP  # of FILE; too many, so that it is made anew: after a power cut its last may be torn
        self.dropped = 0

    def _load(self):
        rows = []
        try:
            with open(FILE) as file:
                for line in file:
                    if line.endswith("\n"):  # else the power went in the middle of it
                        boot, seq, up, temp = line.strip().split(",")
                        rows.append((boot, int(seq), int(up), float(temp)))
        except OSError:
            pass  # there is no file: all was told
        return rows

    def add(self, row):
        self.rows.append(row)
        if len(self.rows) > KEEP:
            self.dropped += self.rows.pop(0)[0] == node.boot
            self.flashed = max(0, self.flashed - 1)

    def write(self, row):
        """The newest to flash; whatever waited before it in RAM comes with it."""
        if self.flashed and self.flashed == len(self.rows) - 1 and self.lines < 2 * KEEP:
            with open(FILE, "a") as file:
                file.write("%s,%d,%d,%.1f\n" % row)
            self.lines += 1
        else:  # the first of a gap, or the file has grown too long: make it anew, whole or not at all
            with open(FILE + ".new", "w") as file:
                for one in self.rows:
                    file.write("%s,%d,%d,%.1f\n" % one)
            os.rename(FILE + ".new", FILE)
            self.lines = len(self.rows)
        self.flashed = len(self.rows)

    def settle(self, boot, seq):
        """The host has stored all of this boot below `seq`."""
        had = self.flashed
        self.flashed = len([row for row in self.rows[:had] if row[0] != boot or row[1] >= seq])
        self.rows = [row for row in self.rows if row[0] != boot or row[1] >= seq]
        if had and not self.flashed:
            os.remove(FILE)

    def kept(self):
        """For the journal: [boot, first, next, dropped] of every boot, the own one last."""
        found = []
        for boot, seq, _, _ in self.rows:
            if not found or found[-1][0] != boot:
                found.append([boot, seq, seq, 0])
            found[-1][2] = seq + 1
        if not found or found[-1][0] != node.boot:
            found.append([node.boot, node.seq, node.seq, 0])
        found[-1][3] = self.dropped
        return found[-12:]


def tell(row, late):
    """True if the broker has it."""
    boot, seq, up, temp = row
    reading = {"boot": boot, "seq": seq, "up": up, "v": {"temp": temp}}
    if late:
        reading["hist"] = 1
    return node.say("tele/box", reading)


def hear(who, kind, name, message):
    if kind != "stored":
        return
    boot = message["boot"]
    box.settle(boot, message["seq"])
    for first, last in message.get("miss", []):
        for row in box.rows:
            if row[0] == boot and first <= row[1] <= last:
                tell(row, True)


async def measure():
    while True:
        row = (node.boot, node.seq, node.up(), sensor.read())
        node.seq += 1
        box.add(row)
        if tell(row, False):
            print("reading", row[1], "told")
        else:
            box.write(row)
            print("reading", row[1], "waits, with", len(box.rows) - 1, "before it")
        await asyncio.sleep_ms(config["period"])


async def remind():
    """The host may have been away when we connected: say again what waits here."""
    while True:
        await asyncio.sleep_ms(REMIND_MS)
        if box.rows:
            node.say_journal()


box = Box()
sensors = {"box": {"temp": ["Cel", "temperature"]}}
node = Node(config, hear, ["_host/stored/" + config["node"]], box.kept, sensors=sensors, period=config["period"])


async def main():
    asyncio.create_task(node.run())
    asyncio.create_task(remind())
    await measure()


asyncio.run(main())
