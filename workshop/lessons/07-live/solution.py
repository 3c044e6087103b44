# The server-driven page: the node sends pieces of HTML, and htmx puts each in its place. No JavaScript of ours.
import asyncio

import wifi
from fake_sensor import FakeSensor
from files import serve_files
from microdot import Microdot
from microdot.sse import with_sse

app = Microdot()
sensor = FakeSensor()
readings = []
settings = {"period": 1000}  # ms between two readings


async def measure():
    while True:
        readings.append(sensor.read())
        del readings[:-60]
        await asyncio.sleep_ms(settings["period"])


def curve():
    points = ["%d,%d" % (x * 10, 200 - (temp - 18) * 25) for x, temp in enumerate(readings)]
    return '<svg viewBox="0 0 600 200"><polyline points="%s"/></svg>' % " ".join(points)


@app.get("/live")
@with_sse
async def live(request, sse):
    while True:
        if not sse.queue:  # who is slow misses some; nothing piles up here
            await sse.send("%.1f °C" % readings[-1], event="temp")
            await sse.send(curve(), event="curve")
        await asyncio.sleep_ms(500)


@app.post("/period")
async def set_period(request):
    ms = (request.form or {}).get("ms", "")
    if not ms.isdigit() or not 100 <= int(ms) <= 60000:
        return "use 100 to 60000 ms", 400
    settings["period"] = int(ms)
    return "now every %s ms" % ms


async def main():
    address = wifi.connect()
    serve_files(app, "index.html", "htmx.min.js", "sse.min.js")
    asyncio.create_task(measure())
    print("open http://%s:8000 in a browser" % address)
    await app.start_server(host=address, port=8000)


asyncio.run(main())
