"""`fleet restore`: a backup takes the place of the dashboard's database, which is kept beside it."""

from __future__ import annotations

import subprocess
import sys

import click

EPILOG = """\b
Examples:
  fleet restore fleet-2026-11-28.db --data fleet-data
  docker compose stop dashboard
  docker compose run --rm -T -v "$PWD:/from:ro" dashboard fleet restore /from/fleet-2026-11-28.db
\b
The dashboard must not run meanwhile: it is refused then, and nothing is changed. A backup of an older version is
upgraded at the next start. Results of rounds that the backup brings are added to those that are there.
\b
What nodes have sent since the backup is not in it, and what they were told to forget cannot come again. The account
says so once they speak again: `fleet verify` counts it as gone, or as before.
"""


@click.command("restore", epilog=EPILOG)
@click.argument("file", metavar="FILE")
@click.option("--data", metavar="DIR", help="Folder of the dashboard's database.  [FLEET_DATA, or fleet-data]")
def restore_command(file: str, data: str | None) -> int:
    """Put a backup in the place of the dashboard's database.

    Works on files; needs neither broker nor dashboard.
    """
    where = [] if data is None else [f"--data={data}"]
    command = [sys.executable, "-P", "-m", "fleet_dashboard.restore", *where, "--", file]
    return subprocess.run(command, check=False).returncode
