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


# TODO: POST /period with {"ms": 200} sets settings["period"] and answers settings; what is not from 100 to 60000 is
# answered with status 400. The body is request.json


async def main():
    address = wifi.connect()
    asyncio.create_task(measure())
    print("serving on http://%s:8000" % address)
    await app.start_server(host=address, port=8000)


asyncio.run(main())
