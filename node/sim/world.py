"""The room around a simulated node: temperature, humidity, pressure, light, motion, buttons and plugs over time.

It owns the truth that the simulated chips measure. It changes by itself (a day lasts 10 minutes, seeded so
that nodes differ) and by control lines. It knows neither the node nor MQTT; clock and seed are passed in.
"""

import math

DAY_S = 600
REPEAT = "repeat"  # the last line of a script: from the start again
_SET = {"temp": (-40, 85), "hum": (0, 100), "press": (300, 1100), "light": (0, 100000)}
_TAP_MS = 120


class World:
    def __init__(self, seed, clock, noise=1.0):
        """`seed` text or number; `clock` tells ms since the start; `noise` scales the sensor noise, 0 for none."""
        self.clock = clock
        self.chance = dice(seed)
        self.noise = noise
        self.buttons = {}  # name -> (pin, active_low)
        self.plugs = None  # the bus: see plugs.py
        self.fixed = {}
        self._tilt = (0.0, 0.0, 1.0)
        self._shake_until = 0
        chance = self.chance
        self._phase = chance() * 6.28
        self._base = (19 + 5 * chance(), 38 + 14 * chance(), 1002 + 14 * chance())
        self._swing = 2 + 2 * chance()

    def temp(self):
        """Cel"""
        return self._value("temp", self._base[0] + self._swing * self._wave(1), 0.02)

    def hum(self):
        """%RH; warm air is relatively drier."""
        return self._value("hum", self._base[1] - 3 * self._swing * self._wave(1) + 2 * self._wave(2.7), 0.05)

    def press(self):
        """hPa; weather passes in days."""
        return self._value("press", self._base[2] + 4 * self._wave(0.3) + 0.6 * self._wave(1.9), 0.02)

    def light(self):
        """lx; day and night."""
        return self._value("light", 300 + 290 * self._wave(1), 1)

    def accel(self):
        """(x, y, z) in g: where up is, plus what a hand does."""
        shake = 2.0 if self.shaking() else 0.0
        size = shake + 0.002 * self.noise
        return tuple([up + size * self._noise() for up in self._tilt])

    def gyro(self):
        """(x, y, z) in degrees per second."""
        size = 180.0 if self.shaking() else 0.1 * self.noise
        return (size * self._noise(), size * self._noise(), size * self._noise())

    def shaking(self):
        return self.clock() < self._shake_until

    def apply(self, line):
        """Do one control line. Returns [(after_ms, line)] that must follow; ValueError says what is wrong with it."""
        verb, args = parse(line)
        if verb == "set":
            self.fixed[args[0]] = args[1]
        elif verb == "auto":
            self.fixed.clear()
        elif verb == "shake":
            self._shake_until = self.clock() + args[0]
        elif verb == "tilt":
            self._tilt = args
        elif verb in ("press", "release", "tap"):
            self._button(args[0], verb != "release")
            if verb == "tap":
                return [(args[1], "release " + args[0])]
        elif verb in ("plug", "unplug"):
            if self.plugs is None:
                raise ValueError("this world has no bus to plug into")
            getattr(self.plugs, verb)(args[0])
        elif verb == "quit":
            raise KeyboardInterrupt  # the same clean goodbye as Ctrl-C
        return []

    def _button(self, name, down):
        if name not in self.buttons:
            raise ValueError("no button " + name + "; there is " + ", ".join(sorted(self.buttons)))
        pin, active_low = self.buttons[name]
        pin.sim(1 if down != active_low else 0)

    def _value(self, what, curve, noise):
        if what in self.fixed:
            return self.fixed[what]  # exact: somebody wants to compare
        return curve + noise * self.noise * self._noise()

    def _wave(self, per_day):
        """-1..1, `per_day` times a day."""
        return math.sin(self._phase + 6.2832 * per_day * self.clock() / 1000 / DAY_S)

    def _noise(self):
        return 2 * self.chance() - 1


def dice(seed):
    """A function that gives numbers in [0, 1), the same ones for the same seed (numerical recipes' LCG)."""
    state = 2166136261
    for char in str(seed):
        state = ((state ^ ord(char)) * 16777619) & 0xFFFFFFFF

    def throw():
        nonlocal state
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (state >> 8) / 16777216

    return throw


def parse(line):
    """(verb, args) of a control line, or ValueError with a sentence."""
    words = line.split()
    verb, args = (words[0], words[1:]) if words else ("", [])
    try:
        if verb == "set" and len(args) == 2 and args[0] in _SET:
            low, high = _SET[args[0]]
            value = float(args[1])
            if not low <= value <= high:
                raise ValueError(args[0] + " goes from " + str(low) + " to " + str(high))
            return verb, (args[0], value)
        if verb in ("auto", "quit") and not args:
            return verb, ()
        if verb == "life" and args in (["on"], ["off"]):
            return verb, (args[0] == "on",)
        if verb == "shake" and len(args) < 2:
            return verb, (int(args[0]) if args else 1000,)
        if verb == "tilt" and len(args) == 3:
            return verb, tuple([float(arg) for arg in args])
        if verb in ("press", "release", "plug", "unplug") and len(args) == 1:
            return verb, (args[0],)
        if verb == "tap" and 1 <= len(args) <= 2:
            return verb, (args[0], int(args[1]) if args[1:] else _TAP_MS)
    except ValueError as error:
        if "goes from" in str(error):
            raise
        raise ValueError("a number is wrong in: " + line)
    raise ValueError(
        "not a control line: " + line + " (set temp|hum|press|light N, auto, shake MS, tilt X Y Z, "
        "press|release|tap BUTTON, plug|unplug SENSOR, life on|off, quit)"
    )
