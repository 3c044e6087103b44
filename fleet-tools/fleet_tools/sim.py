"""`fleet sim up N`: the real node program, N times, on this computer; one process each, stopped by Ctrl-C."""

from __future__ import annotations

import json
import signal
import tempfile
from dataclasses import replace
from pathlib import Path

import click

from fleet_schema import topics
from fleet_tools import fetch, session, settings
from fleet_tools.errors import ERROR, OK, USAGE, FleetError

EPILOG = """\b
Examples:
  fleet sim up 3                           sim-1, sim-2, sim-3 at the broker that is running
  fleet sim up 30 --prefix class- --broker mqtt://192.168.1.10
  fleet sim up 1 --period 250
  fleet sim up 1 --alone --web 8001        no broker: the node serves a page of its own at port 8001
  fleet sim up 3 --web 8001                both: pages at 8001, 8002 and 8003
"""
GOODBYE_S = 3.0
SENSORS = ("sht4x", "bmp280", "mpu6886")


@click.group("sim")
def sim_command() -> None:
    """Simulated nodes on this computer."""


@sim_command.command("up", epilog=EPILOG)
@click.argument("count", type=click.IntRange(1, 500), metavar="N")
@click.option("--prefix", default="sim-", show_default=True, help="What their ids begin with.")
@click.option("--period", type=click.IntRange(100, 3_600_000), metavar="MS", help="Time between readings.")
@click.option(
    "--credentials",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='File with {"node id": "password"}; then these are the nodes.',
)
@click.option(
    "--web", type=click.IntRange(1, 65000), metavar="PORT", help="Each serves its own page, from this port on."
)
@click.option("--alone", is_flag=True, help="Without any broker; then --web is needed.")
@click.option("--quiet", is_flag=True, help="Do not show what the nodes print.")
@session.connection_options
def up_command(
    count: int,
    prefix: str,
    period: int | None,
    credentials: Path | None,
    web: int | None,
    alone: bool,
    quiet: bool,
    broker: str | None,
    base: str | None,
) -> int:
    """Start N simulated nodes and keep them running until Ctrl-C."""
    chosen = settings.load(broker, base)
    if alone and (web is None or broker):
        raise FleetError("--alone is without any broker: say --web PORT with it, and no --broker", USAGE)
    accounts = read_credentials(credentials) if credentials else {f"{prefix}{i}": "" for i in range(1, count + 1)}
    if len(accounts) < count:
        raise FleetError(f"{credentials} has accounts for {len(accounts)} nodes, not for {count}", USAGE)
    for node in accounts:
        if not topics.is_node_id(node):
            raise FleetError(f"{node!r} is not a node id: use a-z, 0-9 and -, at most 20 characters", USAGE)
    nodes = dict(list(accounts.items())[:count])
    try:
        fetch.fetch()
    except fetch.FetchError as error:
        raise FleetError(str(error)) from None
    more = {} if period is None else {"FLEET_PERIOD": str(period)}
    if alone:
        more["FLEET_BROKER"] = "none"
    return keep_running(nodes, chosen, more, web, quiet)


def read_credentials(path: Path) -> dict[str, str]:
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise FleetError(f"{path} cannot be read: {error}", USAGE) from None
    if not isinstance(document, dict) or not all(isinstance(one, str) for one in document.values()):
        raise FleetError(f'{path} is not an object of {{"node id": "password"}}', USAGE)
    return document


def keep_running(
    nodes: dict[str, str], chosen: settings.Settings, more: dict[str, str], web: int | None, quiet: bool
) -> int:
    """`more` is added to the environment of each, and each has a page at `web`, `web` + 1 and so on."""
    from fleet_client import parse_url
    from fleet_tools import processes
    from fleet_tools.crew import Crew

    try:
        address = parse_url(chosen.broker)
    except ValueError as error:
        raise FleetError(f"the broker {chosen.origin['broker']}: {error}", USAGE) from None
    with tempfile.TemporaryDirectory(prefix="fleet-sim-") as name, processes.Interrupt() as interrupt:
        folder = Path(name)
        config = folder / "config.json"
        config.write_text(json.dumps({"sensors": SENSORS}))  # and not the config.json that is meant for a board
        crew = Crew(session.note)
        try:
            for number, (node, password) in enumerate(nodes.items(), 1):
                to = replace(address, user=node, password=password) if password else address
                env = {
                    "FLEET_CONFIG": str(config),
                    "FLEET_BROKER": to.url,
                    "FLEET_BASE": chosen.base,
                    "FLEET_SEED": str(number),
                    **processes.node_files(folder, node),
                    **more,
                }
                if web is not None:
                    env |= {"FLEET_WEB": str(web + number - 1), "FLEET_WEB_COMMANDS": "1"}
                crew.start(processes.node_child(node, env, folder / f"{node}.log" if quiet else None))
                if interrupt:
                    break
            where = "without any broker" if "FLEET_BROKER" in more else f"for {address.public}, base {chosen.base}"
            session.note(f"{len(crew.children)} nodes {where}; Ctrl-C stops them")
            while not interrupt and len(crew.lost) < len(crew.children):
                crew.tend()
                interrupt.wait(0.1)
        finally:
            processes.stop(crew.children, signal.SIGINT, GOODBYE_S, interrupt.again)
        return OK if interrupt else ERROR
