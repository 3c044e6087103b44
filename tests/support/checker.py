"""Decides from a history whether the promise was kept: every reading is stored once, or counted as dropped.

The two excuses are narrow. `dropped`: the node itself counted it, because its journal was full; the oldest go first,
and never one that the node says it still has.
`ram`: its boot was killed, the reading was among the last ones, and the host had not told it settled before the kill.
"""

import bisect
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from support.history import Record

RAM_READINGS = 80  # unsettled readings that a node keeps in RAM before they go to flash
RAM_MS = 30_000  # and for how long
SLACK = 20  # readings more, for what was taken while they were written
SLACK_MS = 5000
ORDER_MS = 5  # a clock that is estimated may step back by so much between two samples of one sensor

KINDS = {
    "lost": "taken and not stored, and nobody counted it",
    "lost-acked": "told settled and not stored",
    "duplicate": "stored twice",
    "phantom": "stored and never taken",
    "changed": "stored other than it was taken",
    "order": "placed in another order than it was taken",
    "twin": "two readings were given one number",
}


@dataclass
class Result:
    taken: int = 0
    stored: int = 0
    dropped: int = 0
    ram: int = 0
    overcounted: int = 0  # counted as dropped by the node, and stored all the same: it did not know yet
    boots: int = 0
    back_ms: int = 0  # the largest step back of a sensor's time
    unexcused: set[tuple[str, str, int]] = field(default_factory=set)  # (node, boot, seq) of what is lost
    violations: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    @property
    def ok(self) -> bool:
        return not any(self.violations.values())

    @property
    def sentence(self) -> str:
        total = f"taken {self.taken} = stored {self.stored} + dropped {self.dropped} + in RAM at a kill {self.ram}"
        missing = len(self.violations["lost"]) + len(self.violations["lost-acked"])
        return total + (f" + LOST {missing}" if missing else "")

    def __str__(self) -> str:
        lines = [self.sentence]
        for kind, cases in self.violations.items():
            if cases:
                lines.append(f"{kind} ({KINDS[kind]}): {len(cases)}")
                lines += [f"  {case}" for case in cases[:10]]
        return "\n".join(lines)


class Boot:
    """All that the history says of one life of one node."""

    def __init__(self) -> None:
        self.taken: dict[int, Record] = {}
        self.rows: dict[int, Record] = {}
        self.told: list[tuple[float, int]] = []
        self.dropped = 0
        self.claims: list[tuple[int, int]] = []  # [first, next) that the node last said it has
        self.killed: float | None = None

    def settled_before(self, at: float) -> int:
        return max((seq for when, seq in self.told if when <= at), default=0)


def check(
    records: Iterable[Record],
    *,
    ram_readings: int = RAM_READINGS,
    ram_ms: int = RAM_MS,
    order_ms: int = ORDER_MS,
) -> Result:
    """The verdict on a history that has ended: delivery has settled, and the rows are read."""
    result = Result()
    boots: dict[tuple[str, str], Boot] = defaultdict(Boot)
    for record in records:
        what = record["what"]
        if what == "kept":
            for name in {row[0] for row in record["rows"]}:
                boots[record["node"], name].claims = []
            for name, first, end, dropped in record["rows"]:
                boot = boots[record["node"], name]
                boot.dropped = max(boot.dropped, dropped)
                boot.claims.append((first, end))
            continue
        if "boot" not in record or "node" not in record:
            continue
        boot = boots[record["node"], record["boot"]]
        if what == "taken":
            if record["seq"] in boot.taken:
                result.violations["twin"].append(name_of(record))
            boot.taken[record["seq"]] = record
        elif what == "row":
            if record["seq"] in boot.rows:
                result.violations["duplicate"].append(f"{name_of(record)} is in two rows")
            boot.rows[record["seq"]] = record
        elif what == "told":
            boot.told.append((record["at"], record["seq"]))
        elif what == "kill":
            boot.killed = record["at"]
    for (node, name), boot in sorted(boots.items()):
        if boot.taken or boot.rows:
            result.boots += 1
            judge_rows(boot, result, order_ms)
            judge_missing(node, name, boot, result, ram_readings, ram_ms)
    return result


def name_of(record: Record) -> str:
    return f"{record['node']} {record['boot']} {record['seq']} ({record.get('kind')}/{record.get('name')})"


def judge_rows(boot: Boot, result: Result, order_ms: int) -> None:
    violations = result.violations
    seen: dict[tuple[Any, ...], int] = {}
    last: dict[Any, Record] = {}
    result.taken += len(boot.taken)
    for seq, row in sorted(boot.rows.items()):
        taken = boot.taken.get(seq)
        if taken is None:
            violations["phantom"].append(name_of(row))
        else:
            result.stored += 1
            difference = differs(taken, row)
            if difference:
                violations["changed"].append(f"{name_of(row)}: {difference}")
        source = (row["kind"], row["name"])
        moment = (*source, row["n"] if row["kind"] == "event" else row["up"])
        if moment in seen:
            violations["duplicate"].append(f"{name_of(row)} is the same as {seen[moment]}")
        seen[moment] = seq
        before = last.get(source)
        if before is not None:
            back = before["ts"] - row["ts"]
            result.back_ms = max(result.back_ms, back)
            if back > order_ms:
                violations["order"].append(f"{name_of(row)} is {back} ms before {before['seq']}")
        last[source] = row


def differs(taken: Record, row: Record) -> str:
    """What the database has other than it was measured; empty if nothing."""
    for key in ("kind", "name", "up", "event_type", "n"):
        if taken.get(key) != row.get(key):
            return f"{key} was {taken.get(key)!r} and is {row.get(key)!r}"
    was, now = taken.get("v") or {}, row.get("v") or {}
    for name in {*was, *now}:
        before, after = was.get(name), now.get(name)
        same = before is after if before is None or after is None else float(before) == float(after)
        if not same:
            return f"{name} was {before!r} and is {after!r}"
    return ""


def judge_missing(node: str, name: str, boot: Boot, result: Result, ram_readings: int, ram_ms: int) -> None:
    missing = sorted(set(boot.taken) - set(boot.rows))
    if boot.killed is not None and missing:
        numbers = sorted(boot.taken)
        last = boot.taken[numbers[-1]]["up"]
        settled = boot.settled_before(boot.killed)
        place = {seq: bisect.bisect_left(numbers, seq) for seq in missing}
        in_ram = [
            seq
            for seq in missing
            if seq >= settled
            and place[seq] >= len(numbers) - ram_readings - SLACK
            and boot.taken[seq]["up"] >= last - ram_ms - SLACK_MS
        ]
        result.ram += len(in_ram)
        missing = [seq for seq in missing if seq not in set(in_ram)]
    claimed = [seq for seq in missing if any(first <= seq < end for first, end in boot.claims)]
    missing = [seq for seq in missing if seq not in set(claimed)]
    counted = min(len(missing), boot.dropped)
    result.dropped += counted
    result.overcounted += max(0, boot.dropped - counted)
    settled = boot.settled_before(float("inf"))
    for seq in sorted(missing[counted:] + claimed):
        kind = "lost-acked" if seq < settled else "lost"
        why = f"{boot.dropped} were counted as dropped" + (", its boot was killed" if boot.killed else "")
        why += ", and the node said last that it has it" if seq in claimed else ""
        result.violations[kind].append(f"{node} {name} {seq} of {len(boot.taken)} taken; {why}")
        result.unexcused.add((node, name, seq))
