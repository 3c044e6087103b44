"""What became of each rule at one node: kept so often, or broken, and by which message first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from fleet_client.message import Message
from fleet_tools.rules import ASK, JUDGED, Rule

KEPT, BROKEN, UNSEEN = "kept", "broken", "not seen yet"


@dataclass
class Breach:
    """`message` is the first that broke the rule, or None if it was none; `times` how often it was broken."""

    why: str
    message: Message | None
    times: int = 1


class Verdicts:
    def __init__(self) -> None:
        self.kept: Counter[str] = Counter()
        self.broken: dict[str, Breach] = {}

    def keep(self, *rules: str) -> None:
        self.kept.update(rules)

    def blame(self, rule: str, why: str, message: Message | None) -> None:
        """A rule that is broken stays broken, however often it is kept."""
        breach = self.broken.get(rule)
        if breach is None:
            self.broken[rule] = Breach(why, message)
        else:
            breach.times += 1

    def of(self, rule: str) -> str:
        return BROKEN if rule in self.broken else KEPT if self.kept[rule] else UNSEEN

    def rows(self, who: str = "node") -> list[tuple[Rule, str]]:
        """Every rule that can be judged of such a one, in the order of the contract, with its verdict."""
        return [(rule, self.of(name)) for name, rule in JUDGED.items() if rule.who == who or name in self.broken]

    def next_step(self, with_ask: bool = False) -> Rule | None:
        """The first rule that is broken; else the first that should have been seen by now and was not."""
        broken = [JUDGED[name] for name in self.broken if name in JUDGED]
        if broken:
            return min(broken, key=lambda rule: rule.place)
        unseen = self.missing(with_ask)
        return min(unseen, key=lambda rule: rule.place) if unseen else None

    def missing(self, with_ask: bool = False) -> list[Rule]:
        """Rules that every node shows within seconds, and this one did not."""
        return [
            rule
            for rule, verdict in self.rows()
            if verdict == UNSEEN and (not rule.how or (with_ask and rule.how == ASK))
        ]
