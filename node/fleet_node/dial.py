"""Opens TCP connections without holding the loop. The only module that imports socket."""

import asyncio
import errno
import select
import socket

POLL_MS = 10


def to_broker(broker):
    """The Dialer for `broker` of the configuration; ValueError if its CA cannot be used."""
    if broker["tls"]:
        from fleet_node.trust import TlsDialer  # only now: it costs memory

        return TlsDialer(broker)
    return Dialer(broker["host"], broker["port"])


class Dialer:
    """Connections to one host. Owns its resolved address and the socket.

    getaddrinfo blocks, for seconds if the network is away, so its answer is kept until an attempt with it fails.
    """

    def __init__(self, host, port):
        self._host = host
        self._port = port
        self._address = None
        self._sock = None
        self.stage = 0  # of the last open(): 0 without an address, 1 without a connection, 2 with one

    def forget(self):
        """The address did not work: resolve again the next time."""
        self._address = None

    async def open(self):
        """A connected, non-blocking socket, to be ended by close(); OSError if there is none."""
        self.stage = 0
        if self._address is None:
            self._address = socket.getaddrinfo(self._host, self._port, socket.AF_INET, socket.SOCK_STREAM)[0][-1]
        self.stage = 1
        self._sock = socket.socket()
        await self._connect(self._sock)
        return self._sock

    async def greet(self, data):
        """Send all of `data`, the first of this connection."""
        while data:
            data = data[self.write(data) :]
            if data:
                await asyncio.sleep_ms(POLL_MS)

    def write(self, data):
        """How many of the first bytes of `data` the network takes now; the next call begins with the rest."""
        return self._sock.write(data) or 0

    def close(self):
        """Also after an open() that failed or was cancelled: a board has only a handful of sockets."""
        if self._sock:
            self._sock.close()
        self._sock = None

    def finish(self, data):
        """Send `data`, wait until the peer closes, close; blocks for at most 0.5 s each."""
        try:
            self._sock.settimeout(0.5)
            while data:
                data = data[self.write(data) or len(data) :]
            while self._sock.read(64):  # closing with something unread would reset the connection
                pass
        except OSError:
            pass
        self.close()

    async def _connect(self, sock):
        sock.setblocking(False)
        try:
            sock.connect(self._address)
        except OSError as error:
            if error.errno != errno.EINPROGRESS:
                raise
        poller = select.poll()
        poller.register(sock, select.POLLOUT)
        found = poller.poll(0)
        while not found:
            await asyncio.sleep_ms(POLL_MS)
            found = poller.poll(0)
        if not found[0][1] & (select.POLLERR | select.POLLHUP):  # with one of these, the first write will tell
            self.stage = 2
        try:
            # TCP_NODELAY (not named by the socket module): a small packet must not wait for an earlier one's ACK.
            sock.setsockopt(6, 1, 1)
        except (OSError, AttributeError, ValueError):
            pass  # a port without the option is only slower
