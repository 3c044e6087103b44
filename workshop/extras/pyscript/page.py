# This runs in the browser, by MicroPython in WebAssembly: what index.html of lesson 6 does in JavaScript.
import asyncio
import sys

from pyscript import document, fetch, when


def at(name):
    return document.getElementById(name)


@when("click", "#set")
async def set_period(event):
    try:
        body = '{"ms": %d}' % int(at("period").value)
        headers = {"Content-Type": "application/json"}
        answer = await (await fetch("/period", method="POST", headers=headers, body=body)).json()
        at("said").textContent = answer.get("error") or "now every %d ms" % answer["period"]
    except Exception as error:
        at("said").textContent = str(error)


async def show():
    readings = await (await fetch("/readings")).json()
    last = readings[-1]
    at("now").textContent = "%.1f °C" % last["temp"]
    at("count").textContent = "reading %d" % last["n"]
    points = ["%d,%d" % (x * 10, 200 - (one["temp"] - 18) * 25) for x, one in enumerate(readings)]
    at("curve").setAttribute("points", " ".join(points))


async def main():
    at("who").textContent = "%s %d.%d in this browser" % ((sys.implementation.name,) + sys.implementation.version[:2])
    while True:
        try:
            await show()
        except Exception:
            at("count").textContent = "the sensor does not answer"
        await asyncio.sleep(0.5)  # after the answer, so that a slow node is not asked twice


asyncio.create_task(main())
