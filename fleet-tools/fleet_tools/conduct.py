"""What one node does in the course of time: its births and ends, its numbers, its counts, and what it declared.

It is told only what was legal by itself. A rule is called broken when nothing legal can explain what was heard: a
listener that was away, a link that broke, a broker that was restarted and a journal that catches up all happen.
"""

from __future__ import annotations

from typing import Any

import orjson

from fleet_client.message import Message
from fleet_schema.values import is_boot, is_int
from fleet_tools.numbers import Numbers
from fleet_tools.verdicts import Verdicts

BIRTH_MS = 5000
SUBSCRIBED_MS = 1000  # after its birth; before that a command may miss a node
MAX_BOOTS = 16
EVERYTHING_COUNTS = "1.0"  # in which `seq` numbered every message
READINGS = ("tele", "event")
Fields = dict[str, Any]
Connection = tuple[str, int]  # boot, conn


class Conduct:
    def __init__(self, verdicts: Verdicts) -> None:
        self.verdicts = verdicts
        self.meta: Fields | None = None
        self.connection: Connection | None = None  # of the last status
        self.gone = ""  # "lost" or "offline", if that was its last word
        self.here = False  # was it heard since its last end, and since we listen?
        self.links = 0  # connections that we have seen begin
        self.since = 0  # when the last of them was
        self.began: Message | None = None  # the status by which it began another connection than the one before
        self.boot = ""  # of its last live reading
        self._ended: set[Connection] = set()
        self._left: Connection | None = None
        self._newborn: Message | None = None  # the status of a connection that has sent no reading yet
        self._met = False  # has meta come since the last reading?
        self._boots: dict[str, Numbers] = {}
        self._last: Message | None = None

    def listener_was_away(self) -> None:
        self.connection = self._newborn = self.began = None
        self.gone = self.boot = ""
        self.here = False
        self._met = False
        self._boots.clear()

    def settled(self, now: int) -> bool:
        """Is it there, and for so long that it has subscribed?"""
        return self.here and now - self.since >= SUBSCRIBED_MS

    def said(self, kind: str, name: str | None, fields: Fields, message: Message) -> None:
        if kind == "status":
            self._status(fields, message)
            return
        if kind == "meta":
            self.meta = fields
        if message.retain:
            return
        self._last = message
        self.here = True
        if kind in READINGS:
            self._reading(kind, name or "", fields, message)
            return
        self._met = self._met or kind == "meta"
        if self.meta is not None and self.meta["schema"] == EVERYTHING_COUNTS:
            self._numbers(fields["boot"]).used(fields["seq"])
        else:
            self._numbers(fields["boot"]).announced(kind, fields, message)
        if kind == "journal":
            self._journal(fields, message)

    # -- connections -------------------------------------------------------------------------------------------

    def _status(self, fields: Fields, message: Message) -> None:
        key, state = (fields["boot"], fields["conn"]), fields["state"]
        if message.retain:
            self.connection = self.connection or key
            return
        if state in ("lost", "offline"):
            self._end(key, state, message)
            return
        before = self.connection
        if key in self._ended:
            why = f"connection {key[1]} of boot {key[0]} was over: a new one has a higher conn"
            self.verdicts.blame("F-STATUS-2", why, message)
        elif before is not None and before[0] == key[0] and key[1] < before[1]:
            self.verdicts.blame("F-STATUS-2", f"conn fell from {before[1]} to {key[1]}", message)
        if key != before or self.gone:
            self._newborn = message
            self.since = message.arrived
            self.began = message if before is not None else None
            self.links += 1
        self.connection, self.gone, self.here = key, "", True

    def _end(self, key: Connection, state: str, message: Message) -> None:
        if key != self.connection:
            self.connection = self.connection or key
            return  # an old will (F-STATUS-3)
        if state == "lost" and self._left == key:
            why = "it said offline, and then the broker sent its will: it did not disconnect"
            self.verdicts.blame("F-STATUS-6", why, message)
        if state == "offline":
            self._left = key
            self.verdicts.keep("F-STATUS-6")
        self._ended.add(key)
        self.gone, self.here = state, False

    def _alive(self, boot: str, message: Message) -> None:
        """A live reading: has its connection begun as one does?"""
        birth, self._newborn = self._newborn, None
        if birth is not None:
            if not self._met:
                self.verdicts.blame("F-STATUS-5", "a reading came before meta was sent on this connection", message)
            elif self.connection is not None and self.connection[0] != boot:
                why = f"status said boot {self.connection[0]}, and this reading says {boot}"
                self.verdicts.blame("F-STATUS-5", why, message)
            else:
                self.verdicts.keep("F-STATUS-5")
        elif self.gone:
            why = f"its status is {self.gone}: after a new connect it has to say online again"
            self.verdicts.blame("F-STATUS-5", why, message)
            self.gone = ""
        elif self.boot and boot != self.boot:
            why = f"boot was {self.boot} and is {boot} now, and no status told of it"
            self.verdicts.blame("F-STATUS-5", why, message)
        self.boot = boot
        self._met = False

    def born(self, missing: list[str]) -> None:
        """`missing` of status and meta are neither on the broker nor were they heard, and it sends readings."""
        if missing:
            why = f"it sends readings, but no {' and no '.join(missing)}"
            self.verdicts.blame("F-STATUS-5", why, self._last)
        elif self.meta and self.connection and self.meta["boot"] == self.connection[0] == self.boot:
            self.verdicts.keep("F-STATUS-5")

    # -- readings ----------------------------------------------------------------------------------------------

    def _reading(self, kind: str, name: str, fields: Fields, message: Message) -> None:
        if "hist" not in fields:
            self._alive(fields["boot"], message)
        self._numbers(fields["boot"]).reading(kind, name, fields, message, self.links)
        self._declared(kind, name, fields, message)

    def _declared(self, kind: str, name: str, fields: Fields, message: Message) -> None:
        if self.meta is None:
            return
        table = self.meta.get("sensors" if kind == "tele" else "inputs", {})
        if name not in table:
            what = "sensor" if kind == "tele" else "input"
            self.verdicts.blame("F-META-8", f"its meta has no {what} {name}", message)
            return
        sent = list(fields["v"]) if kind == "tele" else [fields["event_type"]]
        unknown = [one for one in sent if one not in table[name]]
        if unknown:
            what = "field" if kind == "tele" else "event type"
            self.verdicts.blame("F-META-8", f"its meta gives {name} no {what} {unknown[0]}", message)
        else:
            self.verdicts.keep("F-META-8")

    def unreadable(self, kind: str, message: Message) -> None:
        """A reading that breaks a rule has used up its number all the same."""
        self._last = message
        if kind not in READINGS:
            return
        try:
            fields = orjson.loads(message.payload)
            boot, seq = fields["boot"], fields["seq"]
        except (ValueError, TypeError, KeyError):
            return
        if is_boot(boot) and is_int(seq):
            self._numbers(boot).used(seq)

    def _numbers(self, boot: str) -> Numbers:
        numbers = self._boots.get(boot)
        if numbers is None:
            if len(self._boots) >= MAX_BOOTS:
                self._boots.pop(next(iter(self._boots)))
            numbers = self._boots[boot] = Numbers(self.verdicts)
        return numbers

    # -- journal and stored --------------------------------------------------------------------------------------

    def _journal(self, fields: Fields, message: Message) -> None:
        rows: dict[str, list[list[int]]] = {}
        for boot, *row in fields["kept"]:
            rows.setdefault(boot, []).append(row)
        for boot, found in rows.items():
            self._numbers(boot).journal(found, message)

    def stored(self, fields: Fields, message: Message) -> None:
        self._numbers(fields["boot"]).stored(fields, message)

    # -- the end -----------------------------------------------------------------------------------------------

    def pending(self, now: int) -> bool:
        return any(numbers.pending(now) for numbers in self._boots.values())

    def finish(self, now: int) -> None:
        birth = self._newborn
        if birth is not None and not self._met and now - birth.arrived > BIRTH_MS:
            self.verdicts.blame("F-STATUS-5", "no meta came after it said that it is online", birth)
        for numbers in self._boots.values():
            numbers.finish(now)
