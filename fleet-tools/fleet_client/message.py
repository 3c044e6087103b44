"""The two records that cross between our code and the MQTT library."""

from __future__ import annotations

from typing import NamedTuple


class Message(NamedTuple):
    """One received PUBLISH. `received_ms` is UTC; `link` and `mid` name it for Client.acknowledge."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    received_ms: int
    link: int = 0
    mid: int = 0


class Will(NamedTuple):
    """What the broker says in our name when we vanish."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = True
