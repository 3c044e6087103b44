"""`fleet deploy`: which boards, with whose settings, and how it ended."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from fleet_tools import boards, deploy, session, settings
from fleet_tools.errors import ERROR, SOME_FAILED, USAGE, FleetError

if TYPE_CHECKING:
    from fleet_tools.board_accounts import Accounts

LAST = Path(".fleet-deploy.json")  # what failed in this folder: for --failed-only


@click.command("deploy")
@click.option("--port", "given", multiple=True, metavar="PORT", help="To this board; may be repeated.")
@click.option("--all", "everybody", is_flag=True, help="To every board that is plugged in.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Settings to lay over what the board has.",
)
@click.option(
    "--class", "class_name", metavar="NAME", help="Each board becomes a node of this class: its own or a free one."
)
@click.option(
    "--node",
    "nodes",
    multiple=True,
    metavar="ID|PORT=ID",
    help="Of the class: which node the board becomes; may be repeated.",
)
@click.option("--no-tls", "plain", is_flag=True, help="With --class, for boards that cannot do TLS.")
@click.option(
    "--ticket-file", "ticket", type=click.File(), metavar="FILE", help="The ticket of a sheet, or - for stdin."
)
@click.option("--wifi", "ssid", metavar="NAME", help="The Wi-Fi of the boards; asks for its password.")
@click.option("--failed-only", is_flag=True, help="Only to those that failed the last time in this folder.")
@click.option("--dry-run", is_flag=True, help="Say what would be copied, and change nothing.")
@click.option("--no-wait", is_flag=True, help="Do not wait until the nodes are on the broker.")
@session.json_option("what became of each board")
@session.connection_options
def deploy_command(
    given: tuple[str, ...],
    everybody: bool,
    config: Path | None,
    class_name: str | None,
    nodes: tuple[str, ...],
    plain: bool,
    ticket: IO[str] | None,
    ssid: str | None,
    failed_only: bool,
    dry_run: bool,
    no_wait: bool,
    as_json: bool,
    broker: str | None,
    base: str | None,
) -> int:
    """Put the node's program onto boards: only what changed, and a cut leaves the old program or the new.

    \b
    Examples:
      fleet deploy                                     the one board that is plugged in
      fleet deploy --all --config classroom.json       twenty at once, with Wi-Fi and broker
      fleet deploy --all --class 3b --wifi Room12      each becomes a node of class 3b
      fleet deploy --failed-only
    """
    if class_name is not None:
        from fleet_tools.class_folder import ClassFolder

        ClassFolder.open(class_name)  # whoever mistypes its name hears that first
    targets = _targets(given, everybody, failed_only)
    settings_of_all = _read_config(config)
    accounts = _accounts(targets, class_name, nodes, plain, ticket)
    if ssid is not None:
        settings_of_all["wifi"] = {"ssid": ssid, "password": _ask_password(ssid)}
    works = [deploy.Work(port, settings_of_all) for port in targets]
    lines = deploy.Lines(works)
    if dry_run or no_wait:
        deploy.deploy(
            works,
            lines.tell,
            dry_run=dry_run,
            prepare=lambda: deploy.hand_out(works, lines.tell, accounts, dry_run=dry_run),
        )
    else:
        own = accounts.broker if accounts else None
        place = settings.load(
            broker or os.environ.get("FLEET_BROKER") or own,
            base or (accounts.base if accounts else settings_of_all.get("base")),
        )
        session.run(place, lambda client: deploy.deploy_and_see(client, works, lines.tell, accounts))
    failed = [work.port for work in works if work.state == "failed"]
    if not dry_run:
        LAST.write_text(json.dumps({"failed": failed}) + "\n")
    if as_json:
        session.print_json({"boards": [work.as_json() for work in works]})
    if failed:
        session.note(f"{len(failed)} of {len(works)} failed; fleet deploy --failed-only tries them again")
    return 0 if not failed else ERROR if len(failed) == len(works) else SOME_FAILED


def _targets(given: tuple[str, ...], everybody: bool, failed_only: bool) -> list[str]:
    if failed_only:
        try:
            failed = json.loads(LAST.read_text())["failed"]
        except (OSError, ValueError, KeyError):
            raise FleetError(
                "nothing is known of an earlier deploy in this folder: leave --failed-only out", USAGE
            ) from None
        if not failed:
            raise FleetError("nothing failed the last time", USAGE)
        return [str(port) for port in failed]
    return boards.chosen_ports(given, everybody)


def _accounts(
    targets: list[str], class_name: str | None, nodes: tuple[str, ...], plain: bool, ticket: IO[str] | None
) -> Accounts | None:
    """Who says which board is which node: a class, a ticket, or None for their own config.json."""
    from fleet_tools import board_accounts

    if ticket is not None:
        if class_name or len(targets) > 1:
            raise FleetError("a ticket is for one board: name it with --port, and leave --class out", USAGE)
        return board_accounts.OneTicket(ticket.readline())
    if class_name is None:
        if nodes or plain:
            raise FleetError("--node and --no-tls are for --class NAME", USAGE)
        return None
    wished = {}
    for one in nodes:
        port, _, node = one.rpartition("=")
        if port and port not in targets:
            raise FleetError(f"--node {one}: {port} is not among {', '.join(targets)}", USAGE)
        if not port and len(targets) > 1:
            raise FleetError(f"which board shall be {node}? say --node PORT={node}", USAGE)
        wished[port or targets[0]] = node
    return board_accounts.ClassBoards(class_name, wished, plain=plain)


def _ask_password(ssid: str) -> str:
    """Unseen from a person, else the first line of a pipe: it must not stand in a command."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    answer: str = click.prompt(f"Password of the Wi-Fi {ssid} (it is not shown)", hide_input=True)
    return answer


def _read_config(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        config = json.loads(path.read_text())
    except ValueError:
        raise FleetError(f"{path} is not JSON: look for a missing comma or quote", USAGE) from None
    if not isinstance(config, dict):
        raise FleetError(f"{path} is not a JSON object: start from node/config.example.json", USAGE)
    return config
