"""`fleet export`: readings or events of the dashboard as a CSV or Parquet file, streamed."""

from __future__ import annotations

import contextlib
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO
from urllib.parse import urlencode

import click

from fleet_tools import dashboard, session, settings
from fleet_tools.errors import OK, USAGE, FleetError
from fleet_tools.verify import Since

TIMEOUT_S = 600.0  # between two pieces; before the first one of a backup, all of it is written
EPILOG = """\b
Examples:
  fleet export > readings.csv                       everything
  fleet export --node ada --sensor sht4x -o ada.csv
  fleet export --since 1d --format parquet -o day.parquet
  fleet export events --since 1h                    button presses of the last hour
\b
A line is one field of one reading: time (UTC), node, sensor, field, value, boot, seq, up, exact. Where exact is 0
the time is "no later than".
"""


@click.command("export", epilog=EPILOG)
@click.argument("kind", type=click.Choice(["readings", "events"]), default="readings")
@click.option("--node", metavar="NODE", help="Only this node.")
@click.option("--sensor", metavar="SENSOR", help="Only this sensor.")
@click.option("--since", type=Since(), metavar="TIME", help="Only the last 30m, 1h, 2d.")
@click.option("--format", "form", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Default: standard output.")
@click.option("--dashboard", "url", metavar="URL", help="http://host:port of the dashboard.")
def export_command(
    kind: str, node: str | None, sensor: str | None, since: int | None, form: str, output: str | None, url: str | None
) -> int:
    """Readings or events as a file for a spreadsheet, pandas or R.

    Asks the dashboard, and needs no broker.
    """
    if output is None and form == "parquet" and sys.stdout.isatty():
        raise FleetError("Parquet is not for a terminal: name a file with -o", USAGE)
    chosen = settings.load(dashboard=url).dashboard
    query = {key: value for key, value in (("node", node), ("sensor", sensor)) if value}
    if since is not None:
        query["from"] = str(int(dashboard.require(chosen, "/api/snapshot")["now"]) - since)
    path = f"/api/export/{kind}.{form}" + (f"?{urlencode(query)}" if query else "")
    if output is None:
        fetch(chosen, path, sys.stdout.buffer)
    else:
        save(chosen, path, Path(output))
    return OK


def save(url: str | None, path: str, target: Path, headers: Mapping[str, str] = MappingProxyType({})) -> None:
    """A file is there whole or not at all."""
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("wb") as file:
            fetch(url, path, file, headers)
        part.replace(target)
    except OSError as error:
        raise FleetError(f"{target} cannot be written ({error.strerror})") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    session.note(f"{target}: {target.stat().st_size:,} bytes")


def fetch(url: str | None, path: str, sink: IO[bytes], headers: Mapping[str, str] = MappingProxyType({})) -> None:
    """FleetError with one sentence also if it ends half way."""
    if not url or not url.startswith(("http://", "https://")):
        raise FleetError("this needs the dashboard: name yours with FLEET_DASHBOARD, like http://127.0.0.1:8080")
    try:
        request = urllib.request.Request(url.rstrip("/") + path, headers=dict(headers))
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        with error:
            raise FleetError(dashboard.refusal(url, error)) from None
    except OSError as error:
        raise FleetError(f"no dashboard answers at {url} ({getattr(error, 'reason', error)})") from None
    with answer:
        try:
            shutil.copyfileobj(answer, sink)
            sink.flush()
        except BrokenPipeError:
            return  # `| head` has seen enough
        except (ConnectionError, TimeoutError, ValueError) as error:
            raise FleetError(f"the dashboard ended in the middle of it ({error}); try again") from None
