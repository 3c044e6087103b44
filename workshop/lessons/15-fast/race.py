"""Runs what main.py has and compares: the sums have to be equal, the times are as they are."""

import gc
import time

DATA = bytearray(at % 251 for at in range(2000))
HALF = memoryview(DATA)[:1000]  # not a copy: the first half of the same memory
OUT = bytearray(len(HALF))
CALLS = 50


def load():
    """The names of main.py. Where MicroPython has no machine code for the processor: without the decorators."""
    with open("main.py") as file:
        text = file.read()
    try:
        import main

        return main.__dict__, text
    except SyntaxError as error:
        if "decorator" not in str(error):
            raise
    print("no machine code here: this MicroPython has no emitter for this processor")
    names = {}
    exec("\n".join(line for line in text.split("\n") if not line.startswith("@micropython.")), names)
    return names, text


def took(function, *given):
    """Microseconds of CALLS calls, the best of three: what disturbs can only add to it."""
    best = None
    for _ in range(3):
        gc.collect()
        began = time.ticks_us()
        for _ in range(CALLS):
            function(*given)
        us = time.ticks_diff(time.ticks_us(), began)
        best = us if best is None else min(best, us)
    return max(best, 1)


def compare(name, function, *given):
    came = function(*given)
    if came != right:
        print("%s says %s, and plain says %s" % (name, came, right))
    else:
        print("%s is %.1f times as fast as plain" % (name, plain / took(function, *given)))


main, text = load()
right = main["add_plain"](HALF, len(HALF))
plain = took(main["add_plain"], HALF, len(HALF))
print("plain says %d, in %d us" % (right, plain // CALLS))
for name in ("native", "viper"):
    if "@micropython.%s\ndef add_%s(" % (name, name) in text:
        compare(name, main["add_" + name], HALF, len(HALF))
    else:
        print("%s: there is no @micropython.%s above add_%s" % (name, name, name))

gc.collect()
gc.disable()
before = gc.mem_alloc()
main["smooth"](HALF, OUT)
taken = gc.mem_alloc() - before
gc.enable()
smoothed = all(OUT[at] == (HALF[max(at - 1, 0)] + HALF[at]) // 2 for at in range(len(HALF)))
print("smooth takes %d bytes of memory" % taken if smoothed else "smooth is wrong: " + str(bytes(OUT[:4])))

try:
    import addup

    compare("C", addup.add_up, HALF)
except ImportError:
    print("C: there is no addup.mpy, make builds it")
except ValueError as error:
    print("C: addup.mpy is for another processor or MicroPython:", error)
