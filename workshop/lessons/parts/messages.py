"""What a node of the fleet says, as text: docs/topics.md has all of it. `boot` is another one at every start, `seq`
counts the readings, `up` is the age in ms: so whoever listens sees whether one was lost, and when it was measured."""

import json
import random
import time

boot = "%04x" % random.getrandbits(16)
start = time.ticks_ms()
seq = 0


def online():
    return json.dumps({"state": "online", "boot": boot, "conn": 1})


def reading(values):
    global seq
    text = _message({"v": values})
    seq += 1
    return text


def done(command, name):
    """The answer to a command: it may carry an id, and who sent it waits for that."""
    return _message({"id": command.get("id"), "cmd": name, "st": "done"})


def _message(more):
    message = {"boot": boot, "seq": seq, "up": time.ticks_diff(time.ticks_ms(), start)}
    message.update(more)
    return json.dumps(message)
