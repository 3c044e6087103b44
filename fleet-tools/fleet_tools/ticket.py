"""A ticket: all that the sheet of one node says, in one line. What is legal is said in fleet_schema.ticket."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from fleet_schema import ticket
from fleet_schema.ticket import TicketError, http_port

__all__ = ["Ticket", "TicketError", "http_port", "parse"]


@dataclass(frozen=True)
class Ticket:
    """`str()` is the line, secret included: for a sheet and for the node itself, never for a log.

    An empty `secret` is for a broker that asks nobody. `ca` is the fingerprint of the class's CA, empty without TLS.
    """

    node: str
    secret: str = field(repr=False)
    host: str
    port: int
    base: str
    tls: bool = False
    ca: str = ""

    def __str__(self) -> str:
        return str(ticket.compose(asdict(self)))

    @property
    def public(self) -> str:
        """The line as it may be shown to anybody."""
        return str(ticket.compose({**asdict(self), "secret": ""}))

    def config(self) -> dict[str, Any]:
        """Its part of the node's config.json."""
        found: dict[str, Any] = ticket.config(asdict(self))
        return found

    def link(self, dashboard: str) -> str:
        """Where the QR code leads: the ticket is behind the #, which no browser sends anywhere."""
        return f"{dashboard.rstrip('/')}/join#{self}"


def parse(text: str) -> Ticket:
    """TicketError, a ValueError, with one sentence about what is wrong; it never holds the secret."""
    return Ticket(**ticket.parse(text))
