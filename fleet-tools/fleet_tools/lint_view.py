"""How a grade looks: what works first, then what is broken and why, then the next single step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from fleet_client.snapshot import in_natural_order
from fleet_schema import topics
from fleet_tools import rules, session
from fleet_tools.conformance import NOBODY, Conformance, Subject
from fleet_tools.verdicts import BROKEN, KEPT, UNSEEN, Breach
from fleet_tools.watch import payload_of, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from fleet_client import Message
    from fleet_tools.rules import Rule

LONGEST = 300  # characters of a payload that are shown
COLOURS = {KEPT: "green", BROKEN: "red", UNSEEN: "dim"}


class Report:
    """The verdicts of a run, for a screen and for --json."""

    def __init__(self, judge: Conformance, wanted: tuple[str, ...], ask: bool, strict: bool, seconds: float) -> None:
        self.asked, self.strict, self.seconds = ask, strict, seconds
        chosen = [one for one in judge.subjects.values() if is_chosen(one, wanted)]
        self.nodes = sorted(chosen, key=lambda one: in_natural_order(one.name))
        self.silent = [name for name in wanted if name not in {one.name for one in chosen}]
        self.others = [one for one in judge.subjects.values() if one not in chosen and one.verdicts.broken]
        self.others = [one for one in self.others if not wanted and not one.is_node]  # the host, and nobody
        self.host = judge.subjects.get(topics.HOST)
        self.beyond = judge.beyond

    @property
    def heard(self) -> bool:
        return bool(self.nodes or self.others)

    @property
    def good(self) -> bool:
        return not self.silent and not self.others and all(self.is_good(one) for one in self.nodes)

    def is_good(self, one: Subject) -> bool:
        return not one.verdicts.broken and not (self.strict and self.missing(one))

    def _answers(self, one: Subject) -> bool:
        """Was it asked, and has it the command with which it can be asked all?"""
        return self.asked and "echo" in (one.conduct.meta or {}).get("commands", {})

    def missing(self, one: Subject) -> list[Rule]:
        return one.verdicts.missing(self._answers(one))

    def next_step(self, one: Subject) -> Rule | None:
        return one.verdicts.next_step(self._answers(one))

    def grade(self, one: Subject) -> tuple[int, int]:
        """(kept, of how many)"""
        states = [state for _, state in one.verdicts.rows(kind_of(one))]
        kept, broken = states.count(KEPT), states.count(BROKEN)
        return kept, kept + broken + (len(self.missing(one)) if self.strict else 0)

    def document(self) -> dict[str, Any]:
        every = [*self.nodes, *self.others]
        return {
            "seconds": round(self.seconds, 1),
            "asked": self.asked,
            "strict": self.strict,
            "good": self.good,
            "nodes": [self._entry(one) for one in every],
            "silent": self.silent,
        }

    def _entry(self, one: Subject) -> dict[str, Any]:
        kept, of = self.grade(one)
        step = self.next_step(one)
        return {
            "id": one.name or None,
            "good": self.is_good(one),
            "messages": one.heard,
            "kept": kept,
            "of": of,
            "next": step.id if step else None,
            "rules": [row(one, rule, state) for rule, state in one.verdicts.rows(kind_of(one))],
        }


def is_chosen(one: Subject, wanted: tuple[str, ...]) -> bool:
    if not one.heard:
        return False
    return one.name in wanted if wanted else one.is_node


def kind_of(one: Subject) -> str:
    return "host" if one.name == topics.HOST else "node"


def row(one: Subject, rule: Rule, state: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"rule": rule.id, "state": state.replace(" yet", ""), "says": rule.says}
    entry["where"] = f'{rules.PAGE}, "{rule.section}"'
    if state == KEPT:
        entry["times"] = one.verdicts.kept[rule.id]
    elif state == UNSEEN:
        entry["how"] = rule.how
    else:
        breach = one.verdicts.broken[rule.id]
        entry |= {"times": breach.times, "why": breach.why, "expected": expected(rule, breach)}
        if breach.message is not None:
            entry["topic"] = breach.message.topic
            entry["payload"] = payload_of(breach.message.payload)
    return entry


def expected(rule: Rule, breach: Breach) -> str | None:
    """A payload as it should have been, where the rule is about how one looks."""
    message = breach.message
    if message is None or not (rule.section == rules.SECTIONS["look"] or rule.id == "F-STATUS-5"):
        return None
    if rule.id == "F-STATUS-5":
        return f"first .../status {rules.EXAMPLES['status']}, then .../meta {rules.EXAMPLES['meta']}"
    levels = message.topic.split("/")
    kind = levels[3] if len(levels) > 3 else ""
    if rule.id.startswith("F-TOPIC"):
        return None
    if kind == "tele" and len(levels) == 5 and topics.is_name(levels[4]):
        return own_example(message, levels[4])
    return rules.EXAMPLES.get(kind)


def own_example(message: Message, name: str) -> str:
    """The very value that was sent, in the form in which it should be sent."""
    try:
        value = orjson.loads(message.payload)
    except ValueError:
        return rules.EXAMPLES["tele"]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return rules.EXAMPLES["tele"]
    return '{"boot":"9f3a","seq":0,"up":1234,"v":' + orjson.dumps({name: value}).decode() + "}"


# -- on a screen -------------------------------------------------------------------------------------------------


def show(report: Report, every: bool) -> None:
    out = session.console()
    alone = len(report.nodes) == 1
    for one in [*report.nodes, *report.others]:
        if alone or every or one.verdicts.broken:
            print_subject(out, report, one, every, whole=alone or every)
        else:
            print_grade(out, report, one)
    for name in report.silent:
        session.note(f"{name} was not heard: is it on, does it use this broker and base, does its topic say {name}?")
    if not report.heard and not report.silent:
        session.note("nobody was heard: is a node on, and does it use this broker and this base?")
    if report.beyond:
        session.note(f"{report.beyond} messages of further nodes were not judged: name the nodes that you mean")
    if len(report.nodes) > 1:
        good = sum(report.is_good(one) for one in report.nodes)
        session.note(f"{good} of {len(report.nodes)} nodes keep all that was seen; fleet lint NODE shows one whole")


def print_subject(out: Console, report: Report, one: Subject, every: bool, whole: bool) -> None:
    """What works, what was not seen, what is broken, and last, where the eye is, the grade and the next step."""
    rows = one.verdicts.rows(kind_of(one))
    by_state = {state: [rule for rule, its in rows if its == state] for state in (KEPT, UNSEEN, BROKEN)}
    if whole:
        print_head(out, report, one)
        if not by_state[KEPT]:
            out.print("  it reaches the broker: that works", style=COLOURS[KEPT])
        for state in (KEPT, UNSEEN):
            found = by_state[state]
            if found and (state == KEPT or every or not by_state[BROKEN]):
                out.print(lines(found, state))
        if by_state[BROKEN] and by_state[UNSEEN] and not every:
            out.print(f"  {len(by_state[UNSEEN])} rules were not seen yet; --all shows them", style="dim")
    else:
        print_head(out, report, one)
    steps = sorted(by_state[BROKEN], key=lambda rule: rule.place, reverse=True)
    for rule in steps if whole else steps[-1:]:  # of many nodes, each has its next step only
        out.print(broken(rule, one.verdicts.broken[rule.id]))
    print_grade(out, report, one)
    if len(report.nodes) + len(report.others) > 1:
        out.print()


def print_head(out: Console, report: Report, one: Subject) -> None:
    out.print(f"{title(one)}, {one.heard} messages in {report.seconds:.0f} s", style="bold", markup=False)


def title(one: Subject) -> str:
    if one.name == NOBODY:
        return "messages that name no node"
    return "the host" if one.name == topics.HOST else one.name


def grid() -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=14, no_wrap=True)
    table.add_column(min_width=12, no_wrap=True)
    table.add_column(overflow="fold")
    return table


def lines(found: list[Rule], state: str) -> Table:
    from rich.text import Text

    table = grid()
    for rule in found:
        how = f"  ({rule.how or 'every node shows this: not this one, so far'})" if state == UNSEEN else ""
        colour = COLOURS[state]
        table.add_row(Text("  " + state, colour), Text(rule.id), Text(unmarked(rule.says) + how, "dim" if how else ""))
    return table


def broken(rule: Rule, breach: Breach) -> Table:
    from rich.text import Text

    table = grid()
    table.add_row(Text("  " + BROKEN, "bold red"), Text(rule.id, "bold"), Text(unmarked(rule.says), "bold"))
    message = breach.message
    if message is not None:
        times = f"  ({breach.times} times)" if breach.times > 1 else ""
        table.add_row("", "heard", Text(printable(message.topic) + times))
        table.add_row("", "", Text(shown(message)))
    table.add_row("", "but", Text(printable(breach.why), "red"))
    wanted = expected(rule, breach)
    if wanted:
        table.add_row("", "expected", Text(wanted, "green"))
    table.add_row("", "see", Text(f'{rules.PAGE}, "{rule.section}"', "dim"))
    return table


def shown(message: Message) -> str:
    text = printable(message.payload.decode(errors="replace"))
    text = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return text or "(empty)"


def print_grade(out: Console, report: Report, one: Subject) -> None:
    from rich.text import Text

    kept, of = report.grade(one)
    good = report.is_good(one)
    text = Text.assemble((title(one), "bold"), ": ", (f"{kept} of {of} rules kept", "green" if good else "yellow"))
    step = report.next_step(one)
    if step is not None:
        text.append(f"; next: {step.id}, {step.step or plain(step.says)}")
    elif not one.verdicts.broken:
        text.append(", and none is broken")
    out.print(text)


def plain(sentence: str) -> str:
    """A sentence to go on with."""
    return sentence[:1].lower() + unmarked(sentence)[1:].rstrip(".")


def unmarked(sentence: str) -> str:
    return sentence.replace("**", "")
