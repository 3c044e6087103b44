# Two tasks take turns: one blinks, the other waits for a slow sensor.
import asyncio


async def blink():
    n = 0
    while True:
        n += 1
        print("blink", n)
        await asyncio.sleep_ms(200)


async def measure():
    n = 0
    while True:
        n += 1
        print("measure", n, "begins")
        await asyncio.sleep_ms(1000)  # so long the sensor needs; the others run
        print("measure", n, "ends")
        await asyncio.sleep_ms(500)


async def main():
    asyncio.create_task(blink())
    await measure()


asyncio.run(main())
