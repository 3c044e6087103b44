"""What is written for people holds: every link leads somewhere, and `fleet` takes every line that begins with it."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from fleet_tools import workshop_lessons as lessons
from fleet_tools import workshop_troubles as troubles
from fleet_tools.cli import fleet

ROOT = Path(__file__).parents[2]
WORKSHOP = ROOT / "workshop"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += sorted(WORKSHOP.rglob("*.md"))
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
LINK = re.compile(r"\]\(([^)\s]+)\)")


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


def anchors(page: Path) -> set[str]:
    """As a forge makes them of headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    titles = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", one) for one in re.findall(r"^#+ (.+)$", text, re.M))
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


@each_page
def test_every_link_and_its_anchor_lead_somewhere(page: Path) -> None:
    wrong = []
    for link in LINK.findall(without_code(page.read_text())):
        target, _, anchor = link.partition("#")
        if "://" in link or link.startswith("mailto:"):
            continue
        place = (page.parent / target).resolve() if target else page
        if not place.exists():
            wrong.append(f"{link}: no such file")
        elif anchor and place.suffix == ".md" and anchor not in anchors(place):
            wrong.append(f"{link}: there is {sorted(anchors(place))}")
    assert not wrong


def typed(page: Path) -> Iterator[str]:
    """The lines with `fleet` of a page: those of its ```sh blocks, and what stands in backticks."""
    text = page.read_text()
    for block in re.findall(r"^```sh\n(.*?)^```", text, flags=re.M | re.S):
        yield from (line.strip() for line in block.splitlines())
    rest = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    yield from re.findall(r"`([^`]+)`", rest.replace("\n", " "))


def problem(line: str) -> str | None:
    """Why `fleet` does not take this line; None if it does, or if the line is of something else."""
    line = line.removeprefix(".venv/bin/")
    if not line.startswith("fleet "):
        return None
    words = shlex.split(re.split(r" [|>&]|;", line)[0], comments=True)[1:]
    command: click.Command = fleet
    context = click.Context(command, info_name="fleet")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        if found is None:
            return f"there is no {words[0]!r} of {context.command_path}"
        command, words = found, words[1:]
        context = click.Context(command, parent=context, info_name=command.name)
    if isinstance(command, click.Group):
        return None
    try:
        _, left, _ = command.make_parser(context).parse_args([word for word in words if word != "..."])
    except click.UsageError as error:
        return error.format_message()
    return f"{left} is too much" if left else None


@each_page
def test_every_line_with_fleet_is_one_that_it_takes(page: Path) -> None:
    wrong = {line: why for line in typed(page) if (why := problem(line))}
    assert not wrong


@pytest.mark.parametrize("line", ["fleet bzz", "fleet class nw 3b", "fleet ls --al", "fleet info ada grace"])
def test_a_line_that_it_does_not_take_would_be_seen(line: str) -> None:
    assert problem(line)


def schedule() -> list[tuple[str, int]]:
    """(lesson or what else, minutes) of the three hours, as workshop/README.md has them."""
    page = (WORKSHOP / "README.md").read_text().partition("## The three hours")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:1] == "|"]
    return [(re.sub(r"\[(.*?)\]\(.*?\)", r"\1", row[1]), int(row[3])) for row in rows if row[3].isdigit()]


def test_minute_by_minute_is_the_schedule() -> None:
    page = (WORKSHOP / "instructor" / "README.md").read_text().partition("## Minute by minute")[2]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:1] == "|"][2:]
    assert [(row[2], int(row[1])) for row in rows] == schedule()
    at = 0
    for row in rows:
        assert row[0] == f"{at // 60}:{at % 60:02}"
        at += int(row[1])
    assert at == 180


def test_what_somebody_sees_is_found_in_all_that_is_known() -> None:
    known = list(troubles.every())
    pages = {one.where for one in known}
    assert {lesson.name for lesson in lessons.every()} <= pages
    assert {"README", "instructor/troubles"} <= {one.removesuffix(".md") for one in pages} | {"README"}
    assert "instructor/troubles" in pages
    (found,) = [one for one in troubles.search("no attribute 'mem_free'", known) if one.where == "01-hello" and one.see]
    assert "Python, not MicroPython" in found.means
    hints = troubles.search("NameError: name 'x' isn't defined", known)
    assert any("used before it exists" in one.means for one in hints)
    assert troubles.search("raw repl", known)
    assert not troubles.search("this is nowhere at all", known)
    assert all(one.means and (one.see or one.pattern) for one in known)
