"""`fleet teacher`: the code by which a teacher logs in at the dashboard, and the link that does it.

Also how other verbs show the dashboard that they may: by FLEET_TOKEN, else by the code, if this person may read it.
"""

from __future__ import annotations

import json
import os
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import click

from fleet_client import credentials
from fleet_tools import session, settings
from fleet_tools.errors import OK, FleetError

DEFAULT = "http://127.0.0.1:8080"
EPILOG = """\b
Examples:
  fleet teacher                                    of the demo or the dashboard in this folder
  docker compose exec dashboard fleet teacher      of the one in Docker
  fleet teacher --new                              somebody saw the code: a new one, and every login ends
\b
The link works once it is opened: the page logs in and takes the code out of the address bar.
"""
DATA = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="The dashboard's data folder.  [default: FLEET_DATA, the demo's in this folder, or fleet-data]",
)


@click.command("teacher", epilog=EPILOG)
@DATA
@click.option("--new", "renew", is_flag=True, help="Make another code; whoever is logged in is so no more.")
@click.option("--at", metavar="HOST:PORT", envvar="FLEET_DASHBOARD_PUBLIC", help="The dashboard, as browsers reach it.")
def teacher_command(data: Path | None, renew: bool, at: str | None) -> int:
    """The teacher's code, and a link that logs in with it.

    Everybody who reaches the dashboard may look; the code is for who may command and configure.
    """
    if renew:
        if os.environ.get("FLEET_TEACHER_CODE"):
            raise FleetError("the code is set by FLEET_TEACHER_CODE: change it there, and start the dashboard again")
        try:
            credentials.write_code(folder_of(data), credentials.new_code())
        except credentials.CredentialError as error:
            raise FleetError(str(error)) from None
        session.note("this is a new code, and it counts from now on: every login has ended")
    folder = folder_of(data)
    code = code_in(folder)
    if code is None:
        raise FleetError(f"there is no code in {folder} yet: the dashboard makes one when it starts there")
    click.echo(f"code {code}")
    url = f"http://{at.replace('0.0.0.0', '127.0.0.1')}" if at else settings.load().dashboard or DEFAULT
    click.echo(f"link {link(url, code)}")
    return OK


def link(url: str, code: str) -> str:
    """What stands after # is not sent to any server, so no log has it."""
    return f"{url.rstrip('/')}/#teacher={code}"


def folder_of(data: Path | None) -> Path:
    """FleetError if it is not there."""
    set_one = os.environ.get("FLEET_DATA")
    demo = settings.is_running(settings.read_toml(settings.DEMO_FILE).get("pid"))
    found = Path(set_one) if set_one else settings.DEMO_FILE.parent / "data" if demo else Path("fleet-data")
    folder = data or found
    if not folder.is_dir():
        raise FleetError(
            f"the dashboard's data folder is not {folder}: name it with --data, or start a dashboard there"
        )
    return folder


def code_in(folder: Path) -> str | None:
    """The code of a dashboard that was started with this folder and our environment; FleetError if we may not know."""
    try:
        return os.environ.get("FLEET_TEACHER_CODE") or credentials.read_code(folder)
    except credentials.CredentialError as error:
        raise FleetError(str(error)) from None


def headers(url: str | None) -> dict[str, str]:
    """What shows the dashboard at `url` that a teacher asks; empty if we have nothing to show.

    A code that we find goes to a dashboard of this computer only: FLEET_DASHBOARD may name somebody else's.
    """
    token = os.environ.get("FLEET_TOKEN")
    if token:
        return {"authorization": f"Bearer {token}"}
    if url is None or urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1"):
        return {}
    try:
        code = code_in(folder_of(None))
    except FleetError:
        return {}
    return _log_in(url, code) if code else {}


def _log_in(url: str, code: str) -> dict[str, str]:
    request = urllib.request.Request(f"{url.rstrip('/')}/api/login", json.dumps({"code": code}).encode(), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return {"cookie": str(answer.headers["set-cookie"]).partition(";")[0]}
    except OSError:  # it is refused, or an older dashboard: what is asked next says so
        return {}
