"""What `fleet deploy` does: the program and its settings onto boards, without a moment in which a cut would hurt.

Every board has a thread of its own; what happens to one is its own line, and stops none of the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleet_schema import topics
from fleet_tools import boards, program
from fleet_tools.errors import FleetError
from fleet_tools.fetch import NODE

if TYPE_CHECKING:
    from fleet_client import Client, Message
    from fleet_tools.board import Board, Facts
    from fleet_tools.board_accounts import Accounts

SEEN_S = 45.0  # until a board with a slow Wi-Fi is on the broker
CONFIG = "/config.json"
NEW = "/config.new"


@dataclass
class Work:
    """What one board needs, and what became of it. `state`: waiting, working, copied, seen, failed."""

    port: str
    config: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)  # beside it, such as ca.der
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
        plan, config, forget = _what_to_do(board, facts, work, node_folder)
        if plan.bytes + ROOM > facts.free:
            need, have = plan.bytes // 1024 + ROOM // 1024, facts.free // 1024
            raise BoardError(f"{work.port} has {have} KB of flash free and needs {need}: take files off it first")
        work.copied, work.size = len(plan.write) + len(plan.root) + (config is not None), plan.bytes
        if dry_run:
            say(f"would copy {_amount(work)}")
            board.reset()
            return
        board.remove(forget)
        _carry_out(board, plan, config, say)
        work.since = time.monotonic()
        board.reset()
    work.state = "copied"
    say(f"copied {_amount(work)}, now running" if work.copied else "nothing to copy, restarted")


def _what_to_do(
    board: Board, facts: Facts, work: Work, node_folder: Path
) -> tuple[program.Plan, bytes | None, list[str]]:
    """The plan, the settings if they change, and what the board kept as another node."""
    from fleet_tools.board import BoardError

    root = {name: (node_folder / name).read_bytes() for name in program.ROOT} | work.files
    folders = [f"/{name}" for name in (*program.SLOTS, *program.FOLDERS)]
    there = board.hashes(folders, [f"/{name}" for name in root])
    chosen = program.chosen({name: board.read(f"/{name}") for name in program.CHOICE})
    known = board.read(CONFIG)
    before = read_settings(known) or {}
    config = {**before, **work.config}  # its Wi-Fi and its sensors stay
    config["board"] = config.get("board") or board_of(facts)
    page = bool(config.get("web"))
    files = program.load(node_folder, platform=facts.platform, with_umqtt=not facts.umqtt, with_page=page)
    if config["board"] and not (config.get("wifi") or {}).get("ssid"):
        raise BoardError(f"{work.port} knows no Wi-Fi: fleet deploy --wifi NAME asks for its password")
    work.node = config.get("node") or f"n-{facts.id[-6:]}"
    text = json.dumps(config, indent=1).encode()
    forget = [] if is_same(before, config) else list(board.hashes(*memory(before)))
    return program.plan(files, root, there, chosen), None if text == known else text, forget


def read_settings(known: bytes | None) -> dict[str, Any] | None:
    """A board's config.json; None if it has none that can be read."""
    try:
        config = json.loads(known) if known else None
    except ValueError:
        return None
    return config if isinstance(config, dict) else None


def is_same(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Is it the node that it was? One that was none yet has nothing that could come out under a wrong name."""
    return all(not before.get(key) or before[key] == after.get(key) for key in ("node", "base"))


def memory(config: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Where a node keeps name, groups and waiting readings: (folders, files)."""
    state, journal = config.get("state"), config.get("journal")
    files = [f"/{str(state).lstrip('/')}.{end}" for end in "ab"] if state else []
    return [f"/{str(journal).strip('/')}"] if journal else [], files


def board_of(facts: Facts) -> str:
    """The name of its pins in fleet_node/boards; "" on a PC."""
    if facts.platform == "rp2":
        return "pico_w"
    if facts.platform == "esp32":
        return "m5stickc_plus2" if "m5stick" in facts.machine.lower() else "esp32"
    return ""


def _carry_out(board: Board, plan: program.Plan, config: bytes | None, say: Callable[[str], None]) -> None:
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


def hand_out(
    works: list[Work],
    tell: Callable[[Work], None],
    accounts: Accounts | None,
    taken: Collection[str] = (),
    *,
    dry_run: bool = False,
) -> None:
    """Gives each board its node, once it is known what all of them have: so two never get the same."""
    from fleet_tools.board import Board
    from fleet_tools.board_accounts import Known

    if accounts is None:
        return
    found: dict[str, Known] = {}

    def look(work: Work) -> None:
        work.says = "looking whose it is"
        tell(work)
        with Board(work.port) as board:
            found[work.port] = Known(work.port, board.facts().id, read_settings(board.read(CONFIG)))

    each(works, tell, look)
    known = [found[work.port] for work in works if work.port in found]
    try:
        given = accounts.give(known, taken, keep=not dry_run)
    except FleetError:
        for one in known:  # they stand still since we looked
            with contextlib.suppress(FleetError), Board(one.port) as board:
                board.reset()
        raise
    for work in works:
        if work.port in given:
            account = given[work.port]
            work.config, work.files = {**account.example, **work.config, **account.config}, account.files
            if account.trouble:
                work.state, work.says = "failed", account.trouble
                tell(work)
                with contextlib.suppress(FleetError), Board(work.port) as board:
                    board.reset()


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


def each(works: list[Work], tell: Callable[[Work], None], do: Callable[[Work], None]) -> None:
    """`do` with all that have not failed, at once; never raises for a board."""

    def work_on(work: Work) -> None:
        from fleet_tools.board import BoardError

        try:
            do(work)
            return
        except BoardError as error:
            work.says = str(error)
        except Exception as error:  # whatever happens to one board must not keep the others from their programs
            work.says = f"{type(error).__name__}: {error}"
        work.state = "failed"
        tell(work)

    with ThreadPoolExecutor(boards.AT_ONCE) as pool:
        list(pool.map(work_on, [work for work in works if work.state != "failed"]))


def deploy(
    works: list[Work], tell: Callable[[Work], None], *, dry_run: bool, prepare: Callable[[], None] = lambda: None
) -> None:
    """Each work ends in `copied` or `failed` (`working` after a dry run); never raises for a board. `prepare` comes
    first and may fail some."""
    prepare()
    each(works, tell, lambda work: one_board(work, tell, dry_run=dry_run))


async def deploy_and_see(
    client: Client, works: list[Work], tell: Callable[[Work], None], accounts: Accounts | None = None
) -> None:
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

    taken = list(await client.snapshot()) if accounts else []
    prepare = functools.partial(hand_out, works, tell, accounts, taken)
    async with client.listen([topics.everything(client.base)[:-1] + "+/status"], note):
        await asyncio.to_thread(deploy, works, tell, dry_run=False, prepare=prepare)
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
