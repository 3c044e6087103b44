"""The report as one file that survives being mailed, printed and opened years later: no script, nothing from elsewhere.

It carries its own policy, since a saved file has no headers: a text that a node sent could do nothing even if it were
not escaped. `page` is pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from html import escape
from typing import Any

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
SYMBOLS = {"Cel": "°C", "%RH": "%", "m/s2": "m/s²", "/": "", "count": "", "uT": "µT", "deg": "°", "1": ""}
MOST_MINUTES = 14 * 60  # that a place on Earth is ahead or behind
STYLE = """
:root { --ink: #12201f; --soft: #4c5c5b; --line: #dbe1e1; --accent: #0b6e69; --bad: #bb3e00; color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.5rem; max-width: 60rem; color: var(--ink); background: #fff;
  font: 1rem/1.45 Inter, "Segoe UI", system-ui, "Helvetica Neue", "Liberation Sans", Arial, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: break-word; }
h1 { font-size: 2rem; letter-spacing: -.02em; line-height: 1.15; margin: 0; }
h2 { font-size: 1.25rem; margin: 2.25rem 0 .5rem; }
p { margin: .25rem 0; } .soft, small { color: var(--soft); } .bad { color: var(--bad); font-weight: 650; }
dl { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1.5rem 0 0; padding: 1rem 0;
  border-block: 1px solid var(--line); }
dl div { display: flex; flex-direction: column-reverse; } dt { color: var(--soft); font-size: .875rem; }
dd { margin: 0; font-size: 1.75rem; font-weight: 700; letter-spacing: -.02em; line-height: 1.1; }
table { border-collapse: collapse; width: 100%; } tbody { break-inside: avoid; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; } tbody th { overflow-wrap: anywhere; min-width: 4.5em; }
small { font-weight: 400; font-size: .875em; } thead th { color: var(--soft); font-size: .8125rem; }
.n { text-align: right; white-space: nowrap; }
.n + :not(.n) { padding-left: .5rem; } tr > :last-child { padding-right: 0; }
th.node { padding-top: 1rem; font-size: 1.1rem; }
@media print { @page { margin: 16mm 14mm; } body { padding: 0; max-width: none; font-size: 9.5pt; }
  thead { display: table-header-group; } h2 { break-after: avoid; } tr { break-inside: avoid; } }
@media screen and (max-width: 40rem) { body { padding: 1.25rem 1rem; }
  th, td { padding-right: .5rem; font-size: .875rem; }
  td small { display: block; } .roomy { display: none; } h2 { font-size: 1.1rem; } }
"""
MISSING, MINUS = "\u2013", "\u2212"
LOST = ("missing", "dropped", "gone")
NOTE = (
    "Online: connected in the time above, as far as the dashboard was there to see it. "
    "Answered: of the commands that the dashboard remembers. Delivery is of everything since the node was switched on. "
    "Missing: not stored yet, the node may still have it. Dropped: its journal was full. Gone: taken and lost. "
    "?: a node of an older contract, or older than the account."
)
Document = dict[str, Any]


def page(document: Document, minutes: int) -> str:
    """HTML; times are shown as at a place that is `minutes` ahead of UTC."""
    zone = timezone(timedelta(minutes=max(-MOST_MINUTES, min(MOST_MINUTES, minutes))))
    title = f"Lesson report, {_day(document['from'], zone)}"
    body = "\n".join(
        (
            *_head(document, zone),
            *_rounds(document["rounds"], zone),
            *_nodes(document["nodes"]),
            *_measured(document["nodes"]),
            *_commands(document["commands"], zone),
            *_alerts(document["alerts"], zone),
        )
    )
    policy = escape(POLICY, quote=True)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _head(document: Document, zone: timezone) -> Iterator[str]:
    first, last = document["from"], document["to"]
    until = _clock(last, zone) if _day(first, zone) == _day(last, zone) else f"{_day(last, zone)}, {_clock(last, zone)}"
    group = f", group {escape(document['group'])}" if document["group"] else ""
    yield f"<h1>Lesson report</h1>\n<p>{_day(first, zone)}, {_clock(first, zone)} to {until} <small>({_zone(zone)})"
    yield f"</small></p>\n<p class=soft>{escape(document['base'])}{group}</p>\n<dl>"
    totals = document["totals"]
    for key, value in {**totals, "rounds": len(document["rounds"])}.items():
        if value or key not in LOST:
            bad = " class=bad" if value and key in LOST else ""
            word = key.removesuffix("s") if value == 1 else key
            yield f"<div><dt>{word}</dt><dd{bad}>{value:,}</dd></div>"
    yield "</dl>"
    if not document["nodes"]:
        yield "<p>No node sent anything in this time.</p>"


def _rounds(rounds: list[Document], zone: timezone) -> Iterator[str]:
    if not rounds:
        return
    yield "<h2>Rounds</h2>" + _start("Time", "Challenge", "Winners")
    for head in rounds:
        winners = "<br>".join(
            f"{row['place']}. <b>{escape(row['name'])}</b> {number(row['score'])} {escape(symbol(head['unit']))}"
            for row in head["winners"]
        )
        broken = " <small>broken off</small>" if head["state"] == "broken" else ""
        nobody = "<span class=soft>nobody</span>"
        yield (
            f"<tr><td>{_clock(head['started'], zone)}</td><td>{escape(head['title'])}{broken}</td>"
            f"<td>{winners or nobody}</td></tr>"
        )
    yield "</tbody></table>"


def _nodes(nodes: list[Document]) -> Iterator[str]:
    if not nodes:
        return
    yield "<h2>Nodes</h2>" + _start("Node", "~Groups", "#Readings", "#Events", "#~Online", "#~Answered", "Delivery")
    for node in nodes:
        answered = f"{node['answered']} of {node['asked']}" if node["asked"] else MISSING
        known = f" <small>{escape(node['id'])}</small>" if node["name"] != node["id"] else ""
        short = shortfall(node)
        delivery = f"<td class=bad>{short}</td>" if short else f"<td>{'complete' if node['counted'] else '?'}</td>"
        yield (
            f"<tr><th scope=row>{escape(node['name'])}{known}</th><td class=roomy>"
            f"{escape(', '.join(node['groups']))}</td><td class=n>{node['readings']:,}</td>"
            f"<td class=n>{node['events']:,}</td><td class='n roomy'>{minutes(node['online_ms'])}</td>"
            f"<td class='n roomy'>{answered}</td>"
            f"{delivery}</tr>"
        )
    yield f"</tbody></table>\n<p><small>{NOTE}</small></p>"


def minutes(ms: int | None) -> str:
    """Whole ones: what is shorter than one is still not nothing."""
    if ms is None:
        return MISSING
    return f"{ms // 60_000:,} min" if ms >= 60_000 or not ms else "&lt; 1 min"


def shortfall(node: Document) -> str:
    """What of a node's readings is not stored; nothing if all is well or it cannot be told."""
    return ", ".join(f"{node[key]:,} {key}" for key in LOST if node[key] and node["counted"])


