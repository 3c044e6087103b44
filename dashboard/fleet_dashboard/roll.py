"""The roll of the class: everyone who is expected or here, with the sentence of trouble.py, those with trouble first.

Owns since when readings of a node are missing; all else is asked of who has it.
"""

from __future__ import annotations

import re
from typing import Any

from fleet_dashboard.alerts import FADE_MS, Alerts, two_boards
from fleet_dashboard.clock import WallClock
from fleet_dashboard.ingest import Ingest
from fleet_dashboard.nodes import Node, Registry
from fleet_dashboard.queries import Condition
from fleet_dashboard.roster import Expected, Roster
from fleet_dashboard.trouble import HELP, LEVELS, NEVER, Facts, Verdict, headline, judge

GRACE_MS = 5000  # between status and meta
SPEAKS_MS = 60_000
FRESH_MS = 500


class Roll:
    def __init__(
        self, roster: Roster, registry: Registry, ingest: Ingest, alerts: Alerts, clock: WallClock, condition: Condition
    ) -> None:
        self.roster = roster
        self._registry = registry
        self._ingest = ingest
        self._alerts = alerts
        self._clock = clock
        self._condition = condition
        self._missing_since: dict[str, int] = {}
        self._seen: tuple[int, dict[str, Any]] | None = None  # the last answer, and when it was made

    def second(self, now: int) -> None:
        """Once a second: since when is something missing?"""
        missing = {node.id for node in self._registry.nodes.values() if node.figures.missing}
        self._missing_since = {name: self._missing_since.get(name, now) for name in missing}

    def view(self) -> dict[str, Any]:
        """The answer of /api/roll, the same for all who ask within half a second."""
        now = self._clock.refresh()
        if self._seen is None or not 0 <= now - self._seen[0] < FRESH_MS:
            self._seen = now, self._judged(now)
        return self._seen[1]

    def _judged(self, now: int) -> dict[str, Any]:
        expected = self.roster.nodes
        culprits = self._ingest.culprits.nodes.items()
        blamed = [name for name, culprit in culprits if now - culprit.last < FADE_MS]  # also who never sent a good one
        names = dict.fromkeys([*(expected or {}), *self._registry.nodes, *blamed])
        judged = [(name, judge(self._facts(name, now))) for name in names]
        judged.sort(key=lambda one: (LEVELS.index(one[1].level), one[1].place, _natural(one[0])))
        levels = [verdict.level for _, verdict in judged]
        return {
            "now": self._clock.utc(now),
            "connected": self._condition.linked_since is not None,
            "roster": expected is not None,
            "problem": self.roster.problem,
            "notes": [alert["text"] for alert in self._alerts.view() if alert["node"] not in names],
            "headline": headline(levels),
            "counts": {level: levels.count(level) for level in LEVELS},
            "help": HELP in levels,
            "nodes": [self._row(name, verdict) for name, verdict in judged],
        }

    def _row(self, name: str, verdict: Verdict) -> dict[str, Any]:
        node, one, step = self._registry.nodes.get(name), (self.roster.nodes or {}).get(name), self._clock.step
        state = NEVER if node is None else "online" if verdict.kind == "no-hello" else node.presence.word
        groups = list(node.groups) if node is not None and node.groups else [one.group] if one and one.group else []
        return {
            "id": name,
            "name": _name(node, one),
            "groups": groups,
            "state": state,
            "since": node.presence.since + step if node is not None else None,
            "last": node.presence.last + step if node is not None and node.presence.last else None,
            "kind": verdict.kind,
            "level": verdict.level,
            "why": verdict.why,
            "do": verdict.do,
        }

    def _facts(self, name: str, now: int) -> Facts:
        node, expected = self._registry.nodes.get(name), self.roster.nodes
        one = expected.get(name) if expected is not None else None
        on_roster = None if expected is None else one is not None
        known: dict[str, Any] = {
            "id": name,
            "now": now,
            "on_roster": on_roster,
            "revoked": one is not None and one.revoked,
        }
        known |= self._sent(name, now)
        if node is None:
            return Facts(**known)
        presence, since = node.presence, self._missing_since.get(name)
        return Facts(
            **known,
            state=presence.word,
            since=presence.since,
            last=presence.last,
            word=presence.why,
            greeted=bool(presence.boot),
            lacks=_lacks(node, now),
            paused=presence.paused,
            wake=presence.wake,
            boards=two_boards(node) if presence.is_shared(now) else "",
            clock=node.boot.watch.sentence(now) if node.boot is not None else "",
            missing=node.figures.missing,
            missing_for=0 if since is None else now - since,
        )

    def _sent(self, name: str, now: int) -> dict[str, Any]:
        """What this id sent that it should not have: known also of one that has no node."""
        found: dict[str, Any] = {"retained": self._alerts.is_raised("retained-command", name)}
        allowances = self._ingest.allowances
        allowance = allowances.senders.get(name)
        if allowance is not None and allowance.is_flooding(now, FADE_MS):
            found |= {"speed": allowance.speed(allowances.rate), "allowed": allowances.rate}
        culprit = self._ingest.culprits.nodes.get(name)
        if culprit is not None and culprit.last and now - culprit.last < FADE_MS:
            ((rule, times),) = culprit.rules.most_common(1)
            found |= {"rule": rule, "times": times, "broken": culprit.whys[rule]}
        return found


def _lacks(node: Node, now: int) -> str:
    """Who speaks and did not say who it is, as programs do that people write by hand; it was asked meanwhile."""
    presence = node.presence
    if not presence.last or now - presence.last > SPEAKS_MS:
        return ""
    if presence.boot and now - presence.since < GRACE_MS:
        return ""
    lacking = [kind for kind, there in (("status", presence.boot), ("meta", node.meta)) if not there]
    return " and no ".join(f"`{kind}`" for kind in lacking)


def _name(node: Node | None, one: Expected | None) -> str:
    """What the node calls itself, unless that is only its id and the roster knows better."""
    if node is not None and (node.name != node.id or one is None):
        return node.name
    return one.name if one is not None else ""


def _natural(name: str) -> list[tuple[int, str]]:
    """n-2 before n-10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
