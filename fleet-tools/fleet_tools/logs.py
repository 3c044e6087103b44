"""`fleet logs`: what boards say at their USB ports, line by line. It only listens, so nothing is stopped or reset."""

from __future__ import annotations

import re
import threading

import click

from fleet_tools import boards, session
from fleet_tools.errors import OK

NAMED = re.compile(r"^([a-z0-9][a-z0-9-]{0,19}): (.*)$")  # how a node begins its own lines


class Voices:
    """Puts lines of several boards below each other; of one alone they stay as they are."""

    def __init__(self, several: bool) -> None:
        self._several = several
        self._names: dict[str, str] = {}
        self._lock = threading.Lock()

    def show(self, port: str, text: str) -> None:
        with self._lock:
            if not self._several:
                click.echo(text)
                return
            found = NAMED.match(text)
            if found:
                self._names[port], text = found[1], found[2]
            click.echo(f"{self._names.get(port) or port.rsplit('/', 1)[-1]:<12} | {text}")

    def note(self, text: str) -> None:
        with self._lock:
            session.note(text)


@click.command("logs")
@click.option("--port", "given", multiple=True, metavar="PORT", help="Of this board; may be repeated.")
@click.option("--all", "everybody", is_flag=True, help="Of every board that is plugged in.")
def logs_command(given: tuple[str, ...], everybody: bool) -> int:
    """What boards say, as it comes. They go on running; one that is reset or unplugged is waited for. Ctrl-C ends."""
    from fleet_tools import board_line, processes

    found = boards.chosen_ports(given, everybody)
    voices, ended = Voices(len(found) > 1), threading.Event()

    def follow(port: str) -> None:
        for line in board_line.lines(port, ended, voices.note):
            voices.show(port, line)

    threads = [threading.Thread(target=follow, args=(port,), name=port, daemon=True) for port in found]
    with processes.Interrupt() as interrupt:
        for thread in threads:
            thread.start()
        session.note(f"listening to {', '.join(found)}; Ctrl-C ends, and they go on running")
        while not interrupt:
            interrupt.wait(0.2)
    ended.set()
    for thread in threads:
        thread.join(2 * board_line.POLL_S)
    return OK
