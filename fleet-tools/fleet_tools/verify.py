"""`fleet verify`: is every reading that the nodes took stored, once? The dashboard's account, in words."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import click

from fleet_tools import dashboard, delivery, session, settings, words
from fleet_tools.delivery import Account, Boot
from fleet_tools.errors import NOBODY_ANSWERED, OK, SOME_FAILED, USAGE, FleetError

if TYPE_CHECKING:
    from rich.table import Table

UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
LONGEST_MS = 3650 * UNITS_MS["d"]
AGAIN_S = 0.5
WIDE = 1000  # characters: no limit
CODES = {"complete": OK, "dropped": OK, "missing": SOME_FAILED, "gone": SOME_FAILED, "wrong": SOME_FAILED}
COUNTS = ("taken", "stored", "expired", "missing", "gone", "dropped", "before", "twice")
SELDOM = ("expired", "before")
ALWAYS = ("taken", "stored", "missing")
RESULT = {"?": "unknown"}
EPILOG = """\b
Examples:
  fleet verify                     all that the dashboard has an account of
  fleet verify ada --since 1h      one node, boots that were heard within the last hour
  fleet verify --wait 60 && echo all is stored
\b
The columns, for each boot of a node (from one start of the node to the next):
  taken    readings and events that the node numbered, as far as the dashboard knows
  stored   rows that are really in the database, each exactly once
  expired  were stored, and deleted since because the dashboard keeps them for so long only
  missing  not stored yet; the node may still have them and is asked for them
  gone     the node took them and has them no more: lost
  dropped  the node's journal was full, so it let the oldest go, and counted them
  before   were no more to be had when this dashboard first heard of that boot
  twice    came a second time and were refused
  heard    how long ago the dashboard last heard of that boot
  times    exact, or bound: its readings were made no later than they say
\b
Exit codes: 0 all is accounted for (dropped is counted, and is said), 1 no dashboard, 2 wrong usage,
3 something is missing or gone or the account does not add up, 4 there is nothing to verify.
"""


class Since(click.ParamType[int]):
    """`90s`, `30m`, `1h`, `2d` as ms."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"([0-9]{1,9})([smhd])", str(value).strip().lower())
        length = int(found[1]) * UNITS_MS[found[2]] if found else 0
        if not 0 < length <= LONGEST_MS:
            self.fail(f"{value!r} is not a length of time like 30m, 1h or 2d", param, ctx)
        return length


@click.command("verify", epilog=EPILOG)
@click.argument("nodes", nargs=-1, metavar="[NODE...]")
@click.option("--since", type=Since(), metavar="TIME", help="Only boots heard within the last 30m, 1h, 2d.")
@click.option(
    "--wait",
    type=click.FloatRange(0, 86_400),
    default=2.0,
    show_default=True,
    metavar="S",
    help="How long to look again while something is missing.",
)
@click.option("--dashboard", "url", metavar="URL", help="http://host:port of the dashboard.")
@session.json_option("the account")
def verify_command(nodes: tuple[str, ...], since: int | None, wait: float, url: str | None, as_json: bool) -> int:
    """Is every reading that the nodes took stored, exactly once?

    Asks the dashboard, and needs no broker.
    """
    chosen = settings.load(dashboard=url)
    deadline = time.monotonic() + wait
    found = look(chosen.dashboard, nodes, since)
    while found.account.waits and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(AGAIN_S, left))
        found = look(chosen.dashboard, nodes, since)
    account = found.account
    code = CODES.get(account.verdict, NOBODY_ANSWERED)
    if as_json:
        session.print_json({"verdict": account.verdict, "code": code, "now": found.now, "nodes": found.entries})
        return code
    if account.boots:
        print_table(account.boots, found.now)
    for line in sentences(found, since):
        session.note(line)
    return code


@dataclass(frozen=True)
class Found:
    """`entries` is the dashboard's own document, for --json; `silent` were named, but have no account."""

    now: int
    entries: list[dict[str, Any]]
    account: Account
    silent: list[str]


