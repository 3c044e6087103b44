# The node serves its own page: a browser shows the curve and sets how often it is measured.
import asyncio

import wifi
from fake_sensor import FakeSensor
from microdot import Microdot, send_file

KEEP = 60  # readings in memory, for the curve

app = Microdot()
sensor = FakeSensor()
readings = []
settings = {"period": 1000}  # ms between two readings


async def measure():
    n = 0
    while True:
        n += 1
        readings.append({"n": n, "temp": sensor.read()})
        del readings[:-KEEP]
        await asyncio.sleep_ms(settings["period"])


@app.get("/")
async def page(request):
    return send_file("index.html")


@app.get("/readings")
async def get_readings(request):
    return readings


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
    print("open http://%s:8000 in a browser" % address)
    await app.start_server(host=address, port=8000)


asyncio.run(main())
