"""`fleet boards`: what is plugged in, and whether it can be a node."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import click

from fleet_tools import session
from fleet_tools.errors import SOME_FAILED, USAGE, FleetError
from fleet_tools.verbs import Verbs

AT_ONCE = 16  # boards in parallel; each waits for its serial port most of the time
OLDEST = (1, 24)  # of MicroPython: what node/ is written for


def ports(given: tuple[str, ...] = ()) -> list[str]:
    """Those that were named, else FLEET_PORTS, else every USB serial port of this computer."""
    if given:
        return list(given)
    named = os.environ.get("FLEET_PORTS", "").split()
    if named:
        return named
    from serial.tools.list_ports import comports

    return sorted(port.device for port in comports() if port.vid is not None)


def some_ports(given: tuple[str, ...]) -> list[str]:
    found = ports(given)
    if not found:
        raise FleetError(
            "no board is plugged in: use a USB cable that carries data, and on Linux be in the group dialout", USAGE
        )
    return found


def chosen_ports(given: tuple[str, ...], everybody: bool) -> list[str]:
    """Those that were named, `everybody`, or the only one there is."""
    found = some_ports(given)
    if len(found) > 1 and not (everybody or given):
        raise FleetError(
            f"{len(found)} boards are plugged in ({', '.join(found)}): name one with --port, or use --all", USAGE
        )
    return found


def one_port(given: str | None) -> str:
    """The one that was named, or the only one there is."""
    found = some_ports((given,) if given else ())
    if len(found) > 1:
        raise FleetError(f"{len(found)} boards are plugged in ({', '.join(found)}): name one with --port", USAGE)
    return found[0]


def look(port: str) -> dict[str, Any]:
    """One row: port, machine, firmware, id, free and size in bytes, and `trouble`: None or a sentence."""
    from fleet_tools.board import Board, BoardError

    try:
        with Board(port) as board:
            facts = board.facts()
            board.reset()
    except BoardError as error:
        return {"port": port, "trouble": str(error)}
    return {
        "port": port,
        "machine": facts.machine,
        "firmware": facts.firmware,
        "id": facts.id,
        "free": facts.free,
        "size": facts.size,
        "trouble": too_old(facts.version),
    }


def too_old(version: tuple[int, ...]) -> str | None:
    if version >= OLDEST:
        return None
    have, need = (".".join(map(str, one)) for one in (version, OLDEST))
    return f"its MicroPython {have} is older than {need}: flash a newer one from micropython.org/download"


VERBS = {
    "save": ("boards_copy", "Their settings and accounts into a file of this computer."),
    "load": ("boards_copy", "Bring them back, onto the same board or another one."),
}


@click.group("boards", cls=Verbs, verbs=VERBS, typed="fleet boards", invoke_without_command=True)
@click.option("--port", "given", multiple=True, metavar="PORT", help="Only this one; may be repeated.")
@session.json_option("the boards")
@click.pass_context
def boards_command(ctx: click.Context, given: tuple[str, ...], as_json: bool) -> int:
    """What is plugged in: board, firmware, free flash. Stops what runs there for a moment, then resets the board.

    \b
    Ports: --port, else FLEET_PORTS, else every USB serial port.
    """
    if ctx.invoked_subcommand:
        return 0
    found = some_ports(given)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        rows = list(pool.map(look, found))
    if as_json:
        session.print_json({"boards": rows})
    else:
        for row in rows:
            click.echo(_line(row))
    return SOME_FAILED if any(row["trouble"] for row in rows) else 0


def _line(row: dict[str, Any]) -> str:
    if "machine" not in row:
        return f"{row['port']:<16} {row['trouble']}"
    free = f"{row['free'] // 1024} of {row['size'] // 1024} KB free"
    line = f"{row['port']:<16} {row['machine']}, MicroPython {row['firmware']}, {free}"
    return line + (f"; {row['trouble']}" if row["trouble"] else "")
