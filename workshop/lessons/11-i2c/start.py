# An AHT20 on the I2C bus: who answers, what it measures, how long that takes, and what to do when a wire is loose.
import asyncio
import time

import board
from ahtx0 import AHT20
from machine import I2C, Pin

i2c = I2C(board.I2C, sda=Pin(board.SDA), scl=Pin(board.SCL), freq=100000)


async def measure():
    # TODO: a loose wire is an OSError, here and when it is set up: print("no answer: is a wire loose?"), and go on. A
    # sensor that comes back has forgotten everything: it needs a new AHT20(i2c)
    sensor = AHT20(i2c)
    while True:
        begun = time.ticks_ms()
        temp = sensor.temperature
        print("temp %.1f C, held the loop for %d ms" % (temp, time.ticks_diff(time.ticks_ms(), begun)))
        await asyncio.sleep_ms(200)


async def main():
    print("on the bus:", [hex(address) for address in i2c.scan()])
    await measure()


asyncio.run(main())
