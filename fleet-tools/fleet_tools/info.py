"""`fleet info NODE`: the birth certificate of a node in words, with the last values and health where known."""

from __future__ import annotations

import time
from typing import Any

import click

from fleet_tools import dashboard, delivery, ls, session, settings, words


@click.command("info", epilog="\b\nExamples:\n  fleet info ada\n  fleet info ada --json | jq .meta.commands")
@click.argument("node")
@session.connection_options
@session.json_option("everything that is known")
def info_command(node: str, broker: str | None, base: str | None, as_json: bool) -> int:
    """One node: sensors, health, and the commands it obeys."""
    chosen = settings.load(broker, base)
    fleet = session.run(chosen, lambda client: client.snapshot())
    info = session.known_node(node, fleet)
    seen = dashboard.get(chosen.dashboard, f"/api/nodes/{info.node}") or {}
    row = ls.describe(info, seen)
    values = (info.last or {}).get("v") or seen.get("v") or {}
    health = seen.get("health")
    boots = seen.get("delivery")
    if as_json:
        known = {"meta": info.meta, "status": info.status, "values": values, "health": health, "delivery": boots}
        session.print_json({**row, **known})
        return 0
    print_head(row, (info.meta or {}).get("schema"))
    if info.meta is None:
        session.note(f"{info.node} has sent no legal meta yet, so its sensors and commands are not known")
        return 0
    print_sensors(info.meta, values)
    print_health(health)
    print_delivery(info.node, boots)
    print_commands(info.node, info.meta["commands"])
    return 0


def print_head(row: dict[str, Any], schema: str | None) -> None:
    now = time.time() * 1000
    out = session.console()
    colour = words.COLOURS.get(row["state"], "")
    since = f", for {words.age(now - row['since'])}" if row["since"] else ""
    out.print(f"[bold]{row['id']}[/]", end="")
    out.print(f" ({row['name']}): " if row["name"] != row["id"] else ": ", end="", markup=False)
    out.print(words.state(row["state"]) + since, style=colour, markup=False)
    if row["last"]:
        out.print(f"  last heard  {words.age(now - row['last'])} ago")
    facts = {
        "board": row["board"],
        "firmware": f"MicroPython {row['firmware']}, app {row['app']}, schema {schema}" if row["firmware"] else None,
        "reads": f"every {words.period(row['period'])}" if row["period"] else None,
        "groups": " ".join(row["groups"]) or "none",
    }
    for name, text in facts.items():
        if text:
            out.print(f"  {name:<10}  {text}", markup=False)


def print_sensors(meta: dict[str, Any], values: dict[str, Any]) -> None:
    out = session.console()
    out.print("[bold]sensors[/]")
    for sensor, fields in sorted(meta.get("sensors", {}).items()):
        for field, (unit, quantity) in sorted(fields.items()):
            latest = values.get(sensor, {}).get(field)
            shown = words.value(latest, unit) if latest is not None else f"in {words.UNITS.get(unit, unit)}"
            out.print(f"  {sensor:<10}  {field:<6}{quantity:<16}{shown}", markup=False)
    for name, events in sorted(meta.get("inputs", {}).items()):
        out.print(f"  {name:<10}  {', '.join(events)}", markup=False)


def print_health(health: dict[str, Any] | None) -> None:
    if not health:
        return
    parts = [
        f"{label} {health[key]}{unit}"
        for key, label, unit in (
            ("mem", "free memory", " B"),
            ("lag", "worst loop lag", " ms"),
            ("reconn", "reconnects", ""),
            ("spool", "waiting to be stored", ""),
            ("drops", "dropped", ""),
            ("errors", "sensor errors", ""),
            ("bad", "bad messages", ""),
            ("rssi", "signal", " dBm"),
        )
        if key in health
    ]
    out = session.console()
    out.print("[bold]health[/]")
    out.print("  " + ", ".join(parts), markup=False)


def print_delivery(node: str, boots: Any) -> None:
    """Of the last boots; `fleet verify` shows each of them."""
    try:
        line = delivery.one_line(delivery.read(node, boots or []))
    except ValueError:
        return  # of a dashboard that is newer than we are
    if line:
        out = session.console()
        out.print(f"[bold]delivery[/]  (fleet verify {node})")
        out.print("  " + line, markup=False)


def print_commands(node: str, commands: dict[str, list[list[Any]]]) -> None:
    out = session.console()
    out.print(f"[bold]commands[/]  (fleet send NAME ... --to {node})")
    for name, spec in sorted(commands.items()):
        for number, line in enumerate([words.argument(arg) for arg in spec] or ["takes nothing"]):
            out.print(f"  {name if not number else '':<10}  {line}", markup=False)
