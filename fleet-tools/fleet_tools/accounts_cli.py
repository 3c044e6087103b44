"""`fleet accounts`: makes the broker's accounts, shows them to their owner, takes one away. Talks to no broker."""

import json
from pathlib import Path

import click

from fleet_schema import topics
from fleet_tools import accounts
from fleet_tools.accounts import AccountError
from fleet_tools.accounts_vault import BOARDS, CLASS, SIMULATED, Owners, Vault

FOLDER = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="FLEET_CREDENTIALS",
    required=True,
    help="Where the secrets lie; not inside a git checkout.",
)
BROKER_FOLDER = click.option(
    "--broker-folder",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="FLEET_BROKER_FOLDER",
    help="Where dynamic-security.json lies.  [default: the same]",
)
BASE = click.option(
    "--base", default="fleet", envvar="FLEET_BASE", show_default=True, help="First level of the topics."
)


def host_and_port(_context: click.Context, _option: click.Parameter, value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit():
        raise click.BadParameter(f"{value!r} is not HOST:PORT, like 192.168.1.10:1883")
    return value


@click.group("accounts")
def accounts_command() -> None:
    """The broker's accounts: one for each node and each service."""


@accounts_command.command()
@FOLDER
@BROKER_FOLDER
@BASE
@click.option("--nodes", default=0, envvar="FLEET_SIM_NODES", help="How many simulated nodes get an account.")
@click.option("--prefix", default="sim-", show_default=True, help="What the simulated nodes' ids begin with.")
@click.option("--board", "boards", multiple=True, envvar="FLEET_BOARDS", help="Id of a real node; may be repeated.")
@click.option("--team", "teams", multiple=True, envvar="FLEET_TEAMS", help="A group nodes may join; may be repeated.")
@click.option(
    "--broker",
    default="127.0.0.1:1883",
    envvar="FLEET_BROKER_AT",
    callback=host_and_port,
    help="HOST:PORT the services connect to.",
)
@click.option(
    "--tls-folder",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="FLEET_TLS_FOLDER",
    help="Where the CA and the broker's certificate lie; not made without.",
)
@click.option("--uid-broker", type=int, help="User id that owns the broker's files.")
@click.option("--uid-host", type=int, help="User id that owns the dashboard's and the tools' files.")
@click.option("--uid-nodes", type=int, help="User id that owns the simulated nodes' file.")
def init(
    folder: Path,
    broker_folder: Path | None,
    base: str,
    nodes: int,
    prefix: str,
    boards: tuple[str, ...],
    teams: tuple[str, ...],
    broker: str,
    tls_folder: Path | None,
    uid_broker: int | None,
    uid_host: int | None,
    uid_nodes: int | None,
) -> None:
    """Make all accounts that are missing; those that exist keep their passwords."""
    vault = Vault(folder, broker_folder or folder, Owners(uid_broker, uid_host, uid_nodes))
    simulated = [f"{prefix}{number}" for number in range(1, nodes + 1)]
    make(vault, base, simulated, list(boards), teams or accounts.TEAMS, broker)
    if tls_folder is not None:
        from fleet_tools import certificates

        certificates.ensure(tls_folder, base, broker_uid=uid_broker)
    count = len((vault.document() or {"clients": []})["clients"])
    news = "some of them new or changed" if vault.changed else "nothing to change"
    click.echo(f"{count} accounts, {news}; fleet accounts show says how to log in")


@accounts_command.command()
@FOLDER
@BASE
@click.argument("board", required=False)
@click.option(
    "--at",
    default="127.0.0.1:1883",
    envvar="FLEET_BROKER_PUBLIC",
    callback=host_and_port,
    help="HOST:PORT of the broker, as seen from where the lines are pasted.",
)
def show(folder: Path, base: str, board: str | None, at: str) -> None:
    """Print lines that are ready to paste; with BOARD, what goes into that board's config.json."""
    vault = Vault(folder, folder)
    click.echo(board_lines(vault, base, board, at) if board else lines(vault, base, at))


@accounts_command.command()
@FOLDER
@BROKER_FOLDER
@click.argument("name")
def remove(folder: Path, broker_folder: Path | None, name: str) -> None:
    """Take away the account of a node; it holds from the broker's next start."""
    vault = Vault(folder, broker_folder or folder)
    take_away(vault, name)
    click.echo(f"{name} is gone; restart the broker to make it so")


def make(vault: Vault, base: str, simulated: list[str], boards: list[str], teams: tuple[str, ...], broker: str) -> None:
    """Passwords, the broker's document, and for each service its credentials in the form in which it reads them."""
    if not topics.is_base(base):
        raise AccountError(f"{base!r} is no base: use 1 to 16 of a-z, 0-9 and -, and do not begin with -.")
    for team in teams:
        if not topics.is_group(team):
            raise AccountError(f"{team!r} is no group: use 1 to 16 of a-z, 0-9 and -, but not all or host.")
    for name in set(simulated) & set(boards):
        raise AccountError(f"{name!r} is the id of a simulated node: choose another one for the board.")
    every = [role(base, vault.password(service)) for service, role in accounts.SERVICE_ROLES.items()]
    in_class = vault.nodes(CLASS)  # fleet class made their accounts, and they stay as they are
    for kind, names in ((SIMULATED, simulated), (BOARDS, [one for one in boards if one not in in_class])):
        for name in names:
            accounts.node(base, name, "", teams)  # an illegal id is refused before anything is written for it
        every += [accounts.node(base, name, word, teams) for name, word in vault.add_nodes(kind, names).items()]
    vault.publish(every)
    for service in ("dashboard", "tools", "watch"):
        vault.hand_over(service, "broker-url", f"mqtt://{service}:{vault.password(service)}@{broker}\n")
    url = f"mqtt://tools:{vault.password('tools')}@{broker}"
    vault.hand_over("tools", "sensor-fleet/config.toml", f'broker = "{url}"\nbase = "{base}"\n')
    vault.hand_over("health", "mosquitto_sub", f"-i health\n-u health\n-P {vault.password('health')}\n")


def lines(vault: Vault, base: str, at: str) -> str:
    host, _, port = at.rpartition(":")
    watch, tools = vault.known_password("watch"), vault.known_password("tools")
    return "\n".join(
        (
            "# See every message, change nothing:",
            f"mosquitto_sub -h {host} -p {port} -u watch -P {watch} -t '{topics.everything(base)}' -v",
            "# The fleet command on this computer:",
            f"export FLEET_BROKER=mqtt://tools:{tools}@{at} FLEET_BASE={base}",
        )
    )


def board_lines(vault: Vault, base: str, board: str, at: str) -> str:
    for kind in (BOARDS, SIMULATED, CLASS):
        password = vault.nodes(kind).get(board)
        if password is not None:
            host, _, port = at.rpartition(":")
            broker = {"host": host, "port": int(port), "user": board, "password": password}
            return json.dumps({"node": board, "base": base, "broker": broker}, indent=1)
    raise AccountError(f"There is no account {board!r}: make it with --board {board}.")


def take_away(vault: Vault, name: str) -> None:
    document = vault.document()
    if document is None:
        raise AccountError(f"There are no accounts in {vault.broker_folder}.")
    if name in accounts.SERVICES:
        raise AccountError(f"{name!r} is a service account: the fleet cannot run without it.")
    if name in vault.nodes(CLASS):
        raise AccountError(f"{name!r} belongs to a class: fleet class revoke turns it off.")
    vault.replace_document(accounts.without(name, document))
    vault.forget_node(name)
