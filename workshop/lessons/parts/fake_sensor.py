"""The sensor of lesson 3 with its weather: read() gives degrees."""

import random


class FakeSensor:
    def __init__(self):
        self.room = 21.0

    def read_raw(self):
        self.room = min(25, max(19, self.room + random.uniform(-0.5, 0.5)))
        return int((self.room + 45) * 65535 / 175)

    def read(self):
        return round(-45 + 175 * self.read_raw() / 65535, 1)
