"""`fleet report`: what a lesson came to, as a file to print and keep, or for a spreadsheet."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

import click

from fleet_tools import dashboard, export, settings
from fleet_tools.errors import OK, USAGE, FleetError
from fleet_tools.verify import Since

FORMS = {".html": ".html", ".htm": ".html", ".csv": ".csv", ".json": ""}
EPILOG = """\b
Examples:
  fleet report -o lesson.html                      the last 90 minutes
  fleet report --last 45m --group red -o red.html
  fleet report --last 3h -o lesson.csv
  fleet report --last 1d > day.json
\b
The end of the file's name says what it is: .html to print and keep, .csv for a spreadsheet, .json for programs.
"""


@click.command("report", epilog=EPILOG)
@click.option("--last", type=Since(), default="90m", metavar="TIME", show_default=True, help="The last 45m, 3h, 1d.")
@click.option("--group", metavar="GROUP", help="Only nodes of this group.")
@click.option("-o", "--output", metavar="FILE", help="Default: JSON on standard output.")
@click.option("--dashboard", "url", metavar="URL", help="http://host:port of the dashboard.")
def report_command(last: int, group: str | None, output: str | None, url: str | None) -> int:
    """Who was there, what was measured, pressed and won: a lesson on paper.

    Asks the dashboard, and needs no broker.
    """
    chosen = settings.load(dashboard=url).dashboard
    form = "" if output is None else FORMS.get(Path(output).suffix.lower())
    if form is None:
        raise FleetError(f"{output} ends in none of {', '.join(FORMS)}, so it is not clear what to write", USAGE)
    now = int(dashboard.require(chosen, "/api/snapshot")["now"])
    query = {"from": str(now - last), "to": str(now + 1)} | ({"group": group} if group else {})
    if form == ".html":
        query["zone"] = str(time.localtime().tm_gmtoff // 60)
    path = f"/api/report{form}?{urlencode(query)}"
    if output is not None:
        export.save(chosen, path, Path(output))
    else:
        document = dashboard.require(chosen, path)
        click.echo(json.dumps(document, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))
    return OK
