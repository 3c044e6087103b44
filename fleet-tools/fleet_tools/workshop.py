"""`fleet workshop`: the lessons, the learner's folder, and the check that says what is not there yet."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from fleet_tools import session
from fleet_tools import workshop_lessons as lessons
from fleet_tools.errors import ERROR, USAGE, FleetError
from fleet_tools.workshop_doctor import doctor_command
from fleet_tools.workshop_handout import handout_command
from fleet_tools.workshop_stick import stick_command
from fleet_tools.workshop_troubles import troubles_command

FOLDER = "my-workshop"
LAST = "That was the last lesson. Now a project: fleet workshop start shake"
EPILOG = """\b
Examples:
  fleet workshop start            the next lesson, in the folder my-workshop
  fleet workshop check            the lesson that was begun last, on this computer
  fleet workshop check --port /dev/ttyACM0      the same on a board
  fleet workshop goto 4           lesson 4, with the solutions of those before it
  fleet workshop start shake      a project, when the lessons are done
  fleet workshop receiver         the server of lesson 8
"""
folder_option = click.option(
    "--folder", metavar="PATH", help=f"The learner's folder.  [default: FLEET_WORKSHOP, else {FOLDER}, here or above]"
)


@click.group("workshop", epilog=EPILOG)
def workshop_command() -> None:
    """Three hours from `print` to a class on one broker: lessons that check themselves."""


workshop_command.add_command(doctor_command)
workshop_command.add_command(stick_command)
workshop_command.add_command(handout_command)
workshop_command.add_command(troubles_command)


def _desk(folder: str | None) -> lessons.Desk:
    named = folder or os.environ.get("FLEET_WORKSHOP")
    return lessons.Desk(Path(named) if named else lessons.nearest(FOLDER))


@workshop_command.command("list")
@folder_option
@session.json_option("the lessons")
def list_command(folder: str | None, as_json: bool) -> int:
    """The lessons and the projects: lines of code, minutes to read, and what is done."""
    desk = _desk(folder)
    rows, projects = ([_row(desk, one) for one in some] for some in (lessons.every(), lessons.projects()))
    if as_json:
        session.print_json({"lessons": rows, "projects": projects})
        return 0
    width = max(len(str(row["title"])) for row in rows + projects)
    for head, some in (("lesson", rows), ("project", projects)):
        click.echo(f"{head:<14} {'what it is about':<{width}}  code  read")
        for row in some:
            line = f"{row['lesson']:<14} {row['title']:<{width}}  {row['code_lines']:>4}  {row['reading_min']:>4} min"
            click.echo(f"{line}  {row['state']}".rstrip())
    return 0


def _row(desk: lessons.Desk, one: lessons.Lesson) -> dict[str, object]:
    return {
        "lesson": one.name,
        "title": one.title,
        "code_lines": one.code_lines,
        "reading_min": one.reading_min,
        "state": desk.state(one),
    }


@workshop_command.command("start")
@click.argument("lesson", required=False)
@click.option("--again", is_flag=True, help="From the start once more; your main.py is kept as main.old.py.")
@folder_option
def start_command(lesson: str | None, again: bool, folder: str | None) -> int:
    """Copy a lesson into your folder: the one you name, else the next."""
    desk = _desk(folder)
    chosen = lessons.find(lesson) if lesson else desk.next()
    if again:
        desk.again(chosen)
    elif not desk.begin(chosen):
        click.echo(f"{chosen.name} is here already, and stays as you left it; --again begins it once more.")
    _tell(desk, chosen)
    return 0


@workshop_command.command("goto")
@click.argument("lesson")
@folder_option
def goto_command(lesson: str, folder: str | None) -> int:
    """Jump to a lesson: those before it get their solutions, unless you have done them."""
    desk = _desk(folder)
    chosen = lessons.find(lesson)
    if chosen.is_project:
        raise FleetError(f"a project has no lesson before it: fleet workshop start {chosen.asked}", USAGE)
    for one in lessons.every():
        if one.number < chosen.number and one.name not in desk.done:
            desk.solve(one)
            click.echo(f"{one.name}: its solution is in {desk.place(one)}")
    desk.begin(chosen)
    _tell(desk, chosen)
    return 0


@workshop_command.command("check")
@click.argument("lesson", required=False)
@click.option("--port", metavar="PORT", help="Run it on the board at this serial port instead.")
@click.option("--heap", metavar="SIZE", help="Memory it gets on this computer, such as 192k.  [default: the lesson's]")
@click.option("--patience", type=float, default=1.0, hidden=True)
@folder_option
def check_command(lesson: str | None, port: str | None, heap: str | None, patience: float, folder: str | None) -> int:
    """Run main.py of a lesson and say what is as it should be, or what is not there yet.

    It runs in a copy of the folder, so a check leaves nothing behind.
    """
    if port and heap:
        raise FleetError("--heap is for this computer: a board has the memory that it has", USAGE)
    from fleet_tools.workshop_check import Check

    desk = _desk(folder)
    chosen = lessons.find(lesson) if lesson else desk.current()
    check = Check(chosen, desk.place(chosen), port=port, heap=heap, patience=patience)
    trouble = check.run()
    where = f"on the board at {port}" if port else "on this computer"
    if trouble is None:
        desk.passed(chosen)
        click.echo(f"{chosen.name}, {where}:")
        for one in dict.fromkeys(check.seen):  # each once
            click.echo(f"  ok  {one}")
        if chosen.is_project:
            click.echo("Well done. Its README has three ways to go on.")
            return 0
        after = desk.next()
        click.echo("Well done. " + (LAST if after.name in desk.done else _next(after)))
        return 0
    click.echo(f"{chosen.name}, {where}: not there yet.")
    click.echo(f"  expected  {trouble.expected}")
    click.echo(f"  came      {trouble.came}")
    if trouble.hint:
        click.echo(f"  hint      {trouble.hint}")
    return ERROR


@workshop_command.command("extra")
@click.argument("name")
@folder_option
def extra_command(name: str, folder: str | None) -> int:
    """What is beside the lessons; pyscript: Python in the browser, too (fetches 2 MB once)."""
    from fleet_tools import workshop_extra

    target = _desk(folder).folder / f"extra-{name}"
    workshop_extra.lay(name, target)
    place = shlex.quote(str(target))
    click.echo(f"read   {place}/README.md\nrun    cd {place} && micropython main.py")
    return 0


@workshop_command.command("receiver")
@click.option("--port", type=click.IntRange(0, 65535), default=8001, show_default=True, help="Where it listens.")
@click.option("--lan", is_flag=True, help="Let boards reach it too, and all others in this network.")
def receiver_command(port: int, lan: bool) -> int:
    """A server that shows the JSON that it gets by HTTP, a line each; Ctrl-C stops it."""
    from fleet_tools.workshop_receiver import serve

    serve(port, lan, click.echo)
    return 0


def _next(lesson: lessons.Lesson) -> str:
    return f"Next: fleet workshop start {lesson.number} ({lesson.title})"


def _tell(desk: lessons.Desk, lesson: lessons.Lesson) -> None:
    place = shlex.quote(str(desk.place(lesson)))
    click.echo(f"{'Project' if lesson.is_project else 'Lesson'} {lesson.number}: {lesson.title}")
    click.echo(f"  read   {place}/README.md")
    click.echo(f"  edit   {place}/main.py")
    click.echo(f"  run    cd {place} && micropython {lesson.program}")
    click.echo(f"  check  fleet workshop check {lesson.asked}")
