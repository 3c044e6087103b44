"""The security table: what was tried against the dashboard in this run, and what became of it.

A test says `tried(...)` for each vector as it judges it. At the end of the run the table is a file for people.
"""

import json
from collections import Counter
from pathlib import Path

from support import tiers

TABLE = tiers.ROOT / "tests" / "artifacts" / "security.md"
SHORT = (
    "| fault | what it would be | vectors | places | tries | got through | refused |\n|---|---|---|---|---|---|---|\n"
)
BY_PLACE = "| fault | where | what happened | vectors | which |\n|---|---|---|---|---|\n"
FAULTS = {
    "F24": "a node's text run as code",
    "F25": "a foreign page that commands or reads",
    "F26": "changing something without being the teacher",
    "F27": "text run as SQL, and input that nobody thought of",
    "F28": "a path that leaves its folder",
}
_rows: Counter[tuple[str, str, str, str]] = Counter()
_through: Counter[str] = Counter()


def tried(fault: str, vector: str, where: str, got_through: bool, became: str = "") -> None:
    """One try: `became` is what happened in a word, `got_through` whether it did what an attacker wants."""
    what = f"GOT THROUGH: {became}" if got_through else became or "refused"
    _rows[fault, vector, where, what] += 1
    _through[fault] += got_through


def as_text() -> str:
    """What was tried in this process, for another one to `add`."""
    return json.dumps([list(_rows.items()), dict(_through)])


def add(text: str) -> None:
    """What was tried in another process of this run."""
    rows, through = json.loads(text)
    _rows.update({tuple(row): tries for row, tries in rows})
    _through.update(through)


def write() -> Path | None:
    """None if nothing was tried in this run."""
    if not _rows:
        return None
    parts = ["# What was tried against the dashboard in this run\n\n", SHORT]
    for fault, about in FAULTS.items():
        ours = [(row, tries) for row, tries in _rows.items() if row[0] == fault]
        if ours:
            vectors, places = len({row[1] for row, _ in ours}), len({row[2] for row, _ in ours})
            total, through = sum(tries for _, tries in ours), _through[fault]
            parts.append(f"| {fault} | {about} | {vectors} | {places} | {total} | {through} | {total - through} |\n")
    parts += ["\n## By place\n\n", BY_PLACE]
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for (fault, vector, where, what), _ in sorted(_rows.items()):
        grouped.setdefault((fault, where, what), []).append(vector)
    for (fault, where, what), found in grouped.items():
        parts.append(f"| {fault} | {_cell(where)} | {what} | {len(found)} | {', '.join(map(_cell, found))} |\n")
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text("".join(parts))
    return TABLE


def _cell(text: str) -> str:
    shown = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
    return "`` " + shown.replace("|", "\\|") + " ``" if set(shown) & set("<>*_\\|`[]{}$&=@;") else shown
