"""Results of rounds, each a JSON file in the data folder, so that they outlive the process and can be taken along.

A round is noted when it starts and written again when it ends, each time as a whole (written beside, synced, renamed):
kill -9 and a power cut leave the old one or the new one. Called from a thread.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
from pathlib import Path
from typing import Any

import orjson

MOST_KEPT = 500
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # OWASP, "CSV Injection"
BROKEN = "the dashboard ended while this round was running"
Document = dict[str, Any]


def is_id(text: str) -> bool:
    """Round ids name files, so nothing else may."""
    return re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{6}", text) is not None


class Results:
    """`heads` are the rounds without their rows, newest first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.heads: list[Document] = []

    def load(self) -> None:
        """What earlier processes left; a round that one of them did not end is closed as broken off."""
        found = []
        for path in sorted(self._folder.glob("*.json"), reverse=True) if self._folder.is_dir() else []:
            document = self._read(path) if is_id(path.stem) else None
            if document is None:
                continue
            if document.get("state") == "running":
                document |= {"state": "broken", "why": BROKEN}
                with contextlib.suppress(OSError):  # it is closed the next time
                    self._write(document)
            found.append(_head(document))
        self.heads = found[:MOST_KEPT]

    def save(self, document: Document) -> None:
        """OSError if it cannot be written."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._write(document)
        self.heads = [_head(document), *(head for head in self.heads if head["id"] != document["id"])]
        for old in self.heads[MOST_KEPT:]:
            self._path(old["id"]).unlink(missing_ok=True)
        del self.heads[MOST_KEPT:]

    def discard(self, name: str) -> None:
        """A round that was called off before it began leaves nothing."""
        self.heads = [head for head in self.heads if head["id"] != name]
        self._path(name).unlink(missing_ok=True)

    def get(self, name: str) -> Document | None:
        return self._read(self._path(name)) if is_id(name) else None

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _read(self, path: Path) -> Document | None:
        try:
            document = orjson.loads(path.read_bytes())
        except (OSError, ValueError):
            return None
        return document if is_result(document) and document["id"] == path.stem else None

    def _write(self, document: Document) -> None:
        path = self._path(document["id"])
        beside = path.with_suffix(".new")
        with beside.open("wb") as file:
            file.write(orjson.dumps(document, option=orjson.OPT_INDENT_2))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def files(folder: Path) -> dict[str, bytes]:
    """All results by id, for a backup. One that goes meanwhile is left out."""
    found = {}
    for path in folder.glob("*.json"):
        if is_id(path.stem):
            with contextlib.suppress(OSError):
                found[path.stem] = path.read_bytes()
    return found


def add_files(folder: Path, found: dict[str, bytes]) -> int:
    """Those of a backup that are not there yet; how many. OSError if they cannot be written."""
    new = [name for name in found if is_id(name) and not (folder / f"{name}.json").exists()]
    if new:
        folder.mkdir(parents=True, exist_ok=True)
    for name in new:
        (folder / f"{name}.json").write_bytes(found[name])
    return len(new)


def is_result(document: Any) -> bool:
    """Is this a file of ours? People can get at them, and a dashboard must start all the same."""
    if not isinstance(document, dict):
        return False
    words = all(isinstance(document.get(key), str) for key in ("id", "state", "challenge", "title", "unit"))
    rows, fouls = document.get("rows", []), document.get("fouls", [])
    if not words or type(document.get("started")) is not int or type(document.get("digits")) is not int:
        return False
    if not isinstance(rows, list) or not isinstance(fouls, list):
        return False
    return all(_has(row, "node", "name") and _is_row(row) for row in rows) and all(
        _has(foul, "node", "name", "why") for foul in fouls
    )


def _has(row: Any, *keys: str) -> bool:
    return isinstance(row, dict) and all(isinstance(row.get(key), str) for key in keys)


def _is_row(row: Document) -> bool:
    teams = row.get("teams")
    return (
        type(row.get("place")) is int
        and type(row.get("score")) in (int, float)
        and isinstance(teams, list)
        and all(isinstance(team, str) for team in teams)
    )


def _head(document: Document) -> Document:
    head = {key: value for key, value in document.items() if key not in ("rows", "fouls", "teams")}
    return {**head, "of": len(document.get("rows", [])), "winners": document.get("rows", [])[:3]}


def to_csv(document: Document) -> str:
    """One row per node, then those who are out. Text that a spreadsheet would run as a formula gets a ' in front."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["place", "node", "name", "score", "unit", "teams", "out because"])
    for row in document.get("rows", []):
        cells = [row["place"], row["node"], row["name"], row["score"], document["unit"], " ".join(row["teams"]), ""]
        writer.writerow([_cell(cell) for cell in cells])
    for foul in document.get("fouls", []):
        writer.writerow([_cell(cell) for cell in ["", foul["node"], foul["name"], "", "", "", foul["why"]]])
    return out.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
