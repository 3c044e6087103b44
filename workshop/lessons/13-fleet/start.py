# The node of this project with a sensor of your own: say how it is read, and all else is done.
from fake_sensor import FakeSensor

from fleet_node import app, config


class Fake:
    NAME = "fake"
    ADDRESSES = (0,)  # of a chip on the I2C bus; ours needs none
    FIELDS = {}  # TODO: what read gives is "temp", its unit "Cel" (a code of SenML), and it is a "temperature"

    def __init__(self, i2c, address, sleep_ms):
        self.sensor = FakeSensor()

    async def probe(self):
        """Is it there? OSError if not."""

    async def read(self):
        return {}  # TODO: a value for each of FIELDS


# TODO: sensors.DRIVERS (from fleet_node import sensors) has every sensor by its name: put the class Fake there too
app.run(config.load())
