"""`fleet join`: one line from a sheet, and a node of this computer is in the class; or one sentence says what to do.

The node itself finds out what is in the way (node/fleet_node/joining.py), so that a PC and a board say the same.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from fleet_tools import fetch, processes, session, ticket
from fleet_tools.errors import ERROR, NO_BROKER, NOBODY_ANSWERED, OK, SOME_FAILED, USAGE, FleetError

EPILOG = """\b
Examples:
  fleet join                          asks for the ticket; it is not shown
  fleet join --check                  only whether it works, for at most 20 s
  fleet join --ticket-file my.ticket  reads it from a file, or from a pipe with -
  fleet join --config config.json     what the page of the QR code gave you for a board
\b
The ticket is the line on your sheet: mqtt://ada:abcd-efgh-jkmn-pqrs@192.168.1.10/3b
\b
With --check the exit code is 0 it works, 1 the ticket does not fit this class, 2 the ticket is broken,
4 not heard by the dashboard, 5 no broker there that takes us.
"""
SENSORS = ("sht4x", "bmp280", "mpu6886")
CHECK_S = 20.0  # the node speaks within 10, but a slow computer takes a moment to start it
GOODBYE_S = 3.0
JOINING = re.compile(r"^\S+: joining: (.*)$")
CODES = {
    **dict.fromkeys(("works",), OK),
    **dict.fromkeys(("secret", "no-secret", "id", "denied", "base", "unknown"), ERROR),
    **dict.fromkeys(("off", "unheard"), NOBODY_ANSWERED),
}  # all other words: NO_BROKER


@click.command("join", epilog=EPILOG)
@click.option(
    "--ticket-file", "file", type=click.File(), metavar="FILE", help="Read the ticket from FILE, or - for stdin."
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A config.json in place of the ticket.",
)
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The CA certificate of the class, if its dashboard cannot be asked for it.",
)
@click.option("--check", is_flag=True, help="Only say whether it works, and end.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Where the node keeps its files.")
@click.option("--period", type=click.IntRange(100, 3_600_000), metavar="MS", help="Time between readings.")
def join_command(
    file: Any, config: Path | None, ca: Path | None, check: bool, folder: Path | None, period: int | None
) -> int:
    """Bring a simulated node of this computer into a class, with the ticket of a sheet."""
    if file is not None and config is not None:
        raise FleetError("give --ticket-file or --config, not both", USAGE)
    wanted = read_config(config) if config else from_ticket(file.read() if file else ask())
    if period is not None:
        wanted["period"] = period
    if ca is not None:
        name_ca(wanted["broker"], ca)
    try:
        fetch.fetch()
    except fetch.FetchError as error:
        raise FleetError(str(error)) from None
    if check:
        with tempfile.TemporaryDirectory(prefix="fleet-join-") as name:
            return run(wanted, Path(name), check)
    return run(wanted, folder or default_folder(wanted), check)


def ask() -> str:
    """The line a person types or pastes, unseen; from a pipe the first line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline()
    question = "Ticket (the line of your sheet; it is not shown)"
    text: str = click.prompt(question, hide_input=True, default="", show_default=False)
    return text


def from_ticket(text: str) -> dict[str, Any]:
    try:
        wanted = ticket.parse(text).config()
    except ticket.TicketError as error:
        raise FleetError(str(error), USAGE) from None
    if wanted["broker"].get("tls"):
        wanted["broker"]["http"] = ticket.http_port(text)
    return wanted


def name_ca(broker: dict[str, Any], ca: Path) -> None:
    """FleetError if it is not the CA that the ticket means."""
    from fleet_tools import certificates

    if not broker.get("tls"):
        raise FleetError("this ticket is for a broker without TLS, so it needs no --ca", USAGE)
    if broker.get("fingerprint", "") not in ("", certificates.fingerprint(ca)):
        raise FleetError(f"{ca} is not the CA certificate that your ticket means: compare its end, behind the #", USAGE)
    broker["ca"] = str(ca.resolve())


