"""`fleet ls`: one line per node, from what the broker retains and, when it runs, what the dashboard knows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from fleet_tools import dashboard, session, settings, words

if TYPE_CHECKING:
    from fleet_client import NodeInfo

RIGHT = ("since", "heard", "every")  # durations: in this state, since the last word, between readings


@click.command(
    "ls", epilog="\b\nExamples:\n  fleet ls\n  fleet ls --json | jq -r '.nodes[] | select(.state != \"online\").id'"
)
@session.connection_options
@session.json_option("the list")
def ls_command(broker: str | None, base: str | None, as_json: bool) -> int:
    """Who is there, and how they are."""
    chosen = settings.load(broker, base)
    fleet = session.run(chosen, lambda client: client.snapshot())
    known = dashboard.nodes(chosen.dashboard)
    rows = [describe(info, known.get(info.node, {})) for info in fleet.values()]
    if as_json:
        session.print_json({"broker": public(chosen.broker), "base": chosen.base, "nodes": rows})
    elif rows:
        print_table(rows)
    else:
        session.note(
            f"no node has said hello on {public(chosen.broker)} (base {chosen.base}); `fleet sim up 3` starts three"
        )
    return 0


def public(url: str) -> str:
    """The broker without the password."""
    from fleet_client import parse_url

    return parse_url(url).public


def describe(info: NodeInfo, seen: dict[str, Any]) -> dict[str, Any]:
    """One node; `since` and `last` are UTC ms, null where nobody keeps track."""
    meta = info.meta or {}
    return {
        "id": info.node,
        "name": meta.get("name", info.node),
        "state": seen.get("state", info.state),
        "paused": "pause" in (info.status or {}),
        "why": seen.get("why") or words.state(info.state, info.status),
        "since": seen.get("since"),
        "last": seen.get("last") or (info.last or {}).get("ts"),
        "board": meta.get("board"),
        "firmware": meta.get("fw"),
        "app": meta.get("app"),
        "period": meta.get("period"),
        "sensors": sorted(meta.get("sensors", {})),
        "groups": sorted(meta.get("groups", [])),
    }


def shown_state(row: dict[str, Any]) -> str:
    return "online, paused" if row["state"] == "online" and row["paused"] else words.state(row["state"])


def print_table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    now = time.time() * 1000
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("node", "name", "state", "since", "heard", "every", "groups", "sensors"):
        table.add_column(column, no_wrap=column != "state", justify="right" if column in RIGHT else "left")
    for row in rows:
        table.add_row(
            row["id"],
            Text(row["name"]),
            Text(shown_state(row), words.COLOURS.get(row["state"], "")),
            words.age(now - row["since"]) if row["since"] else "",
            words.age(now - row["last"]) if row["last"] else "",
            words.period(row["period"]) if row["period"] else "",
            " ".join(row["groups"]),
            " ".join(row["sensors"]),
        )
    out = session.console()
    out.print(table)
    online = sum(row["state"] == "online" for row in rows)
    session.note(f"{online} of {len(rows)} online")
