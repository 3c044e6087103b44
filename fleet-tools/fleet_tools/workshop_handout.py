"""`fleet workshop handout`: one page of commands to print. What the code knows is taken from the code: topics and
standard commands, the verbs of `fleet`, the lessons. Every function but the command is pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import click

from fleet_schema import commands, topics
from fleet_tools import class_folder, session
from fleet_tools.errors import OK, USAGE, FleetError

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
NODE = "ada"
BLANK = "_" * 17
# kind -> (an example of a name, what it says); the kinds that people do not read are INNER
KINDS = {
    "status": ("", "online, sleeping, lost …; retained"),
    "meta": ("", "what it is and can do; retained"),
    "tele": ("sht4x", "a reading, with number and time"),
    "event": ("button-a", "pressed, shaken"),
    "health": ("", "memory, lag; every minute"),
    "log": ("warning", "words for people"),
    "cmd": ("buzz", "do something; never retained"),
    "ack": ("", "who obeyed, who refused"),
}
INNER = ("journal", "ota")
ASYNCIO = """\
import asyncio

async def blink():
    while True:
        print("blink")
        await asyncio.sleep_ms(200)

async def main():
    asyncio.create_task(blink())
    await asyncio.sleep_ms(1000)

asyncio.run(main())"""
KEYS = (
    ("Ctrl-C", "stops the program"),
    ("Ctrl-D", "starts it again; on a PC: leaves"),
    ("Ctrl-X", "leaves mpremote"),
    ("Ctrl-E", "paste mode; Ctrl-D ends it"),
)
MPREMOTE = (
    ("repl", "its prompt"),
    ("run main.py", "runs the file; leaves nothing"),
    ("mount . run main.py", "with its other files"),
    ("fs cp main.py :main.py", "it runs at every start"),
    ("fs ls", "what lies there"),
    ("fs cat :main.py", "shows a file"),
    ("exec 'print(1 + 1)'", "one line"),
    ("reset", "as the button does"),
)
WORKSHOP = (
    ("start", "the next lesson"),
    ("check", "what is not there yet"),
    ("goto 4", "jump; the rest is solved"),
    ("list", "all lessons, what is done"),
    ("doctor", "is this computer ready"),
)
VERBS = (
    "ls",
    "watch",
    "info ada",
    "buzz --all",
    "send say hello --all",
    "roll",
    "join",
    "boards",
    "logs",
    "doctor",
)
STYLE = """
* { box-sizing: border-box; margin: 0; }
html { background: #e9eceb; color: #000; color-scheme: light;
  font: 8.3pt/1.3 Inter, "Segoe UI", system-ui, "Helvetica Neue", "Liberation Sans", Arial, sans-serif; }
