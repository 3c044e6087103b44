# The sensor answers in a browser: GET a reading, POST how often it measures.
import asyncio

import wifi
from fake_sensor import FakeSensor
from microdot import Microdot

app = Microdot()
sensor = FakeSensor()
latest = {"n": 0, "temp": None}
settings = {"period": 1000}  # ms between two readings


async def measure():
    while True:
        latest["n"] += 1
        latest["temp"] = sensor.read()
        await asyncio.sleep_ms(settings["period"])


@app.get("/reading")
async def get_reading(request):
    return latest


@app.post("/period")
async def set_period(request):
    ms = (request.json or {}).get("ms")
    if not isinstance(ms, int) or not 100 <= ms <= 60000:
        return {"error": "ms must be a whole number from 100 to 60000"}, 400
    settings["period"] = ms
    return settings


async def main():
    address = wifi.connect()
    asyncio.create_task(measure())
    print("serving on http://%s:8000" % address)
    await app.start_server(host=address, port=8000)


asyncio.run(main())
