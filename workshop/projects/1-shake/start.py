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
    return True  # TODO: no axis of a sample measures more than MOST, neither up nor down


def energy(samples):
    """The mean square of what is more or less than gravity, in points."""
    return 0.0  # TODO: the length of each (x, y, z) less G, squared; and the mean of all


async def shake():
    samples = []
    while True:
        sample = accel.read()
        if is_possible(sample):
            samples.append(sample)
        if samples:  # TODO: one score a second, of SAMPLES samples: nobody wins by sending more
            score = energy(samples)
            samples = []
            node.reading("shake", {"energy": score})
            print("energy", score)
        await asyncio.sleep_ms(20)


async def main():
    asyncio.create_task(node.run())
    await shake()


asyncio.run(main())
