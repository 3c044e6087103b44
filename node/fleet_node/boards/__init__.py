"""The seam between the node and what it runs on: pins and buses live here and nowhere else.

A board has: name; i2c; buttons {name: (Pin, active_low)}; buzzer (PWM, silent) or None; led (on/off/value) or
None; witness(kind, name, payload), which sees every reading, or None; unique_id() -> bytes or None; rssi() -> dBm
or None; reset(); say(text); tasks(node) -> [(name, coroutine function)], what it needs running beside the node;
received(topic, payload) -> bool, was this of the broker for the board?; and at_prompt(), called when a person ended the
program: from now on nothing may reset the board.
"""

import sys

NAMES = ("esp32", "m5stickc_plus2", "pico_w", "unix")


def load(name, config):
    """The board of this machine; `name` picks among microcontrollers, a PC is always `unix`. ValueError if unknown."""
    if sys.platform in ("linux", "darwin", "win32"):
        name = "unix"
    if name not in NAMES or (name == "unix" and sys.platform in ("esp32", "rp2")):
        raise ValueError(
            'board "' + name + '" is unknown: set "board" in config.json to one of ' + ", ".join(NAMES[:3])
        )
    return __import__("fleet_node.boards." + name, None, None, ("create",)).create(config)
