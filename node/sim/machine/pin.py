"""Simulated GPIO: one object per pin id; the world drives inputs with `sim(v)`, edges run the irq handler."""

import micropython
from umachine import PinBase


class Pin(PinBase):
    # Values of the ESP32 port; other ports differ, so write Pin.PULL_UP, never the number.
    IN = 1
    OUT = 3
    OPEN_DRAIN = 7
    PULL_DOWN = 1
    PULL_UP = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2

    _pins = {}

    def __new__(cls, id, mode=-1, pull=-1, *, value=None):
        pin = cls._pins.get(id)
        if pin is None:
            pin = cls._pins[id] = object.__new__(cls)
            pin.id = id
            pin.level = 0
            pin.lost = 0  # edges that found micropython's schedule queue full, as on a board
            pin._handler = None
            pin._trigger = 0
        return pin

    def __init__(self, id, mode=-1, pull=-1, *, value=None):
        self.init(mode, pull, value=value)

    def init(self, mode=-1, pull=-1, *, value=None):
        if mode == Pin.IN and pull == Pin.PULL_UP:
            self.level = 1
        if value is not None:
            self.level = 1 if value else 0

    def value(self, v=None):
        if v is None:
            return self.level
        self.level = 1 if v else 0

    __call__ = value

    def on(self):
        self.level = 1

    def off(self):
        self.level = 0

    def toggle(self):
        self.level ^= 1

    def irq(self, handler=None, trigger=IRQ_RISING | IRQ_FALLING, *, hard=False):
        self._handler = handler
        self._trigger = trigger

    def sim(self, v):
        """Drive the pin from outside to 0 or 1; an edge that the irq waits for is scheduled."""
        if v == self.level:
            return
        self.level = v
        if self._handler and self._trigger & (Pin.IRQ_RISING if v else Pin.IRQ_FALLING):
            try:
                micropython.schedule(self._handler, self)
            except RuntimeError:
                self.lost += 1
