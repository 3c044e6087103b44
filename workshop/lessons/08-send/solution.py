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
        answer = await reader.readline()  # HTTP/1.0 200 OK
    finally:
        await writer.wait_closed()  # in MicroPython this is what closes it
    if b" 200 " not in answer:
        raise OSError(answer.decode().strip())


async def main():
    wifi.connect()
    asyncio.create_task(measure())
    while True:
        try:
            while waiting:
                await asyncio.wait_for_ms(post(waiting[0]), 3000)
                print("sent reading", waiting.pop(0)["n"])
        except (OSError, asyncio.TimeoutError) as error:
            print("server away,", len(waiting), "readings wait:", error)
        await asyncio.sleep_ms(100)


asyncio.run(main())
