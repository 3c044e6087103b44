# Who shakes hardest? The energy of each second becomes a score that all can see.
import asyncio
import json

from accel import open_accel
from skeleton import Node

G = 9.81  # a board that lies still measures this: up
MOST = 8 * G  # the chip measures no more on any axis: what is above is a fault, or a cheat
SAMPLES = 50  # of one score: a second

with open("config.json") as file:
    config = json.load(file)
accel = open_accel(config)
node = Node(config, sensors={"shake": {"energy": ["points", "energy"]}}, period=1000)


def is_possible(sample):
    return max([abs(axis) for axis in sample]) <= MOST


def energy(samples):
    """The mean square of what is more or less than gravity, in points."""
    total = 0
    for x, y, z in samples:
        shake = (x * x + y * y + z * z) ** 0.5 - G
        total += shake * shake
    return round(total / len(samples), 1)


async def shake():
    samples = []
    while True:
        sample = accel.read()
        if is_possible(sample):
            samples.append(sample)
        if len(samples) == SAMPLES:
            score = energy(samples)
            samples = []
            node.reading("shake", {"energy": score})
            print("energy", score)
        await asyncio.sleep_ms(20)


async def main():
    asyncio.create_task(node.run())
    await shake()


asyncio.run(main())
