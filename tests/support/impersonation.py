"""F20: attempts to act as another, how each is judged, and the table for people that the run itself writes.

What is tried is in attempts.py. ada attacks. grace is her victim: she is connected all the time, and after each attempt
she must hear what the host says to her, and nothing that is forged. trent loses his account, or its secret.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fleet_tools import accounts
from support import tiers
from support.classroom import Classroom
from support.logins import DENIED

TABLE = tiers.ROOT / "tests" / "artifacts" / "impersonation.md"
OLD, NEW = "eves-old-secret", "eves-new-secret"

Run = Callable[[Classroom], str]
_rows: dict[tuple[str, str], dict[str, str]] = {}  # (kind, attempt) -> where -> what the receiver saw
_through = 0


def classroom(folder: Path) -> Classroom:
    """ada, grace and trent; linus of another class on the same broker; eve, who got a new secret; mallory is gone."""
    linus = accounts.node("4c", "linus", "secret-of-linus")
    eve = accounts.node("fleet", "eve", OLD)
    mallory = accounts.node("fleet", "mallory", "secret-of-mallory")
    room = Classroom(folder, ("ada", "grace", "trent"), linus, eve, mallory)
    known = accounts.document([accounts.node("fleet", "eve", NEW)], json.loads(room.document.read_text()))
    room.document.write_text(json.dumps(accounts.without("mallory", known)))
    return room


@dataclass(frozen=True)
class Attempt:
    kind: str
    what: str
    run: Run  # what the receiver saw, if that is what it should be; else AssertionError

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"

    def judge(self, room: Classroom, where: str) -> None:
        global _through
        row = _rows.setdefault((self.kind, self.what), {})
        try:
            with _victim(room):
                saw = self.run(room)
        except AssertionError as error:
            _through += 1
            row[where] = f"GOT THROUGH: {str(error).splitlines()[0]}"
            raise
        row[where] = saw


@contextmanager
def _victim(room: Classroom) -> Iterator[None]:
    """grace, listening as her node does: she hears what the host says to her afterwards, and nothing that is forged."""
    with room.login("grace") as grace, room.login("tools") as host:
        for topic_filter in ("fleet/1/grace/cmd/+", "fleet/1/_all/cmd/+", "fleet/1/_host/stored/grace"):
            assert grace.subscribe(topic_filter) < DENIED
        yield
        mark = uuid.uuid4().hex.encode()
        host.publish("fleet/1/grace/cmd/echo", mark)
        forged = [one for one in grace.wait_for("fleet/1/grace/cmd/echo", mark) if b"forged" in one[1]]
        assert not forged, f"grace heard {forged}"
        assert grace.connected, "grace was thrown out"


# -- the table -----------------------------------------------------------------------------------------------


def as_text() -> str:
    """What was tried in this process, for another one to `add`."""
    return json.dumps([list(_rows.items()), _through])


def add(text: str) -> None:
    """What was tried in another process of this run."""
    global _through
    rows, through = json.loads(text)
    for attempt, row in rows:
        _rows.setdefault(tuple(attempt), {}).update(row)
    _through += through


def write() -> Path | None:
    """None if nothing was tried in this run."""
    if not _rows:
        return None
    places = list(dict.fromkeys(where for row in _rows.values() for where in row))
    tries = sum(map(len, _rows.values()))
    lines = ["# Attempts to act as another, in this run\n"]
    lines.append(f"{len(_rows)} attempts, {tries} tries on {' and '.join(places)}: **{_through} got through**.\n")
    lines.append("ada attacks; grace is connected all the time, and after each attempt she heard what the host said to")
    lines.append("her and nothing that was forged. The last columns are what the receiver of the attempt itself saw.\n")
    lines.append(f"| how | attempt | {' | '.join(f'seen on {where}' for where in places)} |")
    lines.append("|---" * (2 + len(places)) + "|")
    for (kind, what), row in _rows.items():
        lines.append(
            f"| {kind} | {_cell(what)} | {' | '.join(_cell(row.get(where, 'not tried')) for where in places)} |"
        )
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text("\n".join(lines) + "\n")
    return TABLE


def _cell(text: str) -> str:
    shown = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
    return shown.replace("|", "\\|").replace("*", "\\*").replace("_", "\\_").replace("<", "&lt;")
