# Lesson 6 with a page that is Python too: MicroPython runs in the browser, and asks the MicroPython of the node.
import asyncio
import os

import wifi
from fake_sensor import FakeSensor
from microdot import Microdot, send_file

KEEP = 60  # readings in memory, for the curve
FILES = ["page.py", "pyscript.json"] + ["pyscript/" + name for name in os.listdir("pyscript")]
TYPES = {"js": "text/javascript", "mjs": "text/javascript", "wasm": "application/wasm", "css": "text/css"}

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


@app.get("/<path:name>")  # the last: it fits all
async def file(request, name):
    if name not in FILES:  # and nothing else of this computer or board
        return "no such file", 404
    return send_file(name, content_type=TYPES.get(name.split(".")[-1], "text/plain"), max_age=3600)


async def main():
    address = wifi.connect()
    asyncio.create_task(measure())
    print("open http://%s:8000 in a browser" % address)
    await app.start_server(host=address, port=8000)


asyncio.run(main())