def look(url: str | None, wanted: tuple[str, ...] = (), since: int | None = None) -> Found:
    """The account of the nodes that are wanted, or of all; FleetError without a dashboard or for an unknown node."""
    query = ""
    if since is not None:
        now = (dashboard.get(url, "/api/health") or {}).get("now")  # its clock counts, ours may be another
        query = "?" + urlencode({"since": max(0, int(now or time.time() * 1000) - since)})
    document = dashboard.require(url, "/api/delivery" + query)
    try:
        now = int(document["now"])
        entries = {str(one["id"]): one for one in document["nodes"]}
        boots = {node: delivery.read(node, one["boots"]) for node, one in entries.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise FleetError(f"the dashboard at {url} gives no account that this version can read ({error})") from None
    chosen = select(wanted, {node: str(one.get("name") or node) for node, one in entries.items()}, url)
    shown = sorted(entries) if not wanted else [node for node in chosen if node in entries]
    every = [one for node in shown for one in boots[node]]
    silent = [node for node in chosen if node not in entries]
    return Found(now, [told(entries[node], boots[node]) for node in shown], Account(tuple(every)), silent)


def select(wanted: tuple[str, ...], known: dict[str, str], url: str | None) -> list[str]:
    """The ids that are meant, each once; people type the human name as well."""
    if not all(one in known for one in wanted):  # it may be one that has no boot in this time
        known = {**{node: str(one.get("name") or node) for node, one in dashboard.nodes(url).items()}, **known}
    ids = {name.lower(): node for node, name in known.items()}
    chosen = []
    for word in wanted:
        node = word if word in known else ids.get(word.lower())
        if node is None:
            hint = words.did_you_mean(word, known) or "; fleet verify alone shows all it knows"
            raise FleetError(f"the dashboard knows no node {word!r}{hint}", USAGE)
        chosen.append(node)
    return list(dict.fromkeys(chosen))


def told(entry: dict[str, Any], boots: list[Boot]) -> dict[str, Any]:
    """The dashboard's entry of a node, each boot with our verdict on it."""
    pairs = zip(entry["boots"], boots, strict=True)
    return {**entry, "boots": [{**one, "verdict": boot.verdict} for one, boot in pairs]}


def sentences(found: Found, since: int | None) -> list[str]:
    lines = [f"{node} has sent nothing{' in this time' if since else ''}" for node in found.silent]
    for boot in found.account.counted:
        if boot.missing:
            lines.append(f"{boot.node}, boot {boot.boot}: missing {delivery.which(boot)}")
    if any(one.counted and not one.timed for one in found.account.boots):
        lines.append(
            'bound: times are "no later than"; such a boot was only heard of afterwards, and its readings may be older'
        )
    return lines + delivery.sentences(found.account)


def print_table(boots: tuple[Boot, ...], now: int) -> None:
    """In a terminal that is too narrow for it, columns in which all is 0 are left out; no number is ever cut."""
    from rich.measure import Measurement

    out = session.console()
    shown = [word for word in COUNTS if word not in SELDOM or any(getattr(one, word) for one in boots)]
    needed = [word for word in shown if word in ALWAYS or any(getattr(one, word) for one in boots)]
    for counts in (shown, needed):
        table = make_table(boots, now, counts)
        wide = Measurement.get(out, out.options.update(width=WIDE), table).maximum
        if wide <= out.width:
            break
    out.width = max(out.width, wide)
    out.print(table)


def make_table(boots: tuple[Boot, ...], now: int, counts: list[str]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("node", "boot", *counts, "heard", "times", "result"):
        table.add_column(column, no_wrap=True, justify="right" if column in counts or column == "heard" else "left")
    for one in boots:
        cells = []
        for word in counts:
            text = f"{getattr(one, word):,}" if one.counted or word == "stored" else "?"
            colour = delivery.COLOURS.get(word, "") if one.counted else "dim"
            cells.append(Text(text, "dim" if text == "0" else colour))
        heard = words.age(now - one.seen)
        result = Text(RESULT.get(one.verdict, one.verdict), delivery.COLOURS[one.verdict])
        table.add_row(one.node, one.boot, *cells, heard, "exact" if one.timed else "bound", result)
    return table
