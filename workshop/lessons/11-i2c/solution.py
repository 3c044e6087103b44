# An AHT20 on the I2C bus: who answers, what it measures, how long that takes, and what to do when a wire is loose.
import asyncio
import time

import board
from ahtx0 import AHT20
from machine import I2C, Pin

i2c = I2C(board.I2C, sda=Pin(board.SDA), scl=Pin(board.SCL), freq=100000)


async def measure():
    sensor = None
    while True:
        try:
            if sensor is None:
                sensor = AHT20(i2c)
            begun = time.ticks_ms()
            temp = sensor.temperature
            print("temp %.1f C, held the loop for %d ms" % (temp, time.ticks_diff(time.ticks_ms(), begun)))
        except OSError:
            print("no answer: is a wire loose?")
            sensor = None  # it had no power meanwhile: it must be set up anew
        await asyncio.sleep_ms(200)


async def main():
    print("on the bus:", [hex(address) for address in i2c.scan()])
    await measure()


asyncio.run(main())
