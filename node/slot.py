"""Which of the two programs on the flash runs: the one in /a or the one in /b. A board's root of trust.

It is small and seldom changed. What it owns are two files that are written in turn, in the format of
fleet_node/slots.py: the one that is written is never the one that counts, so a power cut leaves the old choice or the
new. The choice is {"run": "a"}, and while a new program is on trial {"run": "b", "else": "a", "tries": 2}: so often it
may start before it has proven itself, and after that the other one runs again. A try is counted before anything of the
new program is imported, because what is imported may be what hangs.
"""

import binascii
import json
import os
import sys

FILES = ("slot.a", "slot.b")
WHY = "slot.why"
GUARD_MS = 180000

_kept = []


def read(place=""):
    """(number, choice) of the file that counts; (0, None) if no program was ever chosen."""
    best = (0, None)
    for name in FILES:
        try:
            with open(place + name, "rb") as file:
                raw = file.read()
            if int(raw[:8], 16) != binascii.crc32(raw[9:]):
                continue
            number, body = raw[9:].split(b" ", 1)
            if int(number) > best[0]:
                best = (int(number), json.loads(body))
        except (OSError, ValueError):
            pass  # not there, or cut while it was written
    return best


def write(choice, place=""):
    """OSError if it cannot be written; then the one before still counts."""
    number = read(place)[0] + 1
    body = b"%d %s" % (number, json.dumps(choice).encode())
    with open(place + FILES[number & 1], "wb") as file:
        file.write(b"%08x %s" % (binascii.crc32(body), body))


def choose(place=""):
    """The folder of the program that is to run now, "" if the program lies beside main.py. Counts a try."""
    choice = read(place)[1]
    if not isinstance(choice, dict):
        return ""
    run = choice.get("run") or ""
    if "else" in choice:
        if choice.get("tries", 0) > 0:
            choice["tries"] -= 1
        else:
            run = choice["else"]
            choice = {"run": run}
        try:
            write(choice, place)
        except OSError:
            return choice.get("else", run)  # a try that cannot be counted must not be one
        if "else" in choice:
            _guard(place)
    return run


def running(place=""):
    """The folder of the program that would run now, without counting a try."""
    choice = read(place)[1]
    return choice.get("run") or "" if isinstance(choice, dict) else ""


def add_to_path(path, program, place=""):
    """The program in that folder comes before what lies beside main.py."""
    if program:
        path.insert(1, (place or "/") + program + "/lib")
        path.insert(1, (place or "/") + program)


def on_trial(place=""):
    choice = read(place)[1]
    return isinstance(choice, dict) and "else" in choice


def _guard(place=""):
    """Whatever a program on trial does, it is reset if nobody has kept it in time. Where there is no Timer, as on a PC,
    only its own patience counts."""
    try:
        import machine

        timer = machine.Timer(-1 if sys.platform == "rp2" else 0)  # a Pico has none but those that are called -1
        timer.init(mode=machine.Timer.ONE_SHOT, period=GUARD_MS, callback=lambda _: _bite(place))
        _kept.append(timer)  # a Pico forgets one that nobody holds
    except (AttributeError, ImportError, ValueError):
        pass


def _bite(place):
    if on_trial(place):
        give_up("it hung", place)


def give_up(error, place=""):
    """Note why and start again: the try is counted already."""
    if not isinstance(error, str):
        sys.print_exception(error)
        error = type(error).__name__ + ": " + str(error)
    try:
        with open(place + WHY, "w") as file:
            file.write(error[:100])
    except OSError:
        pass
    import machine

    machine.reset()


def why(place=""):
    """What the program that was given up last said, once; "" if nothing."""
    try:
        with open(place + WHY) as file:
            text = file.read()
        os.remove(place + WHY)
        return text
    except OSError:
        return ""
