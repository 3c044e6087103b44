"""`fleet workshop troubles WORDS`: what somebody sees, looked up in all that the workshop knows about it.

The tables with "you see" and "it means" of workshop/**/*.md, and the hints of the checks. Nothing is written twice.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import click

from fleet_tools import workshop_lessons as lessons
from fleet_tools.errors import ERROR, OK, FleetError

HEADING = "| you see |"


@dataclass(frozen=True)
class Trouble:
    where: str  # the page or lesson that knows it
    see: str
    means: str
    pattern: str = ""  # of a hint, which has no words for what one sees


@click.command("troubles")
@click.argument("words", nargs=-1)
def troubles_command(words: tuple[str, ...]) -> int:
    """What somebody sees, and what it means: say a part of it, or nothing for the whole list."""
    asked = " ".join(words)
    found = search(asked, every()) if asked else [one for one in every() if not one.pattern]
    if not found:
        raise FleetError(
            f"nobody wrote down {asked!r} yet: try one word of it, or fleet workshop troubles alone", ERROR
        )
    for one in found:
        click.echo(f"{one.see}  ({one.where})\n    {one.means}" if one.see else f"({one.where})\n    {one.means}")
    return OK


def search(asked: str, known: Iterable[Trouble]) -> list[Trouble]:
    """Those that have the text; if none has, those that have all of its words. A sentence comes once."""
    known = list(known)
    found = [one for one in known if _has(one, asked)]
    if not found:
        found = [one for one in known if all(_has(one, word) for word in asked.split())]
    return list({one.means: one for one in reversed(found)}.values())[::-1]


def _has(one: Trouble, text: str) -> bool:
    if one.pattern:
        return bool(re.search(one.pattern, text, re.M))
    return text.lower() in f"{one.see} {one.means}".lower().replace("`", "")


def every() -> Iterator[Trouble]:
    root = lessons.LESSONS.parent
    for page in sorted(root.rglob("*.md")):
        for see, means in rows(page.read_text()):
            name = str(page.relative_to(root)).removeprefix("lessons/").removesuffix("/README.md")
            yield Trouble(name.removesuffix(".md"), see, means)
    for lesson in lessons.every():
        yield from _hints(lesson.name, lesson.check.get("hint", []))
    yield from _hints("any lesson", tomllib.loads((lessons.LESSONS / "hints.toml").read_text())["hint"])


def rows(page: str) -> Iterator[tuple[str, str]]:
    """(what one sees, what it means) of every such table of a page."""
    inside = False
    for line in page.splitlines():
        inside = line.startswith(HEADING) or (inside and line.startswith("|"))
        if inside and not line.startswith((HEADING, "|---")):
            see, means = (cell.strip() for cell in line.strip("|").split(" | ", 1))
            yield see, means.strip(" |")


def _hints(where: str, hints: Iterable[dict[str, str]]) -> Iterator[Trouble]:
    for hint in hints:
        if "came" in hint and "code" not in hint:
            yield Trouble(where, "", hint["say"], hint["came"])
