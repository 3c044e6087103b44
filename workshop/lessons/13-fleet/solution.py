# The node of this project with a sensor of your own: say how it is read, and all else is done.
from fake_sensor import FakeSensor

from fleet_node import app, config, sensors


class Fake:
    NAME = "fake"
    ADDRESSES = (0,)  # of a chip on the I2C bus; ours needs none
    FIELDS = {"temp": ("Cel", "temperature")}  # what read gives: the unit, a code of SenML, and what is measured

    def __init__(self, i2c, address, sleep_ms):
        self.sensor = FakeSensor()

    async def probe(self):
        """Is it there? OSError if not."""

    async def read(self):
        return {"temp": self.sensor.read()}


sensors.DRIVERS["fake"] = Fake
app.run(config.load())
