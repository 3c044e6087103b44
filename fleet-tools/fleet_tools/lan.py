"""Under which addresses others in the network reach this computer; nothing is sent to find out."""

from __future__ import annotations

import socket
from ipaddress import ip_address

# Where a route may lead: the Internet, and the three ranges of private networks. Connecting UDP only chooses a route.
ROUTES = ("192.0.2.1", "192.168.255.254", "10.255.255.254", "172.31.255.254")


def addresses() -> list[str]:
    """IPv4, the way to the Internet first; empty where there is no network."""
    found = [_towards(one) for one in ROUTES]
    try:
        found += [str(one[4][0]) for one in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    except OSError:
        pass  # a computer that does not know its own name
    return list(dict.fromkeys(one for one in found if one and _is_of_a_network(one)))


def _towards(other: str) -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((other, 9))
        except OSError:
            return None
        return str(sock.getsockname()[0])


def _is_of_a_network(address: str) -> bool:
    read = ip_address(address)
    return not (read.is_loopback or read.is_link_local or read.is_unspecified)
