"""The security table: what was tried against the dashboard in this run, and what became of it.

A test says `tried(...)` for each vector as it judges it. At the end of the run the table is a file for people.
"""

from collections import Counter
from pathlib import Path

from support import tiers

TABLE = tiers.ROOT / "tests" / "artifacts" / "security.md"
HEAD = "| fault | vector | where | what happened | tries |\n|---|---|---|---|---|\n"
FAULTS = {
    "F24": "a node's text run as code",
    "F25": "a foreign page that commands or reads",
    "F26": "changing something without being the teacher",
    "F27": "text run as SQL, and input that nobody thought of",
    "F28": "a path that leaves its folder",
}
_rows: Counter[tuple[str, str, str, str]] = Counter()
_bad: Counter[str] = Counter()


def tried(fault: str, vector: str, where: str, got_through: bool, became: str = "") -> None:
    """One try: `became` is what happened in a word, `got_through` whether it did what an attacker wants."""
    what = f"GOT THROUGH: {became}" if got_through else became or "refused"
    _rows[fault, vector, where, what] += 1
    _bad[fault] += got_through


def write() -> Path | None:
    """None if nothing was tried in this run."""
    if not _rows:
        return None
    parts = ["# What was tried against the dashboard in this run\n"]
    for fault, about in FAULTS.items():
        rows = sorted((row, tries) for row, tries in _rows.items() if row[0] == fault)
        if rows:
            total = sum(tries for _, tries in rows)
            parts.append(f"## {fault}: {about}\n\n{total} tries, {_bad[fault]} got through.\n")
            lines = ["| " + " | ".join([*map(_cell, row), str(tries)]) + " |\n" for row, tries in rows]
            parts.append(HEAD + "".join(lines))
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text("\n".join(parts))
    return TABLE


def _cell(text: str) -> str:
    shown = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
    return f"`{shown.replace('|', '¦').replace('`', chr(39))}`" if set(shown) & set("<>*_\\|`[]") else shown
