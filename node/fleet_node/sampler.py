"""Reads one sensor in its period, for ever. Owns the driver; a sensor that is gone gives null until it is back."""

import asyncio
import time

SLICE_MS = 200  # a changed period is noticed within this time
REST = 4  # a stuck bus holds the loop for its timeout: so many times as long it is left alone
POWER_UP_MS = 100  # sensors powered together with the board need up to this long to start


class Sampler:
    """`settings.period` in ms; `put(kind, name, fields, up)` takes the readings, `warn(text)` is for a person.
    While `paused()` the sensor is left alone."""

    def __init__(self, name, driver, i2c, settings, uptime, paused, put, warn):
        self.name = name
        self.fields = driver.FIELDS
        self.errors = 0
        self._driver = driver
        self._i2c = i2c
        self._settings = settings
        self._uptime = uptime
        self._paused = paused
        self._put = put
        self._warn = warn
        self._sensor = None
        self._missed = False
        self._turns = 0
        self._again = time.ticks_ms()  # not before this is a sensor that is gone looked for again

    async def run(self):
        await asyncio.sleep_ms(POWER_UP_MS)
        due = time.ticks_ms()
        while True:
            if not self._paused():
                up = self._uptime.ms()
                self._put("tele", self.name, {"v": await self.sample()}, up)
            last = due
            await asyncio.sleep_ms(0)  # a bus that takes longer than the period: others want to live too
            while True:
                self._turns += 1
                due = time.ticks_add(last, self._settings.period)
                wait_ms = time.ticks_diff(due, time.ticks_ms())
                if wait_ms <= 0:
                    break
                await asyncio.sleep_ms(min(wait_ms, SLICE_MS))
            if wait_ms < -self._settings.period:  # far behind: go on from here, do not catch up in a burst
                due = time.ticks_ms()

    def turns(self):
        """Another number than before, unless this task is stuck."""
        return self._turns

    async def sample(self):
        """{field: number or None}; all None if the sensor does not answer or answers nonsense."""
        began = time.ticks_ms()
        if self._sensor is None and time.ticks_diff(self._again, began) > 0:
            self.errors += 1
            return {field: None for field in self.fields}
        try:
            if self._sensor is None:
                self._sensor = await self._find()
            values = await self._sensor.read()
        except (OSError, ValueError) as error:
            self._failed(error)
            now = time.ticks_ms()
            self._again = time.ticks_add(now, REST * time.ticks_diff(now, began))
            values = {}
        else:
            if self._missed:
                self._missed = False
                self._warn(self.name + " is back")
        return {field: _finite(values.get(field)) for field in self.fields}

    async def _find(self):
        for address in self._driver.ADDRESSES:
            sensor = self._driver(self._i2c, address, asyncio.sleep_ms)
            try:
                await sensor.probe()
                return sensor
            except OSError as error:
                missing = error
        raise missing

    def _failed(self, error):
        """It is looked for again before the next read: it may have lost its settings with its power."""
        self.errors += 1
        self._sensor = None
        if not self._missed:
            self._missed = True
            self._warn(self.name + " does not answer: " + str(error))


def _finite(value):
    """NaN and the infinities are not JSON."""
    return value if value is not None and value - value == 0 else None
