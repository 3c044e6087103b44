"""The port for browsers, bound before anything else begins."""

from __future__ import annotations

import socket

from fleet_dashboard.settings import Settings


class ServiceError(Exception):
    """The service cannot start; one sentence."""


def listen(settings: Settings) -> socket.socket:
    """A bound socket, so that a taken port is told before anything else begins."""
    host, port = settings.http_host, settings.http_port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # By this protocol asyncio knows that it may send without Nagle's wait: 40 ms for every answer but the first.
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(128)
    except OSError as error:
        raise ServiceError(
            f"cannot listen on {host}:{port} ({error.strerror}); FLEET_HTTP_PORT chooses another port"
        ) from None
    return sock