def _measured(nodes: list[Document]) -> Iterator[str]:
    nodes = [node for node in nodes if node["sensors"] or node["inputs"]]
    if not nodes:
        return
    yield "<h2>Measured and pressed</h2>" + _start("What", "#Count", "#Least", "#Mean", "#Most", body=False)
    coarse = False
    for node in nodes:
        yield f"<tbody><tr><th class=node colspan=5>{escape(node['name'])}</th></tr>"
        for sensor in node["sensors"]:
            coarse = coarse or sensor["coarse"]
            for one in sensor["fields"]:
                low, mean, high = row_of(one["low"], one["mean"], one["high"])
                yield (
                    f"<tr><td>{escape(one['name'])} <small>{escape(sensor['sensor'])}</small></td>"
                    f"<td class=n>{one['n']:,}</td><td class=n>{low}</td><td class=n>{mean}</td>"
                    f"<td class=n>{high} {escape(symbol(one['unit']))}</td></tr>"
                )
        for one in node["inputs"]:
            yield (
                f"<tr><td>{escape(one['type'])} <small>{escape(one['input'])}</small></td>"
                f"<td class=n>{one['n']:,}</td><td></td><td></td><td></td></tr>"
            )
        yield "</tbody>"
    yield "</table>"
    if coarse:
        yield "<p><small>Some of it is kept by the hour only: of those sensors whole hours are summed up.</small></p>"


def _commands(commands: list[Document], zone: timezone) -> Iterator[str]:
    if not commands:
        return
    yield "<h2>Commands</h2>" + _start("Time", "Command", "To", "#Answered", "Did not")
    for call in commands:
        not_done = ", ".join(escape(row["node"]) for row in call["rows"] if row["st"] not in ("ok", "done", "waiting"))
        yield (
            f"<tr><td>{_clock(call['at'], zone)}</td><td>{escape(call['name'])}</td><td>{escape(call['target'])}</td>"
            f"<td class=n>{call['answered']} of {len(call['rows'])}</td><td>{not_done or MISSING}</td></tr>"
        )
    yield "</tbody></table>\n<p><small>The last hundred that were sent from the dashboard since it started.</small></p>"


def _alerts(alerts: list[Document], zone: timezone) -> Iterator[str]:
    if not alerts:
        return
    yield "<h2>Alerts</h2>" + _start("Time", "Node", "What")
    for one in alerts:
        yield f"<tr><td>{_clock(one['ts'], zone)}</td><td>{escape(one['node'])}</td><td>{escape(one['text'])}</td></tr>"
    yield "</tbody></table>"


def _start(*heads: str, body: bool = True) -> str:
    """A table's head; columns with a # are numbers, those with a ~ are left out on a phone."""
    cells = (f"<th scope=col class='{_kind(head)}'>{head.lstrip('#~')}</th>" for head in heads)
    return f"\n<table><thead><tr>{''.join(cells)}</tr></thead>{'<tbody>' if body else ''}"


def _kind(head: str) -> str:
    return " ".join(name for sign, name in (("#", "n"), ("~", "roomy")) if sign in head)


def number(value: Any, largest: Any = None) -> str:
    """Four significant digits of `largest` (default: of it itself) and all before the point: 21.43, 1,013, 0.0521."""
    if not _is_finite(value):
        return MISSING
    size = abs(value if largest is None else largest)
    digits = 0 if size == 0 else max(0, min(6, 3 - math.floor(math.log10(size))))
    text = f"{value:,.{digits}f}"
    if largest is None and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.lstrip("-") if not text.strip("-0.,") else text.replace("-", MINUS)


def row_of(*values: Any) -> list[str]:
    """Numbers that stand side by side have as many digits after the point: 20.00, 20.94, 22.00."""
    largest = max((abs(value) for value in values if _is_finite(value)), default=0)
    return [number(value, largest) for value in values]


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def symbol(unit: str) -> str:
    return SYMBOLS.get(unit, unit)


def _moment(ts: int, zone: timezone) -> datetime | None:
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ts)).astimezone(zone)
    except OverflowError:
        return None  # what no calendar has


def _day(ts: int, zone: timezone) -> str:
    moment = _moment(ts, zone)
    return f"{moment.day} {moment:%B %Y}" if moment else str(ts)


def _clock(ts: int, zone: timezone) -> str:
    moment = _moment(ts, zone)
    return f"{moment:%H:%M}" if moment else str(ts)


def _zone(zone: timezone) -> str:
    return str(zone)
