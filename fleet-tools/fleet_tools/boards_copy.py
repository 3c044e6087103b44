"""`fleet boards save` and `fleet boards load`: what makes a board this node, without its program, as a file.

That is config.json with its secrets, the CA certificate, and what commands have set. Readings that wait are not in it:
they come out of the board that took them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleet_client import private_file
from fleet_tools import boards, deploy, session
from fleet_tools.errors import ERROR, OK, SOME_FAILED, USAGE, FleetError

if TYPE_CHECKING:
    from fleet_tools.board import Board

SCHEMA = 1
Row = dict[str, Any]


@click.command("save")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--port", "given", multiple=True, metavar="PORT", help="Only this board; may be repeated.")
@click.option("--force", is_flag=True, help="Also over a file that is there.")
def save_command(file: Path, given: tuple[str, ...], force: bool) -> int:
    """Settings and accounts of each board that is plugged in, into FILE. It holds secrets, so only you can read it."""
    if file.exists() and not force:
        raise FleetError(f"{file} is there already: name another file, or say --force", USAGE)
    rows = _each(boards.some_ports(given), _save)
    saved = [row for row in rows if "files" in row]
    for row in rows:
        count = len(row.get("files", ()))
        session.note(f"{row['port']:<16} {row.get('node', '-'):<12} {row.get('trouble') or f'saved {count} files'}")
    if saved:
        boards_ = [{key: row[key] for key in ("id", "node", "files")} for row in saved]
        try:
            private_file.write(file, json.dumps({"schema": SCHEMA, "boards": boards_}, indent=1) + "\n")
        except OSError as error:
            raise FleetError(f"{file} cannot be written ({error.strerror})") from None
    return _code(len(saved), len(rows))


@click.command("load")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--port", "given", multiple=True, metavar="PORT", help="Only this board; may be repeated.")
@click.option("--node", metavar="ID", help="One board: it becomes this node, whichever board was saved as it.")
def load_command(file: Path, given: tuple[str, ...], node: str | None) -> int:
    """Bring back what `fleet boards save` has put into FILE: each board its own, known by the id of its chip."""
    saved = _read(file)
    found = boards.some_ports(given)
    if node is not None and len(found) > 1:
        raise FleetError(f"which board shall be {node}? name it with --port", USAGE)
    if node is not None and node not in [one["node"] for one in saved]:
        raise FleetError(f"{file} has no {node}; it has {', '.join(one['node'] for one in saved)}", USAGE)

    def bring(board: Board, port: str) -> Row:
        return _load(board, port, saved, node, file)

    rows = _each(found, bring)
    for row in rows:
        session.note(f"{row['port']:<16} {row.get('node', '-'):<12} {row.get('trouble') or row['says']}")
    return _code(sum("trouble" not in row for row in rows), len(rows))


def _each(ports: list[str], do: Callable[[Board, str], Row]) -> list[Row]:
    from fleet_tools.board import Board, BoardError

    def work(port: str) -> Row:
        try:
            with Board(port) as board:
                row = do(board, port)
                board.reset()
                return row
        except BoardError as error:
            return {"port": port, "trouble": str(error)}

    with ThreadPoolExecutor(boards.AT_ONCE) as pool:
        return list(pool.map(work, ports))


def _save(board: Board, port: str) -> Row:
    facts = board.facts()
    config = deploy.read_settings(board.read(deploy.CONFIG))
    if config is None:
        return {"port": port, "trouble": "has no config.json yet, so nothing was saved of it"}
    files = {path: base64.b64encode(data).decode() for path in _paths(config) if (data := board.read(path)) is not None}
    return {"port": port, "id": facts.id, "node": config.get("node") or f"n-{facts.id[-6:]}", "files": files}


def _paths(config: Mapping[str, Any]) -> list[str]:
    """config.json comes last: with it the rest counts."""
    broker = config.get("broker")
    ca = str(broker.get("ca") or "") if isinstance(broker, dict) else ""
    return [*deploy.memory(config)[1], *([f"/{ca.lstrip('/')}"] if ca else []), deploy.CONFIG]


def _load(board: Board, port: str, saved: list[Row], node: str | None, file: Path) -> Row:
    chip = board.facts().id
    one = next((row for row in saved if (row["node"] == node if node else chip and row["id"] == chip)), None)
    if one is None:
        have = ", ".join(row["node"] for row in saved)
        return {"port": port, "trouble": f"is none of those in {file}; --node makes it one of them: {have}"}
    before = deploy.read_settings(board.read(deploy.CONFIG)) or {}
    files = {path: base64.b64decode(text) for path, text in one["files"].items()}
    after = deploy.read_settings(files.get(deploy.CONFIG)) or {}
    changed = {path: data for path, data in files.items() if board.read(path) != data}
    if not deploy.is_same(before, after):
        board.remove(board.hashes(*deploy.memory(before)))
    for path, data in changed.items():
        board.write(path + ".new", data)
        board.rename(path + ".new", path)
    says = f"brought back {len(changed)} of {len(files)} files" if changed else "nothing to change"
    if changed and one["id"] != chip:
        says += f"; it was on another board, which must not be {one['node']} any more"
    return {"port": port, "node": one["node"], "says": says}


def _read(file: Path) -> list[Row]:
    try:
        found = json.loads(file.read_text())
        if found["schema"] > SCHEMA:
            raise FleetError(f"{file} was written by a newer fleet: update this one")
        rows: list[Row] = []
        for row in found["boards"]:
            files = {str(path): str(text) for path, text in row["files"].items()}
            for text in files.values():
                base64.b64decode(text, validate=True)
            rows.append({"id": str(row["id"]), "node": str(row["node"]), "files": files})
        return rows
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise FleetError(f"{file} was not made by fleet boards save, or is damaged", USAGE) from None


def _code(good: int, all_of_them: int) -> int:
    return OK if good == all_of_them else SOME_FAILED if good else ERROR
