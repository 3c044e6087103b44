# A button and an LED. Contacts bounce: the interrupt only notes that something happened, and a task decides what.
import asyncio
import time

import board
from machine import Pin

SETTLE_MS = 30  # contacts bounce for 1 to 10 ms

led = Pin(board.LED, Pin.OUT, value=0)
button = Pin(board.BUTTON, Pin.IN, board.PULL)
touched = asyncio.ThreadSafeFlag()
edges = 0
since = 0  # ticks of the latest edge
presses = 0


def on_edge(pin):
    global edges, since, presses
    edges += 1
    since = time.ticks_ms()
    # TODO: no more than this and touched.set(): an interrupt is short, and cannot know whether this edge is a press
    if pin.value() == 0:
        presses += 1
        led.value(presses % 2)
        print("press", presses, "edges", edges)


async def watch():
    # TODO: for ever: await touched.wait(), then wait until `since` is SETTLE_MS ago, and only then look at the button.
    # A press is counted when it is down and was up before
    await touched.wait()


async def main():
    print("board %s: LED %s, button %s" % (board.NAME, board.LED, board.BUTTON))
    button.irq(on_edge, Pin.IRQ_FALLING | Pin.IRQ_RISING)
    await watch()


asyncio.run(main())
