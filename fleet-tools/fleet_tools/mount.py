"""`fleet mount`: the edit-run loop. A board runs main.py of a folder of this computer, by mpremote mount."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import click

from fleet_tools import boards, session
from fleet_tools.errors import OK, USAGE, FleetError
from fleet_tools.fetch import NODE

KINDS = (".py", ".mpy", ".json", ".txt")  # a change of one of these starts the program again
STOP_S = 5.0
# The program comes from /remote, its settings, its certificate and what it keeps from the board's own flash.
RUN = """
import os, sys
os.chdir('/')
sys.path[:] = ['/remote', '/remote/lib'] + [p for p in sys.path if p]
try:
    os.stat('/remote/config.json')
except OSError:
    try:
        import fleet_node.config
        fleet_node.config._beside_main = lambda name: '/' + name
    except ImportError:
        pass
import main
"""


@click.command("mount")
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--port", metavar="PORT", help="Of the board, if several are plugged in.")
def mount_command(folder: Path | None, port: str | None) -> int:
    """Run main.py of FOLDER (default: the node's program that is here) on a board, without copying anything.

    Whenever a file there changes, it starts again. The settings are the board's own, unless FOLDER has a config.json.
    Ctrl-C ends; then the board runs its own program again.
    """
    from fleet_tools import processes
    from fleet_tools.board import Board

    place = folder or NODE
    if not (place / "main.py").is_file():
        raise FleetError(f"{place} has no main.py: name the folder that has the program", USAGE)
    at = boards.one_port(port)
    with Board(at, say=session.note) as board:
        board.facts()  # it answers, or one sentence says why not
    session.note(f"{at} runs {place}/main.py, and nothing is copied: change a file there and it starts again.")
    session.note("Ctrl-C ends this; then the board runs its own program again.")
    with processes.Interrupt() as interrupt:
        while not interrupt:
            before = changes(place)
            child = _start(at, place)
            told = False
            while not interrupt and changes(place) == before:
                interrupt.wait(0.3)
                if child.poll() is not None and not told:
                    told = True
                    session.note("main.py has ended; change a file and it starts again, Ctrl-C ends")
            _stop(child)
            if not interrupt:
                session.note("a file has changed: starting again")
    with Board(at, say=session.note) as board:
        board.reset()
    return OK


def changes(folder: Path) -> dict[str, int]:
    """{file: when it was changed}; two of these differ if the program does."""
    found = {}
    for path in folder.rglob("*"):
        if path.suffix in KINDS:
            try:
                found[str(path)] = path.stat().st_mtime_ns
            except OSError:
                pass  # an editor is just replacing it
    return found


def _start(port: str, folder: Path) -> subprocess.Popen[bytes]:
    """mpremote of its own session: our Ctrl-C is told to it once, by us."""
    command = [sys.executable, "-m", "mpremote", "connect", port, "mount", str(folder), "exec", RUN]
    return subprocess.Popen(
        command, env={**os.environ, "PYTHONUNBUFFERED": "1"}, stdin=subprocess.DEVNULL, start_new_session=True
    )


def _stop(child: subprocess.Popen[bytes]) -> None:
    """It does not stop what runs on the board; who comes next does."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
