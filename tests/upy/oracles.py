"""Published drivers, unmodified, on our simulated bus: they must read what our own drivers read.

Run on MicroPython by test_oracles.py, which puts the installed packages on the path.
"""

import asyncio
import time

import machine
from upy_sensors import bench, probed

ROOMS = ((21.5, 47.25, 1013.25), (-5.25, 12.5, 955.0), (38.75, 91.0, 1042.5))


def agree(what, oracle, ours, within):
    assert abs(oracle - ours) <= within, what + ": oracle " + str(oracle) + ", ours " + str(ours)


def rooms(world):
    for temp, hum, press in ROOMS:
        world.apply("set temp " + str(temp))
        world.apply("set hum " + str(hum))
        world.apply("set press " + str(press))
        yield temp


def ready(driver):
    asyncio.run(probed(driver))


def read(driver):
    return asyncio.run(driver.read())


def test_micropython_ahtx0_agrees_with_our_aht20():
    import ahtx0

    world, _, _, (ours,) = bench("aht20")
    ready(ours)
    oracle = ahtx0.AHT20(machine.I2C(0))
    for temp in rooms(world):
        got = read(ours)
        agree("temp", oracle.temperature, got["temp"], 0.01)
        agree("hum", oracle.relative_humidity, got["hum"], 0.01)
        agree("truth", temp, got["temp"], 0.01)


def test_micropython_mpu6886_agrees_with_our_mpu6886():
    import mpu6886

    world, _, _, (ours,) = bench("mpu6886")
    world.apply("set temp 23.4")
    ready(ours)
    for range_bits in (mpu6886.ACCEL_FS_SEL_2G, mpu6886.ACCEL_FS_SEL_16G):
        oracle = mpu6886.MPU6886(machine.I2C(0), accel_fs=range_bits)
        time.sleep_ms(30)
        for tilt in ("0 0 1", "0.7 -0.7 0.1", "-1.9 0.3 -0.6"):
            world.apply("tilt " + tilt)
            x, y, z = oracle.acceleration
            celsius = oracle.temperature
            ready(ours)  # both use the one chip, in different ranges
            got = read(ours)
            oracle._accel_fs(range_bits)
            for what, value in (("ax", x), ("ay", y), ("az", z)):
                agree(what, value, got[what], 0.015)
            agree("temp", celsius, got["temp"], 0.01)


def test_bme280_upy_agrees_with_our_bmp280():
    """Humidity is held against the world, for we do not read it; and with dig_H6 = 0 only: version 2.1.0 scales

    that term with the humidity where the BME280 datasheet (4.2.3) scales it with the temperature: 0.5 %RH off.
    """
    import bme280

    world, _, bus, (ours,) = bench("bme280")
    bus[0x76].H = bus[0x76].H[:5] + (0,)
    bus[0x76].power_on()
    ready(ours)
    for how in (bme280.CALC_FLOAT, bme280.CALC_INT32, bme280.CALC_INT64):
        oracle = bme280.BME280(i2cBus=machine.I2C(0), calc=how)
        for _ in rooms(world):
            temp, hum, press = oracle.readForced(pressureOversampling=bme280.OVSMPL_4)
            got = read(ours)
            agree("temp", temp, got["temp"], 0.011)
            agree("press", press / 100, got["press"], 0.04 if how == bme280.CALC_INT32 else 0.011)
            agree("hum", hum * 100, world.hum(), 0.1)


def test_micropython_sht4x_agrees_with_our_sht4x_where_conversions_take_no_time():
    """It reads without waiting for the measurement: on a chip that keeps its times it gets no ACK."""
    from micropython_sht4x import sht4x

    world, _, bus, (ours,) = bench("sht4x")
    ready(ours)
    oracle = sht4x.SHT4X(machine.I2C(0))
    try:
        early = oracle.measurements
    except OSError as error:
        assert error.errno == 19
    else:
        raise AssertionError("the chip answered before it had measured: " + str(early))
    time.sleep_ms(20)
    bus[0x44].instant = True
    for _ in rooms(world):
        temp, hum = oracle.measurements
        got = read(ours)
        agree("temp", temp, got["temp"], 0.01)
        agree("hum", hum, got["hum"], 0.01)
