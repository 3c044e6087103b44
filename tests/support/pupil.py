"""What a pupil does at a board, until the dashboard has heard of it."""

from __future__ import annotations

from support.dashboard import DashboardProcess
from support.node import NodeProcess


def tap(dashboard: DashboardProcess, node: NodeProcess, times: int = 1, within: float = 20.0) -> None:
    """Press and let go of a simulated button; the dashboard has heard both, each time, `within` seconds."""
    for _ in range(times):
        before = (dashboard.node(node.id)["event"] or {"n": 0})["n"]
        node.world("tap button-a")
        dashboard.node(
            node.id,
            lambda shown, n=before: shown["event"] and shown["event"]["type"] == "release" and shown["event"]["n"] > n,
            within,
        )
