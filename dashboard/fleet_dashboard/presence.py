"""The five words for a node: online, sleeping, offline, lost, silent; each with its reason. Pure.

Times are monotonic ms and always passed in.
"""

from __future__ import annotations

from typing import Any

SILENT_PERIODS = 3
SILENT_FLOOR_MS = 1000  # three periods of a very fast node are still no reason to call it silent
UNKNOWN_PERIOD_MS = 60_000  # without meta: the period of `health`, which every node sends
MAX_CLAIMS = 8
ASK_AGAIN_MS = 5000
SWAPS = 2  # an earlier boot took over again this often within ..
SWAPS_MS = 60_000  # .. this: two boards


class Presence:
    """What we know about one node's connection. `word`, `why` and `since` are for people.

    F-STATUS-3: offline, sleeping and lost only count if they name the (boot, conn) that is current: the will of
    a connection that was replaced may come after the new birth.
    """

    __slots__ = (
        *("_asked", "_claims", "_resumed", "boot", "conn", "ignored", "last"),
        *("paused", "since", "swaps", "wake", "why", "word"),
    )

    def __init__(self, now: int, why: str = "known from earlier, not heard since the dashboard started") -> None:
        self.word = "lost"
        self.why = why
        self.since = now
        self.boot = ""  # of the current connection; "" before the first status
        self.conn = 0
        self.last = 0  # when anything live was heard; 0: never
        self.wake = 0  # sleeping: when it wants to be back
        self.paused = 0  # until then; 0: it is not
        self._resumed = 0
        self.ignored = 0  # statuses of connections that are not the current one
        self.swaps: list[int] = []  # when an earlier boot took over again: two boards with one id
        self._asked = 0
        self._claims: list[str] = []  # boots in the order of their last claim, newest last

    def status(self, fields: dict[str, Any], now: int, retained: bool = False) -> bool:
        """Take a checked status; False if it was ignored. `retained`: it is from some time ago."""
        state, boot, conn = fields["state"], fields["boot"], fields["conn"]
        known = bool(self.boot)
        if state == "online":
            if known and boot == self.boot and conn < self.conn:
                return self._ignore()
            self.boot, self.conn = boot, conn
            self.claim(boot, now)
            self._say("online", f"connected, connection {conn} of this boot", now)
            if "pause" in fields:
                self.paused = now + fields["pause"] * 1000
                self.why = "paused, at the latest" if retained else "paused"
            return True
        if known and (boot, conn) != (self.boot, self.conn):
            return self._ignore()
        self.boot, self.conn = boot, conn
        if state == "sleeping":
            self.wake = now + fields["wake"] * 1000
            self._say("sleeping", f"asleep by its own word, back in {fields['wake']} s", now)
        elif state == "offline":
            self._say("offline", "said goodbye", now)
        else:
            self._say("lost", "the connection broke without a goodbye (its will said so)", now)
        return True

    def _ignore(self) -> bool:
        self.ignored += 1
        return False

    def _say(self, word: str, why: str, now: int) -> None:
        if word != self.word:
            self.since = now
        self.word, self.why = word, why
        self.paused = 0

    def claim(self, boot: str, now: int) -> None:
        """Something live came from `boot`. If that boot had already been replaced, two boards use this id."""
        if self._claims and self._claims[-1] == boot:
            return
        if boot in self._claims:
            self._claims.remove(boot)
            self.swaps = [*self.swaps[-9:], now]
        self._claims = [*self._claims[-(MAX_CLAIMS - 1) :], boot]

    @property
    def claims(self) -> list[str]:
        """The boots that spoke live, in the order of their last claim, newest last."""
        return self._claims

    def is_shared(self, now: int) -> bool:
        """Do two boards use this id?"""
        return sum(now - swap < SWAPS_MS for swap in self.swaps) >= SWAPS

    def heard(self, now: int) -> bool:
        """A live (not late) message came. True if the node should be asked for its birth again: it speaks
        although its last status says that it is gone, or it never sent one. Not more often than every 5 s."""
        self.last = now
        if self.word == "online":
            return False
        if self.word == "silent":
            self._say("online", f"connected, connection {self.conn} of this boot", now)
            return False
        due = not self._asked or now - self._asked >= ASK_AGAIN_MS
        if due:
            self._asked = now
        return due

    def tick(self, now: int, period: int, linked_since: int) -> bool:
        """Judge silence; True if the word changed or a pause ended. `period` in ms; `linked_since`: since when we
        hear the broker, because what we could not hear is not silence. F-LIVE-2: nor is what a pause keeps back."""
        before, paused = self.word, self.paused
        if paused and now >= paused:  # its own word for it may be lost
            self._say("online", f"connected, connection {self.conn} of this boot", now)
            self._resumed = paused
        if self.word == "online" and not self.paused:
            patience = max(SILENT_PERIODS * period, SILENT_FLOOR_MS)
            quiet = now - max(self.last, linked_since, self.since, self._resumed)
            if quiet > patience:
                self._say(
                    "silent", f"connected, but nothing came for {SILENT_PERIODS} periods of {period / 1000:g} s", now
                )
        elif self.word == "sleeping" and now > max(self.wake, linked_since) + SILENT_PERIODS * UNKNOWN_PERIOD_MS:
            self._say("lost", "it did not come back from sleep when it said it would", now)
        return self.word != before or self.paused != paused


def period_of(meta: dict[str, Any] | None) -> int:
    """How often a node speaks, in ms: its period, or that of `health` if it has no sensors."""
    if meta is None or not meta.get("sensors"):
        return UNKNOWN_PERIOD_MS
    return int(meta["period"])
