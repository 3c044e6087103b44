"""The two records that cross between our code and the MQTT library."""

from __future__ import annotations

import time
from typing import NamedTuple

# Where there is one, a clock that goes on while the computer sleeps: the nodes do not sleep with it.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", None)


def monotonic_ms() -> int:
    """ms of a clock that nobody can set."""
    return (time.monotonic_ns() if _CLOCK is None else time.clock_gettime_ns(_CLOCK)) // 1_000_000


class Message(NamedTuple):
    """One received PUBLISH. `received_ms` is UTC, for people; `arrived` is by `monotonic_ms`, to reckon with; `link`
    and `mid` name it for Client.acknowledge."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    received_ms: int
    link: int = 0
    mid: int = 0
    arrived: int = 0


class Will(NamedTuple):
    """What the broker says in our name when we vanish."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = True
