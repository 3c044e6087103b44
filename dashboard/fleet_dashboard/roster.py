"""Who belongs to this class: `class.json`, read again whenever it changes. Read leniently, because others own it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet_dashboard.nodes import MAX_NODES
from fleet_schema import topics

MAX_BYTES = 1 << 20
MAX_NAME = 64


@dataclass(frozen=True)
class Expected:
    """A node that is to be here; a `revoked` one is not."""

    id: str
    name: str
    group: str = ""
    revoked: bool = False


class Roster:
    """`nodes` by id, None without a roster. `problem` is a sentence if the file is not what it should be; then the
    last good one counts."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._read: tuple[int, int, int] | None = None  # what told the file that was read from its successor
        self.nodes: dict[str, Expected] | None = None
        self.problem = ""

    def refresh(self) -> None:
        """Read the file if it is another one than before."""
        if self._path is None:
            return
        try:
            found = self._path.stat()
            mark = (found.st_mtime_ns, found.st_size, found.st_ino)
            if mark == self._read:
                return
            if found.st_size > MAX_BYTES:
                raise ValueError(f"it is larger than {MAX_BYTES >> 20} MB")
            self.nodes, self.problem = parse(self._path.read_text(encoding="utf-8"))
            self._read = mark
        except FileNotFoundError:
            self._fail("there is no such file; FLEET_ROSTER names the class.json of a class")
        except (OSError, ValueError) as error:
            self._fail(f"it cannot be read ({getattr(error, 'strerror', None) or error})")

    def _fail(self, why: str) -> None:
        self._read = None
        kept = "the roster from before counts" if self.nodes is not None else "all nodes are shown that ever spoke"
        self.problem = f"the roster {self._path.name if self._path else ''}: {why}; until then {kept}"


def parse(text: str) -> tuple[dict[str, Expected], str]:
    """(nodes by id, "" or a sentence about entries that were left out); ValueError if it is no roster at all."""
    try:
        document = json.loads(text)
    except ValueError:
        raise ValueError("it is not JSON") from None
    entries = document.get("nodes") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError('it has no list "nodes"')
    nodes: dict[str, Expected] = {}
    bad = 0
    for entry in entries:
        one = _expected(entry)
        if one is None or one.id in nodes or len(nodes) >= MAX_NODES:
            bad += 1
        else:
            nodes[one.id] = one
    some = "1 entry" if bad == 1 else f"{bad} entries"
    return nodes, f"the roster: {some} left out, because the id is not one or is there twice" if bad else ""


def _expected(entry: Any) -> Expected | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str) or not topics.is_node_id(entry["id"]):
        return None
    name, group = _text(entry.get("name")), _text(entry.get("group"))
    return Expected(entry["id"], name or entry["id"], group, bool(entry.get("revoked")))


def _text(value: Any) -> str:
    return value.strip()[:MAX_NAME] if isinstance(value, str) and value.isprintable() else ""
