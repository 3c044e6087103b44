"""`fleet roll`: who has trouble, why, and what to do. The dashboard judges, so that its page and this say the same."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from fleet_tools import dashboard, session, settings, words
from fleet_tools.errors import NOBODY_ANSWERED, OK, SOME_FAILED, FleetError
from fleet_tools.watch import printable

if TYPE_CHECKING:
    from rich.console import Group

EVERY_S = 1.0
MARKS = {"help": ("!", "bold red"), "away": ("-", "blue"), "fine": ("✓", "green"), "out": (" ", "dim")}
STATES = {**words.COLOURS, "never": "red"}
EPILOG = """\b
Examples:
  fleet roll                       everyone, those with trouble first
  fleet roll --watch               the same, kept up to date until Ctrl-C
  fleet roll --json | jq -r '.nodes[] | select(.level == "help") | .id + ": " + .why'
\b
It needs the dashboard, which knows since when and why; without one, `fleet ls` shows what the broker knows.
\b
Exit codes: 0 nobody needs help, 1 no dashboard, 3 somebody does, 4 nobody is here.
"""


@click.command("roll", epilog=EPILOG)
@click.option("--watch", is_flag=True, help="Go on until Ctrl-C.")
@click.option("--dashboard", "url", metavar="URL", help="http://host:port of the dashboard.")
@session.json_option("the roll")
def roll_command(watch: bool, url: str | None, as_json: bool) -> int:
    """Who has trouble, why, and what to do."""
    chosen = settings.load(dashboard=url)
    roll = look(chosen.dashboard)
    if watch:
        follow(chosen.dashboard, roll, as_json)
    elif as_json:
        session.print_json({**roll, "code": code_of(roll)})
    else:
        session.console().print(table(roll))
        for line in sentences(roll):
            session.note(line)
    return code_of(roll)


def look(url: str | None) -> dict[str, Any]:
    """The dashboard's roll; FleetError without one."""
    roll = dashboard.require(url, "/api/roll")
    if not isinstance(roll.get("nodes"), list) or not isinstance(roll.get("headline"), str):
        raise FleetError(f"the dashboard at {url} gives no roll that this version can read")
    return roll


def code_of(roll: dict[str, Any]) -> int:
    if not roll["connected"] or any(row["level"] == "help" for row in roll["nodes"]):
        return SOME_FAILED
    return OK if any(row["level"] != "out" for row in roll["nodes"]) else NOBODY_ANSWERED


def follow(url: str | None, roll: dict[str, Any], as_json: bool) -> None:
    """Until Ctrl-C: a terminal is painted again, a pipe gets what changed."""
    from rich.live import Live

    out = session.console()
    if as_json or not out.is_terminal:
        shown = None
        while True:
            now = [(row["id"], row["level"], row["kind"]) for row in roll["nodes"]]
            if now != shown:
                shown = now
                session.print_json(roll) if as_json else out.print(table(roll))
            time.sleep(EVERY_S)
            roll = look(url)
    with Live(table(roll), console=out, auto_refresh=False) as live:
        while True:
            time.sleep(EVERY_S)
            live.update(table(look(url)), refresh=True)


def sentences(roll: dict[str, Any]) -> list[str]:
    """What is not about one node."""
    lines = [] if roll["connected"] else ["the dashboard has no connection to the broker: this is what it knew before"]
    lines += [str(note) for note in roll.get("notes", [])]
    if roll.get("problem"):
        lines.append(str(roll["problem"]))
    if not roll["nodes"]:
        lines.append("no node has said hello, and none is expected; `fleet sim up 3` starts three")
    return lines


def table(roll: dict[str, Any]) -> Group:
    """The headline, and a line for each node; what to do stands below the reason."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    rows = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "node", "name", "group", "state", "since", "why, and what to do"):
        rows.add_column(
            column, no_wrap=column != "why, and what to do", justify="right" if column == "since" else "left"
        )
    for row in roll["nodes"]:
        mark, colour = MARKS.get(row["level"], ("?", ""))
        why = Text(printable(row["why"]), "bold" if row["level"] == "help" else "dim" if row["level"] == "out" else "")
        if row["level"] == "help" and row["do"]:
            why.append(f"\n{row['do']}", "not bold dim")
        rows.add_row(
            Text(mark, colour),
            row["id"],
            Text(printable(row["name"]) if row["name"] != row["id"] else ""),
            Text(printable(" ".join(row["groups"]))),
            Text(row["state"], STATES.get(row["state"], "")),
            words.age(roll["now"] - row["since"]) if row["since"] else "",
            why,
        )
    return Group(Text(roll["headline"], "bold"), rows)
