"""`fleet backup`: a consistent copy of the dashboard's database, while it runs."""

from __future__ import annotations

from pathlib import Path

import click

from fleet_tools import export, settings, teacher
from fleet_tools.errors import OK, USAGE, FleetError

EPILOG = """\b
Example:
  fleet backup "fleet-$(date +%F).db"
\b
It holds all readings, events, logs and accounts, and the results of rounds; not your own challenges, which are files.
To go back to it: stop the dashboard, `fleet restore FILE --data DIR`, start it again.
"""


@click.command("backup", epilog=EPILOG)
@click.argument("file", metavar="FILE")
@click.option("--force", is_flag=True, help="Also over a file that is there.")
@click.option("--dashboard", "url", metavar="URL", help="http://host:port of the dashboard.")
def backup_command(file: str, force: bool, url: str | None) -> int:
    """A copy of the dashboard's database, consistent while it goes on storing.

    Asks the dashboard, and needs no broker. It holds everything, so it is for the teacher: on the dashboard's own
    computer by its code, elsewhere by FLEET_TOKEN (fleet token new).
    """
    target = Path(file)
    if target.exists() and not force:
        raise FleetError(f"{target} is there already: name another file, or say --force", USAGE)
    chosen = settings.load(dashboard=url).dashboard
    export.save(chosen, "/api/backup", target, teacher.headers(chosen))
    return OK
