"""How a roll-call looks: a live table in a terminal, a line per answer in a pipe, nothing but the end for --json."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from fleet_tools import session, words

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from fleet_client import RollCall, Row

COLOURS = {"ok": "green", "done": "green", "waiting": "dim", "silent": "red"}
MOST_ROWS = 40  # above this only who did not obey is listed


def choose(name: str, as_json: bool, terminal: bool) -> View:
    if as_json:
        return View(name)
    return LiveView(name) if terminal else LineView(name)


class View:
    """Silent: for --json."""

    def __init__(self, name: str) -> None:
        self.name = name

    def show(self, calls: list[RollCall]) -> None:
        """Something changed."""

    def finish(self, calls: list[RollCall]) -> None:
        """The deadline, or all have answered."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


class LineView(View):
    """One line per node, in the order of the answers."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._shown: set[tuple[str, str]] = set()

    def show(self, calls: list[RollCall]) -> None:
        for row in (row for call in calls for row in call.rows):
            key = (row.node, row.st)
            if row.st != "waiting" and key not in self._shown:
                self._shown.add(key)
                click.echo(line(row))

    def finish(self, calls: list[RollCall]) -> None:
        self.show(calls)
        session.note(summary(self.name, calls))


class LiveView(View):
    def __enter__(self) -> Self:
        from rich.live import Live

        self._live: Live = Live(console=session.console(), auto_refresh=False)
        self._live.start()
        return self

    def show(self, calls: list[RollCall]) -> None:
        self._live.update(table(calls), refresh=True)

    def finish(self, calls: list[RollCall]) -> None:
        self.show(calls)
        self._live.stop()
        session.note(summary(self.name, calls))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()


def line(row: Row) -> str:
    time = f"{row.ms:.0f} ms" if row.ms is not None else ""
    return f"{row.node:<20} {time:>8}  {said(row)}"


def said(row: Row) -> str:
    parts = [words.ACKS.get(row.st, row.st), row.err, row.re]
    return ", ".join(str(part) for part in parts if part not in (None, ""))


def table(calls: list[RollCall]) -> Table:
    from rich.table import Table
    from rich.text import Text

    rows = [row for call in calls for row in call.rows]
    if len(rows) > MOST_ROWS:
        rows = [row for row in rows if row.st not in ("ok", "done")][:MOST_ROWS]
    grid = Table.grid(padding=(0, 2))
    grid.add_column(min_width=10)
    grid.add_column(justify="right", min_width=8)
    for row in rows:
        time = f"{row.ms:.0f} ms" if row.ms is not None else ""
        grid.add_row(row.node, time, Text(said(row), COLOURS.get(row.st, "yellow")))
    return grid


def summary(name: str, calls: list[RollCall]) -> str:
    """`buzz: 4 of 5 obeyed, the last after 82 ms; refused: linus; silent: ada`"""
    rows = [row for call in calls for row in call.rows]
    good = [row for call in calls for row in call.good]
    if not rows:
        return f"{name}: nobody answered"
    text = f"{name}: {len(good)} of {len(rows)} obeyed"
    if good:
        text += f", the last after {max(row.ms or 0 for row in good):.0f} ms"
    refused = [row.node for call in calls for row in call.refused]
    silent = [row.node for call in calls for row in call.silent]
    for what, names in (("refused", refused), ("silent", silent)):
        if names:
            text += f"; {what}: {', '.join(names)}"
    return text
