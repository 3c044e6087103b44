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
    # TODO: without a file, or with one that is not JSON: print(name, "is not used:", error), and go on with these
    with open(name) as file:
        settings.update(json.load(file))
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
    # TODO: for ever: await work(); of an Exception say what it was; after half a second it begins again
    await work()


async def main():
    asyncio.create_task(keep(measure))
    await keep(serve)


settings = load("settings.json")
asyncio.run(main())
