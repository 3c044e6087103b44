"""Opens TCP connections without holding the loop. The only module that imports socket."""

import asyncio
import errno
import select
import socket

POLL_MS = 10
PIECE = 1024  # bytes given to TLS at once; a board's mbedTLS takes 4096


def to_broker(broker):
    """The Dialer for `broker` of the configuration; ValueError if its CA cannot be used."""
    trust = None
    if broker["tls"]:
        from fleet_node.trust import Trust  # only now: a node without TLS has no room for it

        try:
            trust = Trust(broker["ca"], broker["tls_name"] or broker["host"])
        except (OSError, ValueError, IndexError):
            raise ValueError('"ca" is ' + broker["ca"] + ": there must be the CA certificate of your class, ca.der")
    return Dialer(broker["host"], broker["port"], trust)


class Dialer:
    """Connections to one host, over TLS if there is a `trust`. Owns its resolved address and the socket.

    getaddrinfo blocks, for seconds if the network is away, so its answer is kept until an attempt with it fails.
    """

    def __init__(self, host, port, trust=None):
        self._host = host
        self._port = port
        self._trust = trust
        self._address = None
        self._tcp = self._sock = None
        self._piece = b""
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
        self._tcp = self._sock = socket.socket()
        await self._connect(self._tcp)
        if self._trust:
            self._sock = self._trust.wrap(self._tcp)
        return self._sock

    async def greet(self, data):
        """Send all of `data`, the first of this connection: over TLS the broker shows before that who it is.

        The handshake computes for some 10 ms on a PC and up to seconds on a board, in one piece.
        """
        try:
            while data:
                data = data[self.write(data) :]
                if data:
                    await asyncio.sleep_ms(POLL_MS)
        except (OSError, ValueError) as error:
            if not self._trust:
                raise
            from fleet_node.trust import refusal

            raise refusal(error)

    def write(self, data):
        """How many of the first bytes of `data` the network takes now; the next call begins with the rest.

        mbedTLS wants to see the very same bytes again if it could not send them, and calls all it then sees sent.
        """
        if not self._trust:
            return self._sock.write(data) or 0
        piece = self._piece or bytes(data[:PIECE])
        sent = self._sock.write(piece) or 0
        self._piece = b"" if sent else piece
        return sent

    def close(self):
        """Also after an open() that failed or was cancelled: a board has only a handful of sockets."""
        for sock in (self._sock, self._tcp):  # TLS lets go of its TCP socket when a handshake fails
            if sock:
                sock.close()
        self._tcp = self._sock = None
        self._piece = b""

    def finish(self, data):
        """Send `data`, wait until the peer closes, close; blocks for at most 0.5 s each."""
        try:
            self._tcp.settimeout(0.5)
            while data:
                sent = self.write(data)
                if not sent:
                    break
                data = data[sent:]
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
