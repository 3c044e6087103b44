"""What a lesson expects, and whether something is that. Pure.

In a text, `{n}` stands for any number, `{18..26}` for one from 18 to 26, `{18.0..26.0}` for one that has at most as
many decimals, `{*}` for anything, also for nothing. All other characters stand for themselves. In JSON a text that is
only `{n}` or `{18..26}` stands for a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

NUMBER = r"-?\d+(?:\.\d+)?"
HOLE = re.compile(rf"\{{(?:(\*)|(n)|({NUMBER})\.\.({NUMBER}))\}}")
MOST = 99  # decimals


class Text:
    """One expected text, such as `temp {18..26} C`. `shown` is how it is told to a person."""

    def __init__(self, pattern: str) -> None:
        self.shown = HOLE.sub(said, pattern)
        self._ranges: list[tuple[float, float, int]] = []  # and how many decimals
        regex, at = "", 0
        for hole in HOLE.finditer(pattern):
            regex += re.escape(pattern[at : hole.start()])
            at = hole.end()
            if hole[1]:
                regex += ".*"
                continue
            regex += f"({NUMBER})"
            low, high = (hole[3], hole[4]) if hole[3] else ("-inf", "inf")
            decimals = len(low.partition(".")[2]) or MOST
            self._ranges.append((float(low), float(high), decimals))
        self._regex = re.compile(regex + re.escape(pattern[at:]))

    def problem(self, text: str) -> str | None:
        """ "" if `text` is that, a sentence if only a number is not, None if it is something else."""
        found = self._regex.fullmatch(text.strip())
        if found is None:
            return None
        for number, (low, high, decimals) in zip(found.groups(), self._ranges, strict=True):
            if not low <= float(number) <= high:
                return f"{number} is not from {low:g} to {high:g}"
            if len(number.partition(".")[2]) > decimals:
                return f"{number} has more than {decimals} decimal{'s' if decimals > 1 else ''}"
        return ""

    def fits(self, text: str) -> bool:
        return self.problem(text) == ""


def said(hole: re.Match[str]) -> str:
    if hole[1]:
        return "…"
    return "<number>" if hole[2] else f"<{hole[3]} to {hole[4]}>"


def lines(expected: Iterable[str], came: list[str]) -> tuple[str, str] | None:
    """The expected lines come in this order, others may be between them. None, or (expected, came) in words."""
    at, before = 0, ""
    for pattern in expected:
        text = Text(pattern)
        place = next((number for number in range(at, len(came)) if text.fits(came[number])), None)
        if place is None:
            where = f", after `{before}`" if before else ""
            return f"the line `{text.shown}`{where}", _instead(text, came, at, before)
        at, before = place + 1, came[place]
    return None


def _instead(text: Text, came: list[str], at: int, before: str) -> str:
    for line in came[at:]:
        if wrong := text.problem(line):
            return f"`{line}`, and {wrong}"
    early = next((line for line in reversed(came[:at]) if text.fits(line)), None)
    if early is not None:
        return f"`{early}`, but before `{before}`"
    rest = came[at:] or came
    if not rest:
        return "nothing at all"
    return ("nothing after it; before it: " if not came[at:] else "") + ", ".join(f"`{one}`" for one in rest[-3:])


def value(expected: Any, came: Any, at: str = "") -> str | None:
    """None if `came` (of JSON) is what is expected, else a sentence. An object may have more keys than expected. One
    expected element of a list stands for all, and there is at least one; several are compared in their order."""
    name = f"`{at}`" if at else "the answer"
    if isinstance(expected, dict):
        if not isinstance(came, dict):
            return f"{name} is {show(came)}, and should be an object with {', '.join(map(repr, expected))}"
        for key, one in expected.items():
            if key not in came:
                return f"{name} has no {key!r}: it is {show(came)}"
            if wrong := value(one, came[key], f"{at}.{key}" if at else key):
                return wrong
        return None
    if isinstance(expected, list):
        if not isinstance(came, list) or not came:
            return f"{name} is {show(came)}, and should be a list with something in it"
        if len(expected) > 1 and len(came) != len(expected):
            return f"{name} is {show(came)}, and should have {len(expected)} values"
        each = expected if len(expected) > 1 else expected * len(came)
        wrongs = (value(*pair, f"{at}[{number}]") for number, pair in enumerate(zip(each, came, strict=True)))
        return next(filter(None, wrongs), None)
    if isinstance(expected, str) and HOLE.fullmatch(expected) and "*" not in expected:
        text = Text(expected)
        if isinstance(came, bool) or not isinstance(came, int | float):
            return f"{name} is {show(came)}, and should be a number: {text.shown}"
        wrong = text.problem(f"{came:.6f}".rstrip("0").rstrip("."))
        return f"{name} is {show(came)}, and {wrong}" if wrong else None
    if isinstance(expected, str) and isinstance(came, str) and Text(expected).fits(came):
        return None
    return None if came == expected else f"{name} is {show(came)}, and should be {show(expected)}"


def show(came: Any) -> str:
    import json

    text = json.dumps(came, ensure_ascii=False)
    return f"`{text if len(text) < 80 else text[:77] + '...'}`"