body { width: 190mm; margin: 8mm auto; background: #fff; padding: 4mm; }
h1 { font-size: 15pt; line-height: 1.1; letter-spacing: -.02em; }
header { display: flex; justify-content: space-between; align-items: flex-end; gap: 6mm;
  border-bottom: .5mm solid #000; padding-bottom: 1.5mm; margin-bottom: 2.5mm; }
header p { font-size: 8.5pt; }
main { columns: 2; column-gap: 6mm; }
section { break-inside: avoid; margin-bottom: 2.6mm; }
h2 { font-size: 10pt; line-height: 1.2; border-bottom: .2mm solid #999; margin-bottom: .8mm; }
table { border-collapse: collapse; width: 100%; }
td { vertical-align: baseline; padding: .15mm 2mm .15mm 0; } td:last-child { padding-right: 0; }
code, pre { font-family: "DejaVu Sans Mono", "Cascadia Mono", Consolas, Menlo, "Liberation Mono", monospace;
  font-size: 7.2pt; font-variant-ligatures: none; }
td code { white-space: nowrap; }
pre { line-height: 1.25; background: #f1f3f2; padding: 1.2mm 1.6mm; }
p.note { margin-top: .6mm; } h1 code, h2 code { font-size: .9em; }
.row code { overflow-wrap: anywhere; }
.row { display: flex; flex-wrap: wrap; justify-content: space-between; column-gap: 2mm; padding: .15mm 0; }
.row span { margin-left: auto; }
.lessons { columns: 3; column-gap: 3mm; list-style: none; padding: 0; }
@media print { @page { size: A4; margin: 10mm; } html { background: none; }
  body { width: auto; margin: 0; padding: 0; } pre { background: none; border: .2mm solid #bbb; } }
"""


@click.command("handout")
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), default="workshop-handout.html",
              metavar="FILE", show_default=True, help="Where to.")  # fmt: skip
@click.option("--base", default="fleet", metavar="NAME", show_default=True, help="First level of the class's topics.")
@click.option("--at", "host", metavar="HOST", help="Of the broker, for the lines with mosquitto.  [default: blank]")
def handout_command(out: Path, base: str, host: str | None) -> int:
    """One page of commands to print, for each place in the room."""
    if not topics.is_base(base):
        raise FleetError(f"{base!r} is no base of topics, such as 3b", USAGE)
    class_folder.write(out, page(base, host))
    out.chmod(0o644)  # it holds no secret
    click.echo(out)
    session.note("open it in a browser and print it: one page of A4 or Letter, black and white")
    return OK


def page(base: str = "fleet", host: str | None = None) -> str:
    """HTML, complete."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Workshop hand-out</title><style>{STYLE}</style></head><body>",
        "<header><h1>From <code>print</code> to a fleet</h1>",
        f"<p>broker {escape(host) if host else BLANK} &nbsp; base {escape(base)} &nbsp; my node {BLANK}</p></header>",
        "<main>",
        *_section("Lessons", _lessons(), "Each terminal first: <code>. .venv/bin/activate</code>"),
        *_section("Run it", _table(PC)),
        *_section("asyncio: tasks take turns", [f"<pre>{escape(ASYNCIO)}</pre>"], _BLOCKS),
        *_section("A board at the USB port", _table((f"mpremote {words}", about) for words, about in MPREMOTE)),
        *_section("Keys at a prompt", _table(KEYS)),
        *_section("A package for a board", _flow(mip())),
        *_section(f"Topics: <code>{escape(_prefix(base))}</code> and then", _table(kinds(base)), _TARGETS),
        *_section("Listen and command without us", _flow(mosquitto(base, host)), _CLOSED),
        *_section("Commands of every node", _table(standard()), _BRACKETS),
        *_section("The fleet", _table(verbs())),
        "</main></body></html>",
        "",
    ]
    return "\n".join(parts)


PC = (
    ("micropython", "its prompt, on this PC"),
    ("micropython main.py", "the program"),
    ("micropython -X heapsize=64k main.py", "in a small memory"),
    *((f"fleet workshop {words}", about) for words, about in WORKSHOP),
)
_BLOCKS = "Whatever waits is awaited. <code>time.sleep</code> holds up all tasks."
_TARGETS = (
    f"In place of the node, a command also goes to <code>{topics.ALL}</code> (everybody) "
    "or <code>_red</code> (the group red)."
)
_BRACKETS = "In brackets: what it takes if you say nothing."
_CLOSED = "A closed broker: also <code>-u ID -P SECRET</code> of your sheet."


def kinds(base: str) -> list[tuple[str, str]]:
    """(topic behind its prefix, what it says)"""
    return [
        (topics.node_topic(base, NODE, kind, *filter(None, [name])).removeprefix(_prefix(base)), about)
        for kind, (name, about) in KINDS.items()
    ]


def _prefix(base: str) -> str:
    return str(topics.everything(base)).removesuffix("#")


def mosquitto(base: str, host: str | None = None) -> list[tuple[str, str]]:
    """(line to type, what it does): those that listen, then those that command."""
    at = f" -h {host}" if host else ""
    hear = [
        (topics.everything(base), "everything"),
        (_of_all(topics.node_topic(base, NODE, "status")), "who is there"),
        (_of_all(topics.node_topic(base, NODE, "tele", "sht4x")).replace("sht4x", "#"), "all readings"),
        (_of_all(topics.node_topic(base, NODE, "ack")), "who obeyed"),
    ]
    say = [
        (topics.command_topic(base, NODE, "buzz"), "300", "it buzzes for 300 ms"),
        (topics.command_topic(base, topics.ALL, "say"), "hello", "all show it"),
    ]
    lines = [(f"mosquitto_sub{at} -v -t '{one}'", about) for one, about in hear]
    return lines + [(f"mosquitto_pub{at} -q 1 -t {one} -m {words}", about) for one, words, about in say]


def _of_all(topic: str) -> str:
    return topic.replace(f"/{NODE}/", "/+/")


def standard() -> list[tuple[str, str]]:
    """(command, its arguments)"""
    return [(name, "; ".join(map(_argument, spec)) or "nothing") for name, spec in commands.STANDARD.items()]


def _argument(spec: Sequence[object]) -> str:
    name, kind, low, high, *default = spec
    said = {"s": f"{high} letters", "b": "true, false"}.get(str(kind), f"{low}–{high}")  # noqa: RUF001
    also = f" ({str(default[0]).lower()})" if default and default[0] not in ("", 0) else ""
    return f"{name} {said}{also}"


def verbs() -> list[tuple[str, str]]:
    from fleet_tools.cli import VERBS as ours

    return [(f"fleet {words}", ours[words.split()[0]][1].split(";")[0].rstrip(".")) for words in VERBS]


def mip() -> list[tuple[str, str]]:
    return [
        ("mpremote mip install umqtt.simple", "from the Internet"),
        ("mpremote mip install --index http://HOST:8080/mip fleet-sht4x", "from the class"),
    ]


def _lessons() -> Iterable[str]:
    from fleet_tools import workshop_lessons as lessons

    yield '<ol class="lessons">'
    for one in lessons.every():
        yield f"<li><b>{one.number}</b> {escape(one.name.split('-', 1)[1])}</li>"
    yield "</ol>"


def _section(title: str, parts: Iterable[str], note: str = "") -> list[str]:
    more = [f'<p class="note">{note}</p>'] if note else []
    return [f"<section><h2>{title}</h2>", *parts, *more, "</section>"]


def _flow(rows: Iterable[tuple[str, str]]) -> list[str]:
    """For long lines: what one does stands at the end of it, or below."""
    return [f'<p class="row"><code>{escape(one)}</code> <span>{escape(about)}</span></p>' for one, about in rows]


def _table(rows: Iterable[tuple[str, str]]) -> list[str]:
    cells = (f"<tr><td><code>{escape(one)}</code></td><td>{escape(about)}</td></tr>" for one, about in rows)
    return ["<table>", *cells, "</table>"]
