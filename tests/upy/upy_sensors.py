"""Our drivers on simulated chips that keep their datasheets' times: right values, named errors, a free loop."""

import asyncio
import time

import devices
import machine
from plugs import Plugs
from world import World

from fleet_node import sensors

NAMES = ("sht4x", "bmp280", "aht20", "mpu6886")
WITHIN = {"temp": 0.02, "hum": 0.02, "press": 0.02, "ax": 0.02, "ay": 0.02, "az": 0.02}


def bench(*names):
    """(world, plugs, bus dict, drivers): a quiet world and these chips, just powered."""
    world = World("bench", time.ticks_ms, noise=0)
    bus = machine.bus(0)
    bus.clear()
    plugs = Plugs(bus, world)
    drivers = []
    i2c = machine.I2C(0)
    for name in names:
        plugs.plug(name)
        cls = sensors.load(name if name != "bme280" else "bmp280")
        drivers.append(cls(i2c, devices.DEVICES[name][2], asyncio.sleep_ms))
    return world, plugs, bus, drivers


async def probed(driver, within_ms=500):
    """Probe until it works: a chip that was just plugged in starts up first."""
    start = time.ticks_ms()
    while True:
        try:
            return await driver.probe()
        except OSError as error:
            assert time.ticks_diff(time.ticks_ms(), start) < within_ms, driver.NAME + ": " + repr(error)
            await asyncio.sleep_ms(5)


async def error_of(coroutine):
    try:
        value = await coroutine
    except Exception as error:
        return error
    raise AssertionError("no error, but " + repr(value))


def close(got, wanted):
    for field in wanted:
        assert abs(got[field] - wanted[field]) <= WITHIN[field], field + ": got " + str(got) + ", wanted " + str(wanted)


async def test_every_sensor_reads_the_world_within_its_resolution():
    world, _, _, drivers = bench(*NAMES)
    for driver in drivers:
        await probed(driver)
    for temp, hum, press in ((21.5, 47.25, 1013.25), (-12.3, 5.0, 930.0), (39.99, 99.0, 1071.7), (0.0, 0.0, 871.2)):
        for what, value in (("temp", temp), ("hum", hum), ("press", press)):
            world.apply("set " + what + " " + str(value))
        world.apply("tilt 0.5 -0.25 0.8")
        truth = {"temp": temp, "hum": hum, "press": press, "ax": 4.903, "ay": -2.452, "az": 7.845}
        for driver in drivers:
            got = await driver.read()
            assert set(got) == set(driver.FIELDS), got
            close(got, {field: truth[field] for field in got})


async def test_a_bme280_is_read_by_the_bmp280_driver():
    world, _, _, (driver,) = bench("bme280")
    world.apply("set temp 18.4")
    world.apply("set press 987.6")
    await probed(driver)
    close(await driver.read(), {"temp": 18.4, "press": 987.6})


async def test_a_shaken_board_shows_more_than_gravity():
    world, _, _, (driver,) = bench("mpu6886")
    await probed(driver)
    world.apply("shake 5000")
    strongest = 0
    for _ in range(50):
        got = await driver.read()
        strongest = max(strongest, abs(got["ax"]), abs(got["ay"]))
    assert 10 < strongest <= 20, strongest


async def test_a_wrong_checksum_is_a_value_error():
    _, _, bus, drivers = bench("sht4x", "aht20")
    for driver in drivers:
        await probed(driver)
        bus[driver.ADDRESSES[0]].corrupt = True
        error = await error_of(driver.read())
        assert isinstance(error, ValueError) and "checksum" in str(error), repr(error)


async def test_an_absent_chip_is_an_os_error():
    _, plugs, _, drivers = bench(*NAMES)
    for driver in drivers:
        plugs.unplug(driver.NAME)
        error = await error_of(driver.probe())
        assert isinstance(error, OSError) and error.errno == 19, repr(error)


async def test_another_chip_at_the_address_is_an_os_error():
    """Each driver meets each other chip at its own address."""
    _, _, bus, drivers = bench(*NAMES)
    for driver in drivers:
        for name in NAMES:
            if name == driver.NAME:
                continue
            _, bus[driver.ADDRESSES[0]] = devices.make(name, World("x", time.ticks_ms))
            await asyncio.sleep_ms(60)
            try:
                await driver.probe()
            except OSError:
                continue
            assert isinstance(await error_of(driver.read()), (OSError, ValueError)), driver.NAME + " accepts " + name


async def test_a_sensor_that_was_pulled_and_put_back_is_found_by_a_new_probe():
    world, plugs, _, drivers = bench(*NAMES)
    world.apply("set temp 20")
    for driver in drivers:
        await probed(driver)
        plugs.unplug(driver.NAME)
        assert isinstance(await error_of(driver.read()), OSError)
        plugs.plug(driver.NAME)
        await probed(driver)
        close(await driver.read(), {"temp": 20})


async def test_a_chip_that_lost_its_settings_is_not_believed():
    """Pulled and put back between two reads: the chip answers, but with the zeros of a fresh start."""
    _, plugs, _, drivers = bench("mpu6886", "aht20")
    for driver in drivers:
        await probed(driver)
        plugs.unplug(driver.NAME)
        plugs.plug(driver.NAME)
        await asyncio.sleep_ms(60)
        assert isinstance(await error_of(driver.read()), ValueError), driver.NAME


class Stopwatch:
    """Measures what a driver does between two waits: that long, no other task runs."""

    def __init__(self):
        self.shortest = []  # us of each stretch, the best of all rounds: a PC may take the CPU away at any time
        self._since = 0
        self._at = 0

    async def sleep_ms(self, ms):
        self._stretch()
        await asyncio.sleep_ms(ms)
        self._since = time.ticks_us()

    async def time(self, coroutine):
        self._at = 0
        self._since = time.ticks_us()
        await coroutine
        self._stretch()

    def _stretch(self):
        us = time.ticks_diff(time.ticks_us(), self._since)
        if self._at == len(self.shortest):
            self.shortest.append(us)
        self.shortest[self._at] = min(us, self.shortest[self._at])
        self._at += 1


async def test_no_driver_holds_the_loop_over_5_ms():
    _, _, _, drivers = bench(*NAMES)
    for driver in drivers:
        await probed(driver)
        for call in ("probe", "read"):
            watch = Stopwatch()
            timed = sensors.load(driver.NAME)(machine.I2C(0), driver.ADDRESSES[0], watch.sleep_ms)
            await timed.probe()
            watch.shortest.clear()
            for _ in range(10):
                await watch.time(getattr(timed, call)())
            assert max(watch.shortest) < 5000, driver.NAME + " " + call + ", us: " + str(watch.shortest)


async def test_the_bmp280_arithmetic_is_that_of_the_datasheets_example():
    """Section 3.12: raw 519888 and 415148 are 25.08 Cel and 100653.27 Pa."""
    _, _, _, (driver,) = bench("bmp280")
    await probed(driver)
    fine = driver._fine(519888)
    assert (fine * 5 + 128) >> 8 == 2508
    assert abs(driver._press(415148, fine) / 256 - 100653.27) < 0.1, driver._press(415148, fine) / 256
