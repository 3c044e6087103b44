# Fit for a board alone: settings come from a file, what fails begins again, and it says where it is.
import asyncio
import json

import wifi
from loose_sensor import LooseSensor
from microdot import Microdot

app = Microdot()
sensor = LooseSensor()
latest = {"n": 0, "temp": None}


def load(name):
    settings = {"period": 500}  # ms between two readings
    try:
        with open(name) as file:
            settings.update(json.load(file))
    except (OSError, ValueError) as error:
        print(name, "is not used:", error)
    return settings


async def measure():
    while True:
        latest["n"] += 1
        latest["temp"] = sensor.read()
        await asyncio.sleep_ms(settings["period"])


@app.get("/reading")
async def get_reading(request):
    return latest


async def serve():
    address = await wifi.join()
    print("serving on http://%s:8000" % address)
    await app.start_server(host=address, port=8000)


async def keep(work):
    while True:
        try:
            await work()
        except Exception as error:  # Ctrl-C is no Exception: it must always work
            print("failed, and begins again:", repr(error))
        await asyncio.sleep_ms(500)


async def main():
    asyncio.create_task(keep(measure))
    await keep(serve)


settings = load("settings.json")
asyncio.run(main())
