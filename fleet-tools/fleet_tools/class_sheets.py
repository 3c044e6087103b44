"""`fleet class sheets`: the sheets of a class, as a page to print, and as one drawing for each node if wanted."""

from __future__ import annotations

import os
from pathlib import Path

import click

from fleet_tools import certificates, class_folder, lan, session
from fleet_tools.class_accounts import may_come
from fleet_tools.class_folder import ClassFolder
from fleet_tools.dashboard_child import command_line
from fleet_tools.errors import OK, USAGE, FleetError
from fleet_tools.ticket import Ticket, TicketError, parse

EPILOG = """\b
Examples:
  fleet class sheets 3b                        into the folder of the class; says where
  fleet class sheets 3b --at 192.168.1.20   if this computer has another address in the classroom
  fleet class sheets 3b --svg codes            also a QR code for each node, as codes/3b-01.svg
\b
Open it in a browser and print it; a PDF is among the printers there. It holds secrets, so its mode is 0600.
"""


@click.command("sheets", epilog=EPILOG)
@click.argument("name")
@click.option("--at", "where", metavar="HOST", help="Of this computer in the classroom's network.  [default: found]")
@click.option("--svg", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER", help="Also the QR codes.")
@click.option("--no-tls", "plain", is_flag=True, help="For boards that cannot do TLS: they join without.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Another file.")
def sheets_command(name: str, where: str | None, svg: Path | None, plain: bool, output: Path | None) -> int:
    """A sheet for each node, six on a page: id, secret, address, QR code, and how to join."""
    folder = ClassFolder.open(name)
    with folder.locked():
        if where is not None:
            folder.where = where
            tickets(folder, plain)  # an address that is none is refused before it is kept
            folder.save()
        path = write(folder, plain, output)
    click.echo(path)
    if svg is not None:
        write_codes(folder, plain, svg)
    where = address(folder)
    session.note(f"they say that the broker is at {where}")
    if folder.where is None:
        session.note(
            "that is where this computer is now; in another network print them again, "
            f"or choose with {command_line()} class sheets {name} --at HOST"
        )
    return OK


def write(folder: ClassFolder, plain: bool = False, output: Path | None = None) -> Path:
    """The file that was written; FleetError if it cannot be."""
    from fleet_tools import sheets

    made = tickets(folder, plain)
    names = {one.id: one.name for one in folder.nodes}
    cards = [sheets.Sheet(names[one.node], one) for one in made]
    path = output or folder.sheets
    class_folder.write(path, sheets.page(folder.base, cards, folder.ports["http"]))
    return path


def write_codes(folder: ClassFolder, plain: bool, where: Path) -> None:
    """One SVG for each node, named by its id."""
    from fleet_tools import sheets

    try:
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FleetError(f"{where} cannot be made ({error.strerror})") from None
    for ticket in tickets(folder, plain):
        code = sheets.qr_svg(sheets.link(ticket, folder.ports["http"]), size="40mm")
        class_folder.write(where / f"{ticket.node}.svg", code)


def tickets(folder: ClassFolder, plain: bool = False) -> list[Ticket]:
    """Of all who may come, in the order of the roster."""
    secrets, host = folder.secrets, address(folder)
    tls = not plain and not folder.in_docker
    ca = certificates.fingerprint(certificates.ensure(folder.tls, folder.base).ca) if tls else ""
    port = folder.ports["mqtts" if tls else "mqtt"]
    coming = [one for one in folder.nodes if may_come(folder, one.id) and one.id in secrets]
    if not coming:
        raise FleetError(f"class {folder.base} has no node that may join: fleet class add {folder.base} NAME", USAGE)
    made = [Ticket(one.id, secrets[one.id], host, port, folder.base, tls, ca) for one in coming]
    try:
        if parse(str(made[0])) != made[0]:
            raise TicketError("host", "it is no name or IPv4 address alone")
    except TicketError as error:
        raise FleetError(f"{host[:60]!r} cannot be on a sheet: {error}", USAGE) from None
    return made


def address(folder: ClassFolder) -> str:
    """What the sheets say: as the class has it, else where this computer is now."""
    if folder.where is not None:
        return folder.where
    if os.environ.get("FLEET_BIND", "0.0.0.0") not in ("0.0.0.0", "127.0.0.1", "::"):
        return os.environ["FLEET_BIND"]  # of compose.yaml
    found = lan.addresses()
    if not found:
        raise FleetError(
            f"this computer is in no network, so the sheets cannot say where it is: connect it, or name its address "
            f"with {command_line()} class sheets {folder.base} --at HOST"
        )
    return found[0]
