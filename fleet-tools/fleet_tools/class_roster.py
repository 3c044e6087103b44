"""The roster that a teacher writes: a CSV file with names, made into nodes with ids. Pure but for `read`.

Whatever a spreadsheet saves is taken: commas, semicolons or tabs, UTF-8 or Windows' Western European characters.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from fleet_schema import topics
from fleet_tools.class_folder import LONGEST_NAME, ClassNode, is_person
from fleet_tools.errors import USAGE, FleetError

COLUMNS = ("name", "id", "group")
LONGEST_ID = 20
LONGEST_GROUP = 16
SHOWN = 10  # problems told at once
MAX_BYTES = 1_000_000
# What the decomposition of Unicode does not spell as people do.
SPELLED = {
    **{"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "œ": "oe", "ø": "oe", "å": "aa"},
    **{"ð": "d", "đ": "d", "þ": "th", "ł": "l", "ŋ": "ng", "\u0131": "i"},
}


@dataclass(frozen=True)
class Row:
    line: int
    name: str
    id: str
    group: str


def read(path: Path, taken: Collection[str] = ()) -> list[ClassNode]:
    """The nodes of the file, in its order. FleetError with a sentence for each line that is wrong.

    `taken` are ids that nobody can have.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FleetError(f"the roster {path} cannot be read: {error.strerror}", USAGE) from None
    if len(data) > MAX_BYTES or data[:2] == b"PK":
        raise FleetError(f"{path} is no CSV file: save the table as CSV", USAGE)
    rows, problems = rows_of(decode(data))
    nodes = nodes_of(rows, taken, problems)
    if problems:
        shown = [f"  {one}" for one in problems[:SHOWN]]
        more = [f"  and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        raise FleetError("\n".join([f"{path} is not taken, and nothing was changed:", *shown, *more]), USAGE)
    return nodes


def decode(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def rows_of(text: str) -> tuple[list[Row], list[str]]:
    """The rows that hold something, and what is wrong with the table."""
    head, _, _ = text.partition("\n")
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    titles: list[str] = []
    try:
        for cells in reader:
            cells = [unicodedata.normalize("NFC", cell).strip() for cell in cells]
            if not any(cells):
                continue
            if not titles:
                titles = [cell.lower() for cell in cells]
                if "name" not in titles:
                    return [], [_no_title(cells, reader.line_num)]
                twice = [one for one in COLUMNS if titles.count(one) > 1]
                if twice:
                    return [], [f"line {reader.line_num}: there are two columns {twice[0]}"]
                continue
            found = dict(zip(titles, cells, strict=False))
            rows.append(Row(reader.line_num, *(" ".join(found.get(column, "").split()) for column in COLUMNS)))
    except csv.Error as error:
        return rows, [f"line {reader.line_num}: this is no CSV, look for a single quotation mark ({error})"]
    if not titles:
        return [], ["the file is empty: its first line names the columns, such as name,id,group"]
    return rows, [] if rows else ["there is no name below the first line"]


def nodes_of(rows: Iterable[Row], taken: Collection[str], problems: list[str]) -> list[ClassNode]:
    """Those who chose an id have it; the others get one made of their name. What is wrong is added to `problems`."""
    rows = list(rows)
    lines: dict[str, int] = {}
    for row in rows:
        wrong = _wrong(row, taken) or (row.id in lines and f"the id {row.id} stands in line {lines[row.id]} already")
        if wrong:
            problems.append(f"line {row.line}: {wrong}")
        if row.id:
            lines.setdefault(row.id, row.line)
    nodes = []
    used = {*taken, *lines}
    for row in rows:
        node_id = row.id or unique(slug(row.name), used)
        used.add(node_id)
        nodes.append(ClassNode(node_id, row.name, slug(row.group, LONGEST_GROUP)))
    return nodes


def slug(name: str, longest: int = LONGEST_ID) -> str:
    """`juergen-mueller` of `Jürgen Müller`; empty if nothing in it is a Latin letter or a digit."""
    spelled = "".join(SPELLED.get(char, char) for char in unicodedata.normalize("NFC", name).lower())
    plain = [char for char in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(char)]
    words = "".join(
        char if char.isascii() and char.isalnum() else " " for char in plain if char not in "'`\u2019"
    ).split()
    return _cut("-".join(words).lower(), longest)  # again: the decomposition of some signs is a capital


def unique(wanted: str, used: Collection[str]) -> str:
    """`ada`, then `ada-2`, `ada-3`."""
    found, number = wanted, 1
    while found in used:
        number += 1
        tail = f"-{number}"
        found = _cut(wanted, LONGEST_ID - len(tail)) + tail
    return found


def _cut(text: str, longest: int) -> str:
    return text[:longest].rstrip("-")


def _no_title(cells: list[str], line: int) -> str:
    found = ", ".join(repr(cell[:40]) for cell in cells[:4])
    return f"line {line}: no column is called name (found: {found}); the first line names the columns: name,id,group"


def _wrong(row: Row, taken: Collection[str]) -> str:
    """What is wrong with a row, and what would be right; empty if nothing is."""
    if not row.name:
        return "there is no name"
    if len(row.name) > LONGEST_NAME:
        return (
            f"the name {row.name[:20]!r}... has {len(row.name)} characters, and a node shows {LONGEST_NAME}: shorten it"
        )
    if not is_person(row.name):
        return f"the name {row.name!r} holds characters that no screen can show: type it again"
    if row.id and not topics.is_node_id(row.id):
        proposal = slug(row.id)
        hint = f", such as {proposal}" if proposal else ""
        return f"{row.id!r} is no id: use 1 to {LONGEST_ID} of a-z, 0-9 and -, and do not begin with -{hint}"
    if row.id in taken:
        return f"the id {row.id} is taken by the fleet itself: choose another one"
    if not row.id and not slug(row.name):
        return f"no id can be made of {row.name!r}: add a column id and write one there, such as olga"
    if row.group and not topics.is_group(slug(row.group, LONGEST_GROUP)):
        return f"{row.group!r} is no group: use 1 to {LONGEST_GROUP} of a-z, 0-9 and -, but not all or host"
    return ""
