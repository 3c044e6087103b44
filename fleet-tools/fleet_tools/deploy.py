"""`fleet deploy`: the node's program and its settings onto boards, without a moment in which a cut would hurt.

Every board has a thread of its own; what happens to one is its own line, and stops none of the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleet_schema import topics
from fleet_tools import boards, program, session, settings
from fleet_tools.errors import ERROR, SOME_FAILED, USAGE, FleetError
from fleet_tools.fetch import NODE

if TYPE_CHECKING:
    from fleet_client import Client, Message
    from fleet_tools.board import Board, Facts

SEEN_S = 45.0  # until a board with a slow Wi-Fi is on the broker
CONFIG = "/config.json"
NEW = "/config.new"
LAST = Path(".fleet-deploy.json")  # what failed in this folder: for --failed-only


@dataclass
class Work:
    """What one board needs, and what became of it. `state`: waiting, working, copied, seen, failed."""

    port: str
    config: dict[str, Any] = field(default_factory=dict)
    state: str = "waiting"
    node: str = ""
    says: str = ""
    copied: int = 0  # files
    size: int = 0  # bytes of them
    since: float = 0.0  # the reset, on the monotonic clock

    def as_json(self) -> dict[str, Any]:
        keys = ("port", "node", "state", "says", "copied", "size")
        return {key: getattr(self, key) for key in keys}


def one_board(work: Work, tell: Callable[[Work], None], *, dry_run: bool, node_folder: Path = NODE) -> None:
    """Fills the slot that does not run, checks it, switches, resets. Raises BoardError."""
    from fleet_tools.board import ROOM, Board, BoardError

    def say(text: str) -> None:
        work.says = text
        tell(work)

    work.state = "working"
    say("stopping what runs there")
    with Board(work.port, say=say) as board:
        facts = board.facts()
        if old := boards.too_old(facts.version):
            raise BoardError(f"{work.port}: {old}")
        say(f"{facts.machine}, MicroPython {facts.firmware}: comparing")
        plan, config = _what_to_do(board, facts, work, node_folder)
        if plan.bytes + ROOM > facts.free:
            need, have = plan.bytes // 1024 + ROOM // 1024, facts.free // 1024
            raise BoardError(f"{work.port} has {have} KB of flash free and needs {need}: take files off it first")
        work.copied, work.size = len(plan.write) + len(plan.root) + (config is not None), plan.bytes
        if dry_run:
            say(f"would copy {_amount(work)}")
            return
        _carry_out(board, plan, config, say, work)
        work.since = time.monotonic()
        board.reset()
    work.state = "copied"
    say(f"copied {_amount(work)}, now running" if work.copied else "nothing to copy, restarted")


def _what_to_do(board: Board, facts: Facts, work: Work, node_folder: Path) -> tuple[program.Plan, bytes | None]:
    """The plan, and the settings if they change."""
    root = {name: (node_folder / name).read_bytes() for name in program.ROOT}
    files = program.load(node_folder, platform=facts.platform, with_umqtt=not facts.umqtt)
    folders = [f"/{name}" for name in (*program.SLOTS, *program.FOLDERS)]
    there = board.hashes(folders, [f"/{name}" for name in root])
    chosen = program.chosen({name: board.read(f"/{name}") for name in program.CHOICE})
    known = board.read(CONFIG)
    config = _settings(known, work.config, facts)
    work.node = config.get("node") or f"n-{facts.id[-6:]}"
    text = json.dumps(config, indent=1).encode()
    return program.plan(files, root, there, chosen), None if text == known else text


def _settings(known: bytes | None, given: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """What the board has, with what is given on top: its Wi-Fi and its sensors stay."""
    try:
        config = json.loads(known) if known else {}
    except ValueError:
        config = {}
    if not isinstance(config, dict):
        config = {}
    config = {**config, **given}
    if not config.get("board"):
        config["board"] = board_of(facts)
    return config


def board_of(facts: Facts) -> str:
    """The name of its pins in fleet_node/boards; "" on a PC."""
    if facts.platform == "rp2":
        return "pico_w"
    if facts.platform == "esp32":
        return "m5stickc_plus2" if "m5stick" in facts.machine.lower() else "esp32"
    return ""


def _carry_out(board: Board, plan: program.Plan, config: bytes | None, say: Callable[[str], None], work: Work) -> None:
    """In an order in which a cut at any moment leaves the old program or the new, and settings that are whole."""
    if plan.write:
        board.make_folders(program.folders_of(plan.write))
    if plan.remove:
        board.remove(plan.remove)
    for number, (path, data) in enumerate(plan.write.items(), 1):
        say(f"copying {number} of {len(plan.write)}: {path}")
        board.write(path, data)
    for path, data in plan.root.items():
        board.write(path + ".new", data)
        board.rename(path + ".new", path)
    if config is not None:
        board.write(NEW, config)
        board.rename(NEW, CONFIG)
    if plan.choice:
        name, data = plan.choice
        board.write(f"/{name}", data)
    if plan.clean:
        board.remove(plan.clean)
        board.remove_folders(program.folders_of(plan.clean))


def _amount(work: Work) -> str:
    return f"{work.copied} file{'' if work.copied == 1 else 's'}, {-(-work.size // 1024)} KB"


class Lines:
    """One line for each board: redrawn on a terminal, written once per change of state elsewhere."""

    def __init__(self, works: list[Work]) -> None:
        self._works = works
        self._lock = threading.Lock()
        self._shown: dict[str, str] = {}
        self._live = sys.stderr.isatty()
        self._drawn = 0

    def tell(self, work: Work) -> None:
        with self._lock:
            if self._live:
                if self._drawn:
                    click.echo(f"\x1b[{self._drawn}A", nl=False, err=True)
                for one in self._works:
                    click.echo(f"\x1b[2K{_line(one)}", err=True)
                self._drawn = len(self._works)
            elif self._shown.get(work.port) != work.state:
                self._shown[work.port] = work.state
                click.echo(_line(work), err=True)


def _line(work: Work) -> str:
    return f"{work.port:<16} {work.node or '-':<12} {work.state:<8} {work.says}"[:160]


def deploy(works: list[Work], tell: Callable[[Work], None], *, dry_run: bool) -> None:
    """Each work ends in `copied` or `failed` (`waiting` after a dry run); never raises for a board."""

    def work_on(work: Work) -> None:
        from fleet_tools.board import BoardError

        try:
            one_board(work, tell, dry_run=dry_run)
            return
        except BoardError as error:
            work.says = str(error)
        except Exception as error:  # whatever happens to one board must not keep the others from their programs
            work.says = f"{type(error).__name__}: {error}"
        work.state = "failed"
        tell(work)

    with ThreadPoolExecutor(boards.AT_ONCE) as pool:
        list(pool.map(work_on, works))


async def deploy_and_see(client: Client, works: list[Work], tell: Callable[[Work], None]) -> None:
    """`deploy`, and then each board that was copied to has SEEN_S to say `online` on the broker."""
    from fleet_schema import SchemaError, payloads

    online: dict[str, float] = {}  # node: when it said so the last time, on the clock of `Work.since`
    news = asyncio.Event()

    def note(message: Message) -> None:
        if message.retain:
            return  # of the program before
        try:
            node, _, _ = topics.parse(client.base, message.topic)
            state = payloads.decode("status", message.payload)["state"]
        except SchemaError:
            return
        if state == "online":
            online[node] = time.monotonic()
            news.set()

    async with client.listen([topics.everything(client.base)[:-1] + "+/status"], note):
        await asyncio.to_thread(deploy, works, tell, dry_run=False)
        waiting = [work for work in works if work.state == "copied"]
        end = time.monotonic() + SEEN_S
        while waiting and time.monotonic() < end:
            for work in list(waiting):
                if online.get(work.node, 0.0) > work.since:
                    waiting.remove(work)
                    work.state = "seen"
                    work.says += f", on the broker after {online[work.node] - work.since:.1f} s"
                    tell(work)
            news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), 0.5)
    for work in waiting:
        work.state = "failed"
        work.says = f"runs, but was not on the broker within {SEEN_S:.0f} s; mpremote connect {work.port} shows why"
        tell(work)


@click.command("deploy")
@click.option("--port", "given", multiple=True, metavar="PORT", help="To this board; may be repeated.")
@click.option("--all", "everybody", is_flag=True, help="To every board that is plugged in.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Settings to lay over what the board has.",
)
@click.option("--failed-only", is_flag=True, help="Only to those that failed the last time in this folder.")
@click.option("--dry-run", is_flag=True, help="Say what would be copied, and change nothing.")
@click.option("--no-wait", is_flag=True, help="Do not wait until the nodes are on the broker.")
@session.json_option("what became of each board")
@session.connection_options
def deploy_command(
    given: tuple[str, ...],
    everybody: bool,
    config: Path | None,
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
      fleet deploy --failed-only
    """
    targets = _targets(given, everybody, failed_only)
    settings_of_all = _read_config(config)
    works = [Work(port, settings_of_all) for port in targets]
    lines = Lines(works)
    if dry_run or no_wait:
        deploy(works, lines.tell, dry_run=dry_run)
    else:
        chosen = settings.load(broker, base or settings_of_all.get("base"))
        session.run(chosen, lambda client: deploy_and_see(client, works, lines.tell))
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
    found = boards.some_ports(given)
    if len(found) > 1 and not (everybody or given):
        raise FleetError(
            f"{len(found)} boards are plugged in ({', '.join(found)}): name one with --port, or use --all", USAGE
        )
    return found


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
