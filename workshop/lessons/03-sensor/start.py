# A sensor that is not there: it speaks as an SHT4x does, and a task is its weather.
import asyncio
import random


class FakeSensor:
    """An SHT4x says a number from 0 to 65535 for -45 to 130 degrees: so does this one."""

    def __init__(self):
        self.room = 21.0

    def read_raw(self):
        return int((self.room + 45) * 65535 / 175)

    def read(self):
        # TODO: degrees with one decimal, by the formula of the data sheet: -45 + 175 * raw / 65535
        return self.read_raw()


async def weather(sensor):
    while True:
        sensor.room = min(25, max(19, sensor.room + random.uniform(-0.5, 0.5)))
        await asyncio.sleep_ms(50)


async def report(sensor):
    for n in range(1, 6):
        print("reading", n, "temp", sensor.read(), "C")
        await asyncio.sleep_ms(100)


async def main():
    sensor = FakeSensor()
    asyncio.create_task(weather(sensor))
    await report(sensor)


asyncio.run(main())
