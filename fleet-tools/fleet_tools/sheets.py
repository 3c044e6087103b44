"""The sheets of a class as one file to print: a card for each node, with all it needs to join, and its QR code.

Made for A4 and for Letter, in black and white. No script, nothing from elsewhere; every function here is pure.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import segno

from fleet_tools.ticket import Ticket

A_PAGE = 6  # two cards beside each other, three below each other: large enough to type from
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
QUIET = 4  # modules of white around a QR code: what the standard asks for
LONG_NAME = 18  # letters; a longer one is printed smaller

# 2 x 93 mm and 3 x 84 mm fit on both papers: Letter is 279 mm high, A4 210 mm wide, and 10 mm each are the margins.
STYLE = """
* { box-sizing: border-box; margin: 0; }
html { background: #e9eceb; color: #000; color-scheme: light;
  font: 9pt/1.3 Inter, "Segoe UI", system-ui, "Helvetica Neue", "Liberation Sans", Arial, sans-serif; }
header { max-width: 186mm; margin: 8mm auto; font-size: 11pt; line-height: 1.45; padding: 0 4mm; }
h1 { font-size: 20pt; letter-spacing: -.02em; line-height: 1.2; margin-bottom: 2mm; }
main { width: 186mm; margin: 0 auto; }
section { display: grid; grid-template-columns: 93mm 93mm; background: #fff; margin-bottom: 8mm; }
article { width: 93mm; height: 84mm; padding: 4.5mm 5mm 3.5mm; overflow: hidden; display: flex; flex-direction: column;
  border: .25mm dashed #777; margin: 0 -.25mm -.25mm 0; break-inside: avoid; }
h2 { font-size: 18pt; line-height: 1.1; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2.long { font-size: 13pt; }
h2 + p { margin-top: .8mm; }
.card { display: grid; grid-template-columns: 38mm 1fr; gap: 3.5mm; margin-top: 1.5mm; align-items: center; }
.card svg { width: 40mm; height: 40mm; display: block; margin-left: -2mm; }
dt { font-size: 7.5pt; line-height: 1.2; } dd { margin: 0 0 1.4mm; }
code, dd { font-family: "DejaVu Sans Mono", "Cascadia Mono", Consolas, Menlo, "Liberation Mono", monospace;
  font-variant-ligatures: none; }
dd { font-size: 10pt; line-height: 1.2; overflow-wrap: anywhere; }
dd.secret { font-size: 9.8pt; font-weight: 700; white-space: nowrap; }
ul { list-style: none; padding: 0; margin-top: auto; } li code { font-weight: 700; font-size: 9.5pt; }
.ticket { font-size: 7.2pt; line-height: 1.3; overflow-wrap: anywhere; display: block; margin-top: .6mm; }
@media print { @page { margin: 10mm; } html { background: none; } header { display: none; }
  section { margin: 0; break-after: page; } section:last-child { break-after: auto; } }
@media screen and (max-width: 190mm) { main { width: 93mm; } section { grid-template-columns: 93mm; } }
"""


@dataclass(frozen=True)
class Sheet:
    """Of one node: whose it is, and its ticket, secret included."""

    name: str
    ticket: Ticket


def page(base: str, sheets: Sequence[Sheet], http_port: int = 8080) -> str:
    """HTML, complete; the sheets in the order given."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta name="fleet-broker" content="{_places(sheets)}">',
        f"<title>Sheets of class {escape(base)}</title><style>{STYLE}</style></head><body>",
        *_introduction(base, sheets),
        "<main>",
    ]
    for first in range(0, len(sheets), A_PAGE):
        parts.append("<section>")
        parts += [_card(one, http_port) for one in sheets[first : first + A_PAGE]]
        parts.append("</section>")
    return "\n".join([*parts, "</main></body></html>", ""])


def qr_svg(text: str, size: str | None = None) -> str:
    """The QR code as an SVG element that scales with its box; with a size, such as 40mm, it is a file of its own."""
    out = io.BytesIO()
    code = segno.make(text, micro=False, error="m")
    code.save(out, kind="svg", border=QUIET, light="white", xmldecl=size is not None, nl=False, omitsize=True)
    more = f'width="{size}" height="{size}"' if size else 'role="img" aria-label="QR code"'
    return out.getvalue().decode().replace("<svg ", f"<svg {more} ", 1)


def link(ticket: Ticket, http_port: int = 8080) -> str:
    """Where a sheet's QR code leads a phone: the page of this class that helps to join."""
    host = f"[{ticket.host}]" if ":" in ticket.host else ticket.host
    return ticket.link(f"http://{host}:{http_port}")


def _places(sheets: Sequence[Sheet]) -> str:
    """Where all of them say the broker is, for who wants to know what was printed: `fleet class start`."""
    return escape(" ".join(sorted({f"{one.ticket.host}:{one.ticket.port}" for one in sheets})))


def _introduction(base: str, sheets: Sequence[Sheet]) -> Iterator[str]:
    pages = -(-len(sheets) // A_PAGE)
    count = f"{len(sheets)} {'sheet' if len(sheets) == 1 else 'sheets'} on {pages} {'page' if pages == 1 else 'pages'}"
    where = sorted({f"{one.ticket.host}" for one in sheets})
    yield f"<header><h1>Sheets of class {escape(base)}</h1>"
    yield (
        f"<p>{count}, for A4 or Letter, black and white is enough. Print at 100 % without headers and footers, "
        "and cut along the dashed lines. This text is not printed.</p>"
    )
    if where:
        yield (
            f"<p>They say that the broker is at <code>{escape(', '.join(where))}</code>: the address of this computer "
            f"in the classroom's network. If it has another one there, say so and print again: "
            f"<code>fleet class sheets {escape(base)} --at HOST</code></p>"
        )
    yield (
        "<p><b>Each sheet holds a secret.</b> Who has it can act as that node and as nobody else. "
        f"A lost one is worth nothing after <code>fleet class reset {escape(base)} ID</code>.</p></header>"
    )


def _card(sheet: Sheet, http_port: int) -> str:
    ticket = sheet.ticket
    long = ' class="long"' if len(sheet.name) > LONG_NAME else ""
    facts = (
        ("id", ticket.node, ""),
        ("secret", ticket.secret, ' class="secret"'),
        ("broker", ticket.host, ""),
        ("port", f"{ticket.port} with TLS" if ticket.tls else str(ticket.port), ""),
        ("base", ticket.base, ""),
    )
    rows = "".join(f"<dt>{name}</dt><dd{kind}>{escape(value)}</dd>" for name, value, kind in facts)
    return (
        f'<article><h2{long} dir="auto">{escape(sheet.name)}</h2>'
        f'<div class="card">{qr_svg(link(ticket, http_port))}<dl>{rows}</dl></div>'
        "<ul><li>Phone: scan the code.</li>"
        "<li>PC: <code>fleet join</code> &emsp; Board: <code>import join</code></li>"
        "<li>Both ask for this line:</li></ul>"
        f'<code class="ticket">{_breakable(str(ticket))}</code></article>'
    )


def _breakable(ticket: str) -> str:
    """A line break may come after @ and before #, where it does no harm to whoever types it."""
    return escape(ticket).replace("@", "@<wbr>").replace("#", "<wbr>#")
