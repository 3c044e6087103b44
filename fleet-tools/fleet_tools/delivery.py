"""What the dashboard's account of delivery means: is every reading that a node took stored, once? Pure.

An account is kept per boot of a node (from one start of the node to the next). `taken` is what the node numbered; each
of those numbers is in exactly one of `stored`, `expired`, `missing`, `dropped`, `gone` and `before`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

NUMBERS = ("seen", "taken", "stored", "missing", "twice", "dropped", "gone", "before")
NOT_STORED = ("expired", "missing", "gone", "dropped", "before")
COLOURS = {"complete": "green", "dropped": "yellow", "missing": "yellow", "gone": "red", "wrong": "red", "?": "dim"}
READ_MORE = "docs/operations.md, Delivery"


@dataclass(frozen=True)
class Boot:
    """One boot's account; `seen` is UTC ms, `ranges` are the first 20 of the missing [first, last]."""

    node: str
    boot: str
    seen: int
    taken: int
    stored: int
    missing: int
    twice: int
    dropped: int
    gone: int
    before: int
    ranges: tuple[tuple[int, int], ...]
    timed: bool  # else its times are only "not later than"
    counted: bool  # else nothing can be said
    expired: int = 0  # were stored, and are deleted by the dashboard's settings

    @property
    def adds_up(self) -> bool:
        return self.taken == self.stored + self.expired + self.missing + self.dropped + self.gone + self.before

    @property
    def verdict(self) -> str:
        """complete, dropped, missing, gone, wrong (does not add up) or ? (cannot be told): the worst that is true."""
        if not self.counted:
            return "?"
        if not self.adds_up:
            return "wrong"
        return next((word for word in ("gone", "missing", "dropped") if getattr(self, word)), "complete")


@dataclass(frozen=True)
class Account:
    """All boots together that were asked for."""

    boots: tuple[Boot, ...]

    @property
    def counted(self) -> tuple[Boot, ...]:
        return tuple(one for one in self.boots if one.counted)

    @property
    def verdict(self) -> str:
        """As of a boot; ? only when there is no boot that can be judged."""
        found = {one.verdict for one in self.boots}
        return next((word for word in ("wrong", "gone", "missing", "dropped", "complete") if word in found), "?")

    @property
    def waits(self) -> bool:
        """Whether it may be complete in a moment by itself: a reading is on its way."""
        return self.verdict in ("missing", "wrong") or any(one.missing for one in self.counted)

    def total(self, word: str) -> int:
        return sum(getattr(one, word) for one in self.counted)

    def who(self, *words: str) -> str:
        """The nodes with such boots, by name, at most five."""
        nodes = list(dict.fromkeys(one.node for one in self.boots if one.verdict in words))
        return ", ".join(nodes[:5]) + (f" and {len(nodes) - 5} more" if len(nodes) > 5 else "")


def read(node: str, entries: Any) -> list[Boot]:
    """The boots of a node, newest first as they came; ValueError if it is not such a list."""
    if not isinstance(entries, list):
        raise ValueError("the boots are not a list")
    return [_read_one(node, one) for one in entries]


def _read_one(node: str, entry: Any) -> Boot:
    try:
        numbers = {key: int(entry[key] or 0) for key in NUMBERS}
        ranges = tuple((int(first), int(last)) for first, last in entry["ranges"])
        expired = int(entry.get("expired", 0))  # an older dashboard lets nothing expire
        timed, counted = entry["timed"], entry["counted"]
        return Boot(node, str(entry["boot"]), **numbers, ranges=ranges, timed=timed, counted=counted, expired=expired)
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"not an account of a boot: {entry}") from None


def sentences(account: Account) -> list[str]:
    """What it means in plain words, the verdict first; then what to do, a sentence for each thing that is not right."""
    said = [_verdict(account)]
    wrong = account.who("wrong")
    if wrong:
        said.append(f"the numbers of {wrong} contradict each other: please report it with fleet verify --json")
    if account.total("missing"):
        missing = ", ".join(dict.fromkeys(one.node for one in account.counted if one.missing))
        said.append(
            f"missing: {missing} may still have them and will be asked; leave it on and in reach, and look again"
        )
    if account.total("gone"):
        said.append(
            f"gone: taken, but lost before they were stored, mostly because the power failed; {READ_MORE}, says why"
        )
    if account.total("dropped"):
        said.append("dropped: a node was alone for longer than its journal lasts; a larger journal_kb keeps more")
    if account.total("before"):
        said.append(f"before: {account.total('before'):,} had come and gone when this dashboard first heard that boot")
    unknown = sum(not one.counted for one in account.boots)
    if unknown:
        said.append(f"of {plural(unknown, 'boot')} nothing can be said: the node, or the dashboard then, was too old")
    return said


def _verdict(account: Account) -> str:
    if not account.boots:
        return "there is nothing to verify: the dashboard has heard of no readings"
    if not account.counted:
        return "nothing can be verified"
    taken, stored, expired = account.total("taken"), account.total("stored"), account.total("expired")
    nodes = len({one.node for one in account.counted})
    whole = f"{plural(nodes, 'node')} took {plural(taken, 'reading')} in {plural(len(account.counted), 'boot')}"
    if account.verdict == "complete" and taken == stored:
        return f"complete: {whole}, and every one is stored exactly once"
    if account.verdict == "complete" and taken == stored + expired:
        return f"complete: {whole}, and every one was stored exactly once; {expired:,} have expired since"
    rest = [f"{account.total(word):,} {word}" for word in NOT_STORED if account.total(word)]
    parts = f"{whole}: {stored:,} stored exactly once" + "".join(f", {one}" for one in rest)
    if account.verdict == "wrong":
        return f"does not add up: {parts}"
    return f"not complete: {parts}" if account.verdict in ("missing", "gone") else f"all accounted for: {parts}"


def which(boot: Boot, most: int = 6) -> str:
    """`41-43, 50`: the numbers that are missing, the first few ranges of them."""
    shown = [f"{first}-{last}" if last > first else str(first) for first, last in boot.ranges[:most]]
    listed = sum(last - first + 1 for first, last in boot.ranges[:most])
    return ", ".join(shown) + (f" and {boot.missing - listed:,} more" if boot.missing > listed else "")


def one_line(boots: Iterable[Boot]) -> str:
    """For a node: `12,345 taken, all stored; 7 missing in boot 9f3a`."""
    account = Account(tuple(boots))
    if not account.counted:
        return "cannot be told: the node or the dashboard is too old" if account.boots else ""
    words = [f"{account.total(word):,} {word}" for word in NOT_STORED if account.total(word)]
    stored = (
        "all stored" if account.total("stored") == account.total("taken") else f"{account.total('stored'):,} stored"
    )
    wrong = ["does not add up"] if account.verdict == "wrong" else []
    where = f" in {plural(len(account.counted), 'boot')}"
    return ", ".join([plural(account.total("taken"), "reading") + " taken" + where, stored, *words, *wrong])


def plural(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")
