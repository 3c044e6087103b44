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


def on_edge(pin):
    global edges, since
    edges += 1
    since = time.ticks_ms()
    touched.set()


async def watch():
    presses = 0
    down = False
    while True:
        await touched.wait()
        while time.ticks_diff(time.ticks_ms(), since) < SETTLE_MS:
            await asyncio.sleep_ms(5)
        if down != (button.value() == 0):  # pressed, it connects the pin to ground
            down = not down
            if down:
                presses += 1
                led.value(presses % 2)
                print("press", presses, "edges", edges)


async def main():
    print("board %s: LED %s, button %s" % (board.NAME, board.LED, board.BUTTON))
    button.irq(on_edge, Pin.IRQ_FALLING | Pin.IRQ_RISING)
    await watch()


asyncio.run(main())
