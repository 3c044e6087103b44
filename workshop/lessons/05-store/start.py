# Readings that survive a power cut, in a file that never grows beyond its bound.
import asyncio
import os

from fake_sensor import FakeSensor

FILE = "readings.csv"
KEEP = 20  # the newest; all others are forgotten
EVERY = 5  # readings between two writes: flash wears out by writing

sensor = FakeSensor()


def load():
    try:
        with open(FILE) as file:
            return [line.strip() for line in file]
    except OSError:
        return []  # the first start


def save(rows):
    with open(FILE + ".new", "w") as file:
        for row in rows:
            file.write(row + "\n")
    os.rename(FILE + ".new", FILE)  # a power cut leaves the old file or the new one


async def main():
    rows = []  # TODO: begin with what is in the file
    print("loaded", len(rows), "readings")
    n = int(rows[-1].split(",")[0]) if rows else 0
    for _ in range(30):  # on a real node: while True
        n += 1
        rows.append("%d,%.1f" % (n, sensor.read()))
        # TODO: forget the oldest when there are more than KEEP
        if n % EVERY == 0:
            save(rows)
            print("stored", len(rows), "readings, the last is number", n)
        await asyncio.sleep_ms(20)


asyncio.run(main())
