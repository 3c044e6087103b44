"""What broke the contract, by rule, and by the node that the topic names. Bounded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from fleet_schema import SchemaError

MAX_CULPRITS = 500


@dataclass
class Culprit:
    """What one node id did against the contract."""

    rules: Counter[str] = field(default_factory=Counter)
    why: str = ""  # the last reason
    last: int = 0  # monotonic ms
    whys: dict[str, str] = field(default_factory=dict)  # the last one of each rule, without its id


class Culprits:
    """`rules` counts everything; `nodes` are at most 500."""

    def __init__(self) -> None:
        self.rules: Counter[str] = Counter()
        self.nodes: dict[str, Culprit] = {}

    def blame(self, who: str | None, error: SchemaError, now: int) -> None:
        """`who` is a node id, or None if the topic names none."""
        self.rules[error.rule] += 1
        if who is None:
            return
        culprit = self.nodes.get(who)
        if culprit is None:
            if len(self.nodes) >= MAX_CULPRITS:
                return
            culprit = self.nodes[who] = Culprit()
        culprit.rules[error.rule] += 1
        culprit.why = str(error)
        culprit.whys[error.rule] = error.why
        culprit.last = now
