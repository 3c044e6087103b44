"""What a teacher takes home from a lesson: who was there, what was measured, pressed, answered and won. Owns nothing.

All of it is the database's and of the span, but commands: those are the last hundred that this process remembers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Protocol

from fleet_client.rollcall import GOOD
from fleet_dashboard import store_report
from fleet_dashboard.export import cell, iso
from fleet_dashboard.nodes import Registry
from fleet_dashboard.store_report import NodeFigures, whole_minutes

LONGEST_MS = 400 * 24 * 3600 * 1000
COUNTS = ("readings", "events", "missing", "gone", "dropped")
COLUMNS = ("kind", "node", "name", "groups", "of", "what", "unit", "count", "least", "mean", "most", "text")
Document = dict[str, Any]


class Store(Protocol):
    async def report(self, start: int, end: int, now: int) -> list[NodeFigures]: ...
    async def look(self, question: Callable[[Any], list[Document]], what: str) -> list[Document]: ...


class Rounds(Protocol):
    def results(self) -> list[Document]: ...


class Commands(Protocol):
    def sent(self) -> list[Document]: ...


class Reports:
    """`document` is the report of a span; ValueError with one sentence if there can be none."""

    def __init__(self, base: str, store: Store, registry: Registry, rounds: Rounds, commands: Commands) -> None:
        self._base = base
        self._store = store
        self._registry = registry
        self._rounds = rounds
        self._commands = commands

    async def document(self, start: int, end: int, now: int, group: str | None = None) -> Document:
        """UTC ms, start < end; whole minutes are taken, and no more than there is of the last one at `now`."""
        if not start < end:
            raise ValueError("from lies before to; both are UTC in ms")
        if end - start > LONGEST_MS:
            raise ValueError("a report is of 400 days at most; choose a later from")
        start, end = whole_minutes(start, end)
        found = await self._store.report(start, end, now)
        alerts = await self._store.look(lambda database: store_report.alerts(database, start, end), "the alerts")
        nodes = [self._node(one) for one in found]
        if group is not None:
            nodes = [one for one in nodes if group in one["groups"]]
        members = {one["id"] for one in nodes}
        commands = [_call(call, members) for call in self._commands.sent() if start <= call["at"] < end]
        for one in nodes:
            mine = [row for call in commands for row in call["rows"] if row["node"] == one["id"]]
            one["asked"], one["answered"] = len(mine), sum(row["st"] in GOOD for row in mine)
        return {
            "base": self._base,
            "from": start,
            "to": min(end, max(start + 1, now)),
            "made": now,
            "group": group,
            "totals": {"nodes": len(nodes), **{key: sum(one[key] for one in nodes) for key in COUNTS}},
            "nodes": nodes,
            "rounds": [head for head in self._rounds.results() if start <= head["started"] < end][::-1],
            "commands": [call for call in commands if call["rows"] or group is None],
            "alerts": [one for one in alerts if group is None or one["node"] in members],
        }

    def _node(self, one: NodeFigures) -> Document:
        live = self._registry.nodes.get(one.name)
        meta = (live.meta if live else None) or one.meta or {}
        declared = meta.get("sensors") or {}
        sensors = [
            {
                "sensor": sensor.name,
                "readings": sensor.readings,
                "coarse": sensor.coarse,
                "fields": [
                    {**asdict(figures), "unit": str((declared.get(sensor.name, {}).get(figures.name) or [""])[0])}
                    for figures in sensor.fields
                ],
            }
            for sensor in one.sensors
        ]
        return {
            "id": one.name,
            "name": str(meta.get("name") or one.name),
            "groups": list(meta.get("groups") or []),
            "readings": sum(sensor.readings for sensor in one.sensors),
            "events": sum(n for _, _, n in one.events),
            **{key: getattr(one, key) for key in ("missing", "gone", "dropped", "counted", "boots")},
            **{"online_ms": one.online_ms, "starts": one.starts},
            "sensors": sensors,
            "inputs": [{"input": name, "type": kind, "n": n} for name, kind, n in one.events],
        }


def _call(call: Document, members: set[str]) -> Document:
    """A command and who answered: a node that is not in the report does not count."""
    rows = [{"node": row["node"], "st": row["st"]} for row in call["rows"] if row["node"] in members]
    head = {key: call[key] for key in ("id", "target", "name", "at")}
    return {**head, "rows": rows, "answered": sum(row["st"] in GOOD for row in rows)}


def to_csv(document: Document) -> str:
    """One table, a kind of line for each part; text that a spreadsheet would run as a formula gets a ' in front."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)

    def line(kind: str, **cells: Any) -> None:
        writer.writerow([kind, *(cell(cells.get(name, "")) for name in COLUMNS[1:])])

    text = f"{iso(document['from'])} to {iso(document['to'])}"
    line("span", of=document["base"], what=document["group"] or "", text=text)
    for node in document["nodes"]:
        who = {"node": node["id"], "name": node["name"], "groups": " ".join(node["groups"])}
        for key in ("readings", "missing", "gone", "dropped"):
            unsure = "cannot be told" if key != "readings" and not node["counted"] else ""
            line("account", **who, what=key, count=node[key], text=unsure)
        line("presence", **who, what="online", unit="min", count=_minutes(node["online_ms"]))
        line("presence", **who, what="starts", count=node["starts"])
        line("commands", **who, what="asked", count=node["asked"])
        line("commands", **who, what="answered", count=node["answered"])
        for sensor in node["sensors"]:
            for one in sensor["fields"]:
                figures = {"count": one["n"], "least": one["low"], "mean": _blank(one["mean"]), "most": one["high"]}
                line("field", **who, of=sensor["sensor"], what=one["name"], unit=one["unit"], **figures)
        for one in node["inputs"]:
            line("event", **who, of=one["input"], what=one["type"], count=one["n"])
    for head in document["rounds"]:
        for row in head["winners"]:
            who = {"node": row["node"], "name": row["name"], "groups": " ".join(row["teams"])}
            place = f"place {row['place']}, {iso(head['started'])}"
            line("round", **who, of=head["title"], what=head["state"], unit=head["unit"], most=row["score"], text=place)
    for one in document["alerts"]:
        line("alert", node=one["node"], what=one["kind"], text=f"{iso(one['ts'])}: {one['text']}")
    return out.getvalue()


def _minutes(ms: int | None) -> Any:
    return "" if ms is None else round(ms / 60_000)


def _blank(value: Any) -> Any:
    return "" if value is None else value
