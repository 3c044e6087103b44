# Readings go to a server by HTTP; while it is away they wait, a bounded number of them, and are sent later.
import asyncio
import json

import wifi
from fake_sensor import FakeSensor

KEEP = 5  # readings that wait; while there are so many, what is measured is lost
REQUEST = "POST %s HTTP/1.0\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"

with open("config.json") as file:
    server = json.load(file)
sensor = FakeSensor()
waiting = []


async def measure():
    n = 0
    while True:
        n += 1
        if len(waiting) < KEEP:
            waiting.append({"n": n, "temp": sensor.read()})
        await asyncio.sleep_ms(100)


async def post(reading):
    body = json.dumps(reading)
    reader, writer = await asyncio.open_connection(server["host"], server["port"])
    try:
        writer.write((REQUEST % (server["path"], server["host"], len(body), body)).encode())
        await writer.drain()
        await reader.readline()  # TODO: it is such as b"HTTP/1.0 200 OK"; without 200 in it, raise OSError
    finally:
        await writer.wait_closed()  # in MicroPython this is what closes it


async def main():
    wifi.connect()
    asyncio.create_task(measure())
    while True:
        while waiting:
            reading = waiting.pop(0)
            await asyncio.wait_for_ms(post(reading), 3000)
            print("sent reading", reading["n"])
            # TODO: on OSError or asyncio.TimeoutError keep the reading, and print the line of the README
        await asyncio.sleep_ms(100)


asyncio.run(main())