def read_config(path: Path) -> dict[str, Any]:
    """What of a board's config.json is for any node."""
    try:
        found = json.loads(path.read_text())
        broker = found["broker"]
        return {"node": str(found["node"]), "base": str(found.get("base") or "fleet"), "broker": dict(broker)}
    except (OSError, ValueError, KeyError, TypeError):
        raise FleetError(f"{path} is no config.json of a node: it has no node or no broker", USAGE) from None


def default_folder(wanted: dict[str, Any]) -> Path:
    """One for each node of each class, so that its readings that wait are found again."""
    home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(home) / "sensor-fleet" / "joined" / f"{wanted['base']}-{wanted['node']}"


def write_config(wanted: dict[str, Any], folder: Path) -> Path:
    """The node's config.json in `folder`, for nobody else's eyes: it holds the secret."""
    path = processes.private_folder(folder) / "config.json"
    broker = wanted["broker"]
    if broker.get("ca") == "ca.der":
        wanted = {**wanted, "broker": {**broker, "ca": str(path.with_name("ca.der"))}}  # fetched by the node
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"sensors": SENSORS, **wanted}, file, indent=2)
    fresh.replace(path)
    return path


def run(wanted: dict[str, Any], folder: Path, check: bool) -> int:
    """The node in the foreground, until Ctrl-C; with `check` until it knows."""
    node = wanted["node"]
    log = folder / "node.log"
    env = {
        "FLEET_CONFIG": str(write_config(wanted, folder)),
        "FLEET_BASE": wanted["base"],
        "FLEET_BROKER": "",  # these are said by the config and not by the shell we were started from
        "FLEET_PERIOD": "",
        "FLEET_NAME": "",
        **processes.node_files(folder, node),
    }
    child = processes.node_child(node, env, log)
    broker = wanted["broker"]
    session.note(f"{node} of {wanted['base']} goes to {broker['host']}:{broker['port']}; Ctrl-C ends it")
    with processes.Interrupt() as interrupt:
        child.start()
        watch = Watch(log, quiet=check)
        try:
            deadline = time.monotonic() + CHECK_S
            while not interrupt:
                ended = child.code
                watch.look()
                if check and watch.word:
                    return CODES.get(watch.word, NO_BROKER)
                if ended == processes.STARTS_AGAIN:
                    child.start()
                elif ended is not None:
                    raise FleetError(f"the node ended with code {ended}:\n{child.tail()}")
                if check and time.monotonic() > deadline:
                    raise FleetError(f"the node does not say whether it works:\n{child.tail()}", SOME_FAILED)
                interrupt.wait(0.1)
        finally:
            processes.stop([child], signal.SIGINT, GOODBYE_S, interrupt.again)
            watch.look()
            watch.close()
    return OK


class Watch:
    """Follows the node's words: relays them, and makes what it says about joining stand out. `word` is the last."""

    def __init__(self, log: Path, quiet: bool) -> None:
        self.word = ""
        self._file = log.open()
        self._quiet = quiet
        self._rest = ""
        self._words = {title: word for word, title in titles()}

    def look(self) -> None:
        *lines, self._rest = (self._rest + self._file.read()).split("\n")
        for line in lines:
            found = JOINING.match(line)
            if found:
                self._joined(found[1])
            elif not self._quiet:
                session.note("  " + line)

    def close(self) -> None:
        self._file.close()

    def _joined(self, sentence: str) -> None:
        title = sentence.split(". ")[0]
        self.word = self._words.get(title, title)
        good = self.word == "works"
        mark = "OK " if good else ">> "
        session.note("") if not self._quiet else None
        click.secho(mark + sentence[:1].upper() + sentence[1:], fg="green" if good else "red", bold=True)
        session.note("") if not self._quiet else None


def titles() -> list[tuple[str, str]]:
    """(word, title) of all that a node may say about joining."""
    lines = (fetch.NODE / "fleet_node" / "joining.txt").read_text().splitlines()
    split = (line.partition("|") for line in lines)
    return [(word, sentence.split(". ")[0]) for word, _, sentence in split]
