"""How the contract's data reads in a terminal: states, ages, values with units, arguments. Text in, text out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from fleet_schema import commands

UNITS = {"Cel": "°C", "%RH": "%", "m/s2": "m/s²", "1": ""}
STATES = {
    "online": "online",
    "sleeping": "sleeping",
    "offline": "offline, said goodbye",
    "lost": "lost, the link broke",
    "silent": "silent, connected but says nothing",
    "unknown": "unknown, never said hello",
}
COLOURS = {"online": "green", "sleeping": "blue", "offline": "dim", "lost": "red", "silent": "yellow", "unknown": "dim"}
ACKS = {
    "ok": "ok",
    "done": "done",
    "bad": "refused: bad argument",
    "unknown": "refused: does not know it",
    "busy": "refused: busy",
    "muted": "refused: muted",
    "dup": "had it already",
    "fail": "failed",
    "silent": "silent",
    "waiting": "…",
}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean "ada"?` or nothing."""
    close = difflib.get_close_matches(word.lower(), list(known), 1, 0.5)
    return f'; did you mean "{close[0]}"?' if close else ""


def state(word: str, status: dict[str, Any] | None = None) -> str:
    if word == "sleeping" and status and "wake" in status:
        return f"sleeping, wakes every {status['wake']} s"
    if word == "online" and status and "pause" in status:
        return "online, paused"
    return STATES.get(word, word)


def age(ms: float) -> str:
    """3 s, 4 min, 2 h, 5 d: how long ago."""
    seconds = max(0, ms) / 1000
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def period(ms: float) -> str:
    return f"{ms / 1000:g} s"


def value(number: Any, unit: str | None) -> str:
    """`21.4 °C`; a failed field is `-`."""
    if number is None:
        return "-"
    shown = UNITS.get(unit, unit) if unit else ""
    return f"{number:g} {shown}".rstrip() if isinstance(number, (int, float)) else str(number)


def argument(spec: list[Any]) -> str:
    """`ms: a whole number from 10 to 10000 (300 if left out)`"""
    name, kind, low, high = spec[:4]
    text = f"{name}: {commands.describe(kind, low, high)}"
    if len(spec) < 5:
        return text + ", must be given"
    default = {True: "true", False: "false", "": "empty"}.get(spec[4], spec[4]) if kind in "bs" else spec[4]
    return f"{text} ({default} if left out)"


def usage(name: str, spec: list[list[Any]]) -> str:
    """`buzz [ms=] [hz=] [tune=]`"""
    parts = [f"{arg[0]}=" if len(arg) < 5 else f"[{arg[0]}=]" for arg in spec]
    return " ".join([name, *parts])
