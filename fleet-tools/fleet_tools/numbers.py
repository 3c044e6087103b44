"""The numbers of one boot of a node: seq without gap or twin, up that does not go back, n of each input, what is kept.

Owns what was heard of them. A gap is judged at the end: what is missing may still come, and what the node's journal
still has is on its way.
"""

from __future__ import annotations

from typing import Any

from fleet_client.message import Message
from fleet_tools.verdicts import Verdicts

GRACE_MS = 3000  # what is missing may still come
CROSSED_MS = 3000  # a live reading may cross the question for it
LATE_MS = 2000  # F-TIME-2
MOST = 2000  # numbers that are remembered
Fields = dict[str, Any]


class Numbers:
    def __init__(self, verdicts: Verdicts) -> None:
        self._verdicts = verdicts
        self._next: int | None = None  # what the next reading should be; None before anything was heard
        self._missing: dict[int, Message] = {}  # number -> the reading that came in its place
        self._heard: dict[int, tuple[str, str, int]] = {}  # number -> (topic, content, links)
        self._last: dict[tuple[str, str], tuple[int, int]] = {}  # (kind, name) -> (seq, up) of its highest seq
        self._counts: dict[str, tuple[int, int]] = {}  # input -> (seq, n) of its highest seq
        self._from_birth = False  # have we heard this boot from its number 0 on?
        self._up = 0  # of the last it sent: nothing that comes after it was sent before
        self._settled: int | None = None
        self._asked: dict[int, int] = {}  # number -> when the host asked for it
        self._kept: list[list[int]] = []  # rows [first, next, dropped] of its last journal

    # -- readings ----------------------------------------------------------------------------------------------

    def reading(self, kind: str, name: str, fields: Fields, message: Message, links: int) -> None:
        """`links` counts the connections that we saw the node begin: over a new one, old readings may come again."""
        seq, up, late = fields["seq"], fields["up"], "hist" in fields
        content = repr({key: value for key, value in fields.items() if key != "hist"})
        before = self._heard.get(seq)
        if before is not None:
            self._again(
                seq, late, before == (message.topic, content, links), before[:2] == (message.topic, content), message
            )
            return
        if kind == "event":
            self._count(name, seq, fields["n"], message)  # before the number counts as heard
        self._remember(seq, (message.topic, content, links))
        self._asked_for(seq, late, message)
        self._order(kind, name, seq, up, message)
        if up < self._up - LATE_MS:
            if late:
                self._verdicts.keep("F-TIME-2")
            else:
                why = f"it was sampled {self._up - up} ms before something that was sent earlier, and has no hist"
                self._verdicts.blame("F-TIME-2", why, message)
        self._up = max(self._up, up)
        self._take(seq, late, message)

    def used(self, seq: int) -> None:
        """A reading that broke a rule had this number."""
        self._missing.pop(seq, None)
        self._next = seq + 1 if self._next is None else max(self._next, seq + 1)

    def _take(self, seq: int, late: bool, message: Message) -> None:
        expected = self._next
        if expected is None or seq == expected:
            if expected is not None:
                self._verdicts.keep("F-SEQ-1")
            self._from_birth = self._from_birth or seq == 0
            self._next = seq + 1
        elif seq > expected:
            for number in range(max(expected, seq - MOST), seq):
                self._missing[number] = message
            self._next = seq + 1
        else:
            self._missing.pop(seq, None)

    def _again(self, seq: int, late: bool, same_link: bool, same: bool, message: Message) -> None:
        if not same and late:
            why = f"number {seq} was another reading before: (boot, seq) is its identity"
            self._verdicts.blame("F-SEQ-2", why, message)
        elif not same:
            self._verdicts.blame("F-SEQ-1", f"number {seq} was used before: each reading has the next number", message)
        elif same_link and not late:
            self._verdicts.blame("F-SEQ-1", f"reading {seq} came twice on one connection", message)
        else:
            self._verdicts.keep("F-SEQ-2")
            self._asked_for(seq, late, message)

    def _order(self, kind: str, name: str, seq: int, up: int, message: Message) -> None:
        last_seq, last_up = self._last.get((kind, name), (-1, 0))
        if seq > last_seq:
            self._last[kind, name] = (seq, up)
        wrong = up < last_up if seq > last_seq else up > last_up
        if wrong:
            why = f"number {seq} has up {up}, and number {last_seq} of {name} has up {last_up}"
            self._verdicts.blame("F-ENV-4", why, message)
        elif last_seq >= 0:
            self._verdicts.keep("F-ENV-4")

    def _count(self, name: str, seq: int, n: int, message: Message) -> None:
        last_seq, last_n = self._counts.get(name, (-1, 0))
        if seq > last_seq:
            self._counts[name] = (seq, n)
        if last_seq < 0:
            whole = self._from_birth and self._next == seq and not self._missing
            good = n == 1 if whole else n >= 1
        elif seq < last_seq:
            good = n < last_n
        elif self._next == seq and not any(number > last_seq for number in self._missing):
            good = n == last_n + 1
        else:
            good = n > last_n
        if good:
            self._verdicts.keep("F-EVENT-2")
        else:
            why = (
                f"n is {n}, and the event of {name} before it had {last_n}" if last_n else f"the first n is {n}, not 1"
            )
            self._verdicts.blame("F-EVENT-2", why, message)

    def _remember(self, seq: int, entry: tuple[str, str, int]) -> None:
        if len(self._heard) >= MOST:
            self._heard.pop(next(iter(self._heard)))
        self._heard[seq] = entry

    # -- other messages ------------------------------------------------------------------------------------------

    def announced(self, kind: str, fields: Fields, message: Message) -> None:
        """A message that is no reading tells which number the next one will get."""
        seq = fields["seq"]
        if message.qos:  # what has QoS 0 may overtake the others
            self._up = max(self._up, fields["up"])
        if self._next is None:
            if message.qos:
                self._next = seq
                self._from_birth = seq == 0
        elif seq < self._next and kind != "ack":  # an ack may have waited for a new connection
            why = f"it says that the next reading is number {seq}, but number {self._next - 1} came before it"
            self._verdicts.blame("F-SEQ-1", why, message)

    # -- journal and stored --------------------------------------------------------------------------------------

    def journal(self, rows: list[list[int]], message: Message) -> None:
        self._kept = rows
        first, dropped = rows[0][0], max(row[2] for row in rows)
        if self._settled is not None:
            lost = first - self._settled
            if lost > dropped:
                why = f"{lost} readings from number {self._settled} on were not settled yet, and it has them no more"
                self._verdicts.blame("F-SEQ-3", why, message)
            else:
                self._verdicts.keep("F-SEQ-3")
        if dropped:  # these are gone, and counted
            for number in [one for one in self._missing if one < first]:
                del self._missing[number]

    def stored(self, fields: Fields, message: Message) -> None:
        self._settled = max(self._settled or 0, fields["seq"])
        for first, last in fields.get("miss", []):
            for number in range(first, last + 1):
                self._asked.setdefault(number, message.arrived)

    def _asked_for(self, seq: int, late: bool, message: Message) -> None:
        asked = self._asked.pop(seq, None)
        if asked is None:
            return
        if late:
            self._verdicts.keep("F-SEQ-5")
        elif message.arrived - asked > CROSSED_MS:
            self._verdicts.blame("F-SEQ-5", f"the host asked for number {seq}, and it came without hist", message)

    # -- the end -----------------------------------------------------------------------------------------------

    def _lost(self, now: int) -> list[int]:
        """Missing for some time, and not in the journal any more."""
        on_the_way = [(first, after) for first, after, _ in self._kept]
        return [
            number
            for number, message in self._missing.items()
            if now - message.arrived > GRACE_MS and not any(first <= number < after for first, after in on_the_way)
        ]

    def pending(self, now: int) -> bool:
        return any(now - message.arrived <= GRACE_MS for message in self._missing.values())

    def finish(self, now: int) -> None:
        lost = self._lost(now)
        if not lost:
            return
        which = f"number {lost[0]}" if len(lost) == 1 else f"numbers {lost[0]} to {lost[-1]}, {len(lost)} of them,"
        self._verdicts.blame("F-SEQ-1", f"{which} never came", self._missing[lost[0]])
        for number in lost:
            del self._missing[number]
