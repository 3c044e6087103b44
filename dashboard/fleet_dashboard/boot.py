"""One life of a node, from power to power: its clock, and the account of its readings."""

from __future__ import annotations

from fleet_dashboard.account import Account
from fleet_dashboard.clock import BootClock

UNPLACED = 1 << 62
REPLACE_MS = 1000  # samples placed by an estimate that was wrong by more than this are placed again


class Boot:
    """Made by the Ledger only, so that there is one object for a boot at a time. Times are monotonic ms."""

    __slots__ = (
        *("account", "boot", "changed", "clock", "fell", "first_seq", "id", "live", "made", "node", "placed"),
        *("saved", "seen", "timed", "told", "told_at", "up"),
    )

    def __init__(self, node: int, boot: str, number: int, clock: BootClock, account: Account, now: int) -> None:
        self.node = node  # its number in the database
        self.boot = boot
        self.id = number
        self.clock = clock
        self.account = account
        self.made = now
        self.seen = 0
        self.live = 0  # when it last said something that had not waited
        self.saved = 0  # when the store was last told of clock and `seen`
        self.timed = False  # heard live, so the clock is one and not only a bound
        self.up = 0  # the largest `up` of a boot that is not timed
        self.changed = False  # the account, since it was last written
        self.first_seq = UNPLACED  # the lowest that this process stored
        self.placed: int | None = None  # the offset by which stored samples were placed; None before the first
        self.fell = 0  # when the offset last fell by so much that they must be placed again; 0: never
        self.told = 0  # the last `seq` of a `stored`, and when
        self.told_at = 0

    def place(self, offset: int, now: int) -> None:
        """Samples are placed by `offset` from now on; were earlier ones placed wrong?"""
        if self.placed is None:
            self.placed = offset
        elif offset < self.placed - (REPLACE_MS if self.timed else 0):
            self.placed, self.fell = offset, now
