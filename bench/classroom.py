"""From nothing to thirty named nodes on the wall: what a teacher types, and how long it takes.

Everything is real: the accounts, the sheets, mosquitto with its plugin and TLS, and thirty `fleet join`, each a node of
the Unix port with the ticket of its sheet. Only the typing is done by this program.
"""

import json
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench import machine
from support.class_run import ClassRun, Joined, fleet, wait_for

NAMES = [
    "Ada",
    "Grace",
    "Katherine",
    "Linus",
    "Margaret",
    "Alan",
    "Barbara",
    "Claude",
    "Donald",
    "Edsger",
    "Frances",
    "Guido",
    "Hedy",
    "Ivan",
    "John",
    "Karen",
    "Leslie",
    "Mary",
    "Niklaus",
    "Ole",
    "Peter",
    "Radia",
    "Sophie",
    "Tim",
    "Ursula",
    "Vint",
    "Whitfield",
    "Xia",
    "Yukihiro",
    "Zdenek",
]
PATIENCE_S = 240.0


def run() -> Iterator[str]:
    begin = time.monotonic()

    def line(text: str) -> str:
        return f"{time.monotonic() - begin:6.1f} s  {text}"

    with tempfile.TemporaryDirectory(prefix="fleet-classroom-") as folder, ExitStack() as stack:
        root = Path(folder)
        (root / "names.csv").write_text("name,group\n" + "".join(f"{name},team-{name[0] > 'L':d}\n" for name in NAMES))
        yield line("$ fleet class new 3b --roster names.csv")
        yield line(fleet(root, "class", "new", "3b", "--roster", "names.csv").splitlines()[0])
        sheets = (root / "3b" / "sheets.html").read_text()
        yield line("$ fleet class start 3b")
        running = stack.enter_context(ClassRun(root))
        yield line(running.lines[1])
        first = running.ticket(NAMES[0].lower())
        tickets = [_ticket(running, first, name.lower(), sheets) for name in NAMES]
        told = [stack.enter_context(Joined(root, ticket)) for ticket in tickets]
        yield line(f"{len(told)} times $ fleet join, each with the ticket of its sheet")
        wait_for(lambda: any("It works" in one() for one in told), "that the first one has joined", PATIENCE_S)
        yield line("the first says: It works")
        wait_for(lambda: all("It works" in one() for one in told), "that all have joined", PATIENCE_S)
        yield line(f"all {len(told)} say: It works")
        wait_for(lambda: _named(running.http) == set(NAMES), "that all have their names", PATIENCE_S)
        yield line(f"{len(NAMES)} nodes with their names are online on the wall   (to reach: 300 s)")
        roll = fleet(root, "roll").strip().splitlines()
        yield line(f"$ fleet roll: {roll[0]}")
        yield line(machine.load())


def _ticket(running: ClassRun, first: str, node: str, sheets: str) -> str:
    secret = running.secret(node)
    assert secret in sheets, f"{node} is not on a sheet"
    before, _, at = first.partition("mqtts://")
    return f"{before}mqtts://{node}:{secret}@{at.partition('@')[2]}"


def _named(port: int) -> set[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/snapshot", timeout=10) as answer:
        nodes = json.load(answer)["nodes"]
    return {node["name"] for node in nodes if node["state"] == "online"}
