"""`fleet workshop doctor`: whether this computer is ready for the lessons, one line per part, with the fix."""

from __future__ import annotations

import errno
import importlib.metadata
import importlib.util
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from fleet_tools import doctor, session
from fleet_tools.doctor import Check
from fleet_tools.errors import ERROR, OK

PORT = 8000  # of the lessons that serve
PIP = "pip install -c constraints.txt"


@click.command("doctor")
@session.json_option("the checks")
def doctor_command(as_json: bool) -> int:
    """Is this computer ready for the lessons? One line per part, with the fix."""
    done = list(checks())
    ready = all(one.state != "bad" for one in done)
    if as_json:
        session.print_json({"ready": ready, "checks": [asdict(one) for one in done]})
        return OK if ready else ERROR
    for one in done:
        doctor.show(one)
    if not ready:
        click.echo("Not ready yet: a line with ✗ needs its fix.")
        return ERROR
    click.echo("Ready. Now type:")
    if not active():
        click.echo(f"  . {_short(Path(sys.prefix) / 'bin' / 'activate')}      (once in every new terminal)")
    click.echo("  fleet workshop start")
    return OK


def checks() -> Iterator[Check]:
    yield doctor.check_python()
    micropython = doctor.check_micropython()
    if micropython.state != "ok":
        micropython = Check("micropython", "bad", micropython.text.split(",")[0], micropython.fix)
    yield micropython
    yield packages()
    yield packages(("mpremote",), "mpremote", f"{PIP} -e .")
    umqtt = doctor.check_umqtt()
    yield Check("umqtt", umqtt.state, umqtt.text.replace(": simulated nodes cannot start", ""), umqtt.fix)
    yield broker()
    yield port()
    yield boards()


def active() -> bool:
    """Whether who types `micropython` gets the one of this environment."""
    found = shutil.which("micropython")
    return found is not None and Path(found).parent == Path(sys.executable).parent


def of_the_lessons() -> tuple[str, ...]:
    """The names in [workshop] of pyproject.toml, as they were when this was installed."""
    ours = (one.partition(";") for one in importlib.metadata.requires("sensor-fleet") or ())
    return tuple(re.split(r"[^\w.-]", name, maxsplit=1)[0] for name, _, when in ours if "workshop" in when)


def packages(names: tuple[str, ...] | None = None, title: str = "lessons", fix: str = "make workshop") -> Check:
    found, missing = [], []
    for name in of_the_lessons() if names is None else names:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check(title, "bad", f"not installed: {', '.join(missing)}", fix)
    return Check(title, "ok", ", ".join(found))


def broker() -> Check:
    """For the lessons with MQTT; a shared one does as well."""
    by_hand = "" if shutil.which("mosquitto_sub") else "; no mosquitto_sub: fleet watch shows the same"
    if found := shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/opt/homebrew/sbin"):
        return Check("broker", "ok", f"mosquitto ({found}){by_hand}")
    if importlib.util.find_spec("iotcore") is not None:
        return Check("broker", "ok", f"iotcore, the small one from PyPI; there is no mosquitto{by_hand}")
    fix = "apt install mosquitto mosquitto-clients, or brew install mosquitto"
    return Check("broker", "warn", "none here: the lessons with MQTT need another computer's", fix)


def port() -> Check:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", PORT))
        except OSError as error:
            what = "another program has it" if error.errno == errno.EADDRINUSE else str(error.strerror)
            fix = "is a lesson still running in another terminal? Ctrl-C there"
            return Check("port", "warn", f"{PORT}, for a lesson's web page: {what}", fix)
    return Check("port", "ok", f"{PORT} is free for a lesson's web page")


def boards() -> Check:
    from fleet_tools.boards import ports

    found = ports()
    if not found:
        return Check("boards", "ok", "none is plugged in; the first part needs none")
    closed = [one for one in found if not os.access(one, os.R_OK | os.W_OK)]
    if closed:
        return Check(
            "boards", "warn", f"{', '.join(closed)} may not be opened by you",
            "sudo usermod -aG dialout $USER, then log out and in; with WSL also usbipd (workshop/README.md)",
        )  # fmt: skip
    return Check("boards", "ok", ", ".join(found))


def _short(path: Path) -> str:
    """From here, if it is below."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
