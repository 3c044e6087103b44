"""What a board gets: the node's files with their hashes, and what has to be done so that it has exactly these. Pure.

A program lies in a slot of its own, /a or /b. The one that runs is never touched: the other slot is filled and checked,
and then the choice in slot.a / slot.b is changed, which is one small write. So a cut leaves the old program or the new.
"""

from __future__ import annotations

import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fleet_tools.errors import FleetError

SLOTS = ("a", "b")
FOLDERS = ("fleet_node", "fleet_schema")  # in a slot, or at the root of a board that was copied to by hand
KINDS = (".py", ".txt", ".html", ".css", ".js")  # the sentences of joining.txt and the page are read from flash
PAGE = "web"  # the folder of a part that only some nodes have
ROOT = ("slot.py", "join.py", "main.py")  # in this order: main.py needs slot.py
CHOICE = ("slot.a", "slot.b")


def load(node: Path, *, platform: str, with_umqtt: bool, with_page: bool = True) -> dict[str, bytes]:
    """{path below a slot: bytes} of the program in folder `node` for a board of that sys.platform.

    Without the node's own page it takes 48 KB less of a slot: a Pico W has no room for two with it. FleetError if
    umqtt.simple is needed and was not fetched yet."""
    files = {
        str(path.relative_to(node)): path.read_bytes()
        for folder in FOLDERS
        for path in sorted((node / folder).rglob("*.*"))
        if path.suffix in KINDS
        and (path.name != "unix.py" or platform == "linux")
        and (with_page or path.parent.name != PAGE)
    }
    if with_umqtt:
        umqtt = node / "lib" / "umqtt" / "simple.py"
        if not umqtt.is_file():
            raise FleetError("umqtt.simple is not here yet: python -m fleet_tools.fetch gets it")
        files["lib/umqtt/simple.py"] = umqtt.read_bytes()
    return files


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Plan:
    """`write` and `remove` are done in their order; `choice` is the slot file (name, bytes) that makes it count."""

    slot: str
    write: dict[str, bytes] = field(default_factory=dict)
    remove: list[str] = field(default_factory=list)
    root: dict[str, bytes] = field(default_factory=dict)
    choice: tuple[str, bytes] | None = None
    clean: list[str] = field(default_factory=list)  # of a program that was copied by hand, after the switch

    @property
    def bytes(self) -> int:
        return sum(map(len, self.write.values())) + sum(map(len, self.root.values()))


def plan(
    files: Mapping[str, bytes],
    root: Mapping[str, bytes],
    there: Mapping[str, str],
    chosen: tuple[int, str],
) -> Plan:
    """What makes the board run `files` and have `root` beside them. `there` is {path: hash} of all files that matter;
    `chosen` (number, slot) is what counts now, (0, "") on a board without slots."""
    number, running = chosen
    made = Plan(running)
    if running not in SLOTS or _differs(files, there, running):
        made.slot = SLOTS[1] if running == SLOTS[0] else SLOTS[0]
        base = f"/{made.slot}/"
        made.write = {base + path: data for path, data in files.items() if there.get(base + path) != digest(data)}
        made.remove = [path for path in there if path.startswith(base) and path[len(base) :] not in files]
        made.choice = _choice(number + 1, made.slot)
    made.root = {f"/{name}": data for name, data in root.items() if there.get(f"/{name}") != digest(data)}
    made.clean = [path for path in there if path.startswith(tuple(f"/{folder}/" for folder in FOLDERS))]
    return made


def folders_of(paths: Mapping[str, bytes] | list[str]) -> list[str]:
    """Every folder above these files, the outer ones first."""
    every = {str(parent) for path in paths for parent in Path(path).parents if str(parent) not in ("/", ".")}
    return sorted(every, key=lambda folder: (folder.count("/"), folder))


def chosen(documents: Mapping[str, bytes | None]) -> tuple[int, str]:
    """(number, slot) of the choice that counts, from the two files; (0, "") if there is none that is whole."""
    best = (0, "")
    for raw in documents.values():
        try:
            if raw is None or int(raw[:8], 16) != binascii.crc32(raw[9:]):
                continue
            number, body = raw[9:].split(b" ", 1)
            run = json.loads(body)["run"]
        except (ValueError, KeyError, TypeError):
            continue
        if int(number) > best[0] and run in SLOTS:
            best = (int(number), run)
    return best


def _choice(number: int, slot: str) -> tuple[str, bytes]:
    """As node/slot.py writes it."""
    body = b"%d %s" % (number, json.dumps({"run": slot}).encode())
    return CHOICE[number & 1], b"%08x %s" % (binascii.crc32(body), body)


def _differs(files: Mapping[str, bytes], there: Mapping[str, str], slot: str) -> bool:
    base = f"/{slot}/"
    have = {path[len(base) :]: known for path, known in there.items() if path.startswith(base)}
    return have != {path: digest(data) for path, data in files.items()}
