"""A class of 300 nodes whose broker is killed for three seconds.

Each has an account of its own. 280 are links, fifty to a process, and 20 are whole nodes: see tests/support/storm.py.
That they are back is judged at the other end as well: the dashboard shows the new connection of every node.
"""

import time
from typing import Any

from bench import machine
from support.classroom import Class
from support.dashboard import DashboardProcess
from support.storm import Crowd

LINKS, WHOLE = 280, 20
AWAY_S = 3.0
PATIENCE_S = 120.0


def run() -> list[str]:
    links, whole = [f"link-{number:03d}" for number in range(LINKS)], [f"node-{number:02d}" for number in range(WHOLE)]
    with Class([*links, *whole]) as (classroom, broker):
        here = [{name: classroom.url(name) for name in names} for names in (links, whole)]
        with DashboardProcess(classroom.url("dashboard")) as dashboard, Crowd(*here, within=PATIENCE_S) as crowd:
            dashboard.wait_for("/api/health", lambda health: health["nodes"] == len(crowd.names), PATIENCE_S)
            crowd.wait_until_steady()
            before = {node["id"]: node["conn"] for node in dashboard.get("/api/snapshot")["nodes"]}
            storm = crowd.storm(broker, AWAY_S)
            seen_in = time.monotonic()
            dashboard.wait_for("/api/snapshot", lambda snapshot: all_are_new(snapshot, before), PATIENCE_S)
            later = time.monotonic() - seen_in
    return [
        f"tries until all are back             {storm.all_tries:8d}     at most {storm.most_tries} of one node"
        "   (to reach: 5)",
        f"tries in the busiest 100 ms          {storm.peak:8d}     of {len(before)} nodes   (to reach: half)",
        f"all back after the broker            {storm.all_back_ms / 1000:8.1f} s   "
        f"{(storm.all_back_ms + storm.away_ms) / 1000:.1f} s after it went   (to reach: 10 s)",
        f"all online on the dashboard          {later:8.1f} s   after that; {machine.load()}",
    ]


def all_are_new(snapshot: dict[str, Any], before: dict[str, int]) -> bool:
    return all(node["state"] == "online" and node["conn"] > before[node["id"]] for node in snapshot["nodes"])
