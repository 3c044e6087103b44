"""`fleet class open` and `lock`: ask the `fleet class start` that runs to open the lesson, or to end it."""

from __future__ import annotations

import json
import time

import click

from fleet_tools import class_folder, lesson, session
from fleet_tools.class_folder import ClassFolder
from fleet_tools.errors import OK, FleetError
from fleet_tools.settings import is_running

REQUEST = "lesson.json"  # what was asked for; `fleet class start` looks at it and says in running.json what is
OBEYS_S = 20.0


@click.command("open", epilog="\b\nExamples:\n  fleet class open 3b\n  fleet class open 3b 45")
@click.argument("name")
@click.argument("minutes", type=click.IntRange(1, lesson.LONGEST_MIN), default=60, metavar="[MINUTES]")
def open_command(name: str, minutes: int) -> int:
    """Nobody needs a password, for MINUTES (60): for the first hour of a class.

    Whoever has none may join as any node that is not on a sheet. It ends by itself; `fleet class lock` ends it now.
    """
    folder = running_class(name)
    until = until_in(minutes)
    request(folder, until)
    clock = time.strftime("%H:%M", time.localtime(until / 1000))
    session.note(
        f"class {name} is OPEN until {clock}: nobody needs a password to join as a node.\n"
        "Nodes on the sheets stay with their secrets, and only the teacher commands. "
        f"fleet class lock {name} ends it now."
    )
    return OK


@click.command("lock")
@click.argument("name")
def lock_command(name: str) -> int:
    """The open lesson ends: whoever has no account is thrown out now."""
    folder = running_class(name)
    was_open = bool(folder.said().get("lesson"))
    request(folder, 0)
    end = "closed again: whoever had no password is out" if was_open else "closed, as it was"
    session.note(f"class {name} is {end}")
    return OK


def running_class(name: str) -> ClassFolder:
    folder = ClassFolder.open(name)
    if not is_running(folder.said().get("pid")):
        raise FleetError(f"class {name} does not run here: fleet class start {name} --open")
    return folder


def until_in(minutes: int) -> int:
    return int((time.time() + minutes * 60) * 1000)


def request(folder: ClassFolder, until: int) -> None:
    """Returns when it is so."""
    ask(folder, until)
    deadline = time.monotonic() + OBEYS_S
    while folder.said().get("lesson") != until:
        if time.monotonic() > deadline:
            raise FleetError(
                f"class {folder.base} did not answer within {OBEYS_S:g} s; what `class start` says tells why"
            )
        time.sleep(0.05)


def ask(folder: ClassFolder, until: int) -> None:
    class_folder.write(folder.folder / REQUEST, json.dumps({"until": until}) + "\n", prefix=".run-")


def asked(folder: ClassFolder) -> int | None:
    """Until when the lesson shall be open, 0: not at all; None if nobody asked."""
    try:
        until = json.loads((folder.folder / REQUEST).read_text())["until"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return until if isinstance(until, int) else None
