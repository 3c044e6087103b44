"""What Prometheus reads at /metrics: its text format 0.0.4. Pure: text out of what the pages know.

Of each node there are a handful of lines, and of nodes there are at most MAX_NODES: labels are ids, never names or
values that a node could choose freely.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fleet_dashboard.nodes import MAX_NODES

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
STATES = ("online", "sleeping", "silent", "offline", "lost")
# key of /api/stats -> (name, type, help)
STATS = {
    "messages": ("fleet_messages_total", "counter", "Messages received from the broker."),
    "kept": ("fleet_messages_kept_total", "counter", "Messages that were taken."),
    "duplicates": ("fleet_messages_duplicate_total", "counter", "Readings and events that came again."),
    "ignored": ("fleet_messages_ignored_total", "counter", "Messages that are not for us."),
    "rows": ("fleet_rows_total", "counter", "Readings and events committed by this process."),
    "pending": ("fleet_rows_pending", "gauge", "Readings and events that wait for the next commit."),
    "db_bytes": ("fleet_database_bytes", "gauge", "Size of the database on disk."),
    "reconnects": ("fleet_broker_reconnects_total", "counter", "Connections to the broker that were lost."),
    "viewers": ("fleet_viewers", "gauge", "Pages that watch now."),
}
COUNTS = {
    "received": ("fleet_node_received_total", "counter", "Messages of this node since the dashboard started."),
    "missing": ("fleet_node_missing", "gauge", "Readings not stored yet that the node may still have."),
    "gone": ("fleet_node_gone", "gauge", "Readings that were lost."),
    "dropped": ("fleet_node_dropped", "gauge", "Readings that the node's full journal dropped."),
    "flooded": ("fleet_node_flooded_total", "counter", "Messages of this node that were too many, and turned away."),
    "bad": ("fleet_node_bad_total", "counter", "Messages of this node that broke a rule."),
}


def text(stats: dict[str, Any], connected: bool, nodes: list[dict[str, Any]]) -> str:
    """`stats` as of /api/stats, `nodes` as in /api/snapshot."""
    nodes = nodes[:MAX_NODES]
    lines = [*_family("fleet_broker_connected", "gauge", "1 while connected to the broker.", [("", int(connected))])]
    for key, (name, kind, words) in STATS.items():
        lines += _family(name, kind, words, [("", stats.get(key))])
    bad = [(_label("rule", rule), count) for rule, count in sorted(stats.get("bad", {}).items())]
    lines += _family("fleet_messages_bad_total", "counter", "Messages that broke a rule.", bad)
    states = [(_label("state", word), sum(node["state"] == word for node in nodes)) for word in STATES]
    lines += _family("fleet_nodes", "gauge", "Nodes by state.", states)
    up = [(_label("node", node["id"]), int(node["state"] == "online")) for node in nodes]
    lines += _family("fleet_node_online", "gauge", "1 while the node is online.", up)
    last = [(_label("node", node["id"]), node["last"] / 1000) for node in nodes if node.get("last")]
    lines += _family("fleet_node_last_seen_seconds", "gauge", "When the node was last heard (Unix time).", last)
    for key, (name, kind, words) in COUNTS.items():
        counts = [(_label("node", node["id"]), node.get("counts", {}).get(key)) for node in nodes]
        lines += _family(name, kind, words, counts)
    return "\n".join(lines) + "\n"


def _family(name: str, kind: str, words: str, samples: Iterable[tuple[str, Any]]) -> list[str]:
    lines = [f"{name}{label} {value}" for label, value in samples if value is not None]
    return [f"# HELP {name} {words}", f"# TYPE {name} {kind}", *lines] if lines else []


def _label(key: str, value: str) -> str:
    escaped = value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'{{{key}="{escaped}"}}'
