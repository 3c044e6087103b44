"""One life of a node, from power to power: its clock, and the account of its readings."""

from __future__ import annotations

from fleet_dashboard.account import Account
from fleet_dashboard.clock import BootClock
from fleet_dashboard.clock_watch import ClockWatch
from fleet_dashboard.placement import Placement

UNPLACED = 1 << 62


class Boot:
    """Made by the Ledger only, so that there is one object for a boot at a time. Times are monotonic ms."""

    __slots__ = (
        *("account", "before", "boot", "changed", "clock", "first_seq", "id", "live", "made", "node", "placement"),
        *("kept", "saved", "seen", "timed", "told", "told_at", "up", "watch"),
    )

    def __init__(self, node: int, boot: str, number: int, clock: BootClock, account: Account, now: int) -> None:
        self.node = node  # its number in the database
        self.boot = boot
        self.id = number
        self.clock = clock
        self.account = account
        self.made = now
        self.before = 0  # when an earlier process heard it last; 0: never
        self.seen = 0
        self.live = 0  # when it last said something that had not waited
        self.saved = 0  # when the store was last told of clock and `seen`
        self.timed = False  # heard live, so the clock is one and not only a bound
        self.up = 0  # the largest `up` of a boot that is not timed
        self.changed = False  # the account, since it was last written
        self.first_seq = UNPLACED  # the lowest that this process stored
        self.placement = Placement()
        self.watch = ClockWatch()
        self.kept: int | None = None  # its offset that the store was told
        self.told = 0  # the last `seq` of a `stored`, and when
        self.told_at = 0
