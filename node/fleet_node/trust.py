"""TLS to the broker: whom this node believes, and what is wrong with another. Loaded only if the configuration asks."""

import time
from binascii import a2b_base64

import tls  # `ssl`, the module around it, is not in every build

from fleet_node import authority
from fleet_node.dial import Dialer
from fleet_node.session import LinkError

PIECE = 1024  # bytes given to mbedTLS at once; on a board it takes up to 4096

# What mbedTLS says of a certificate (x509_crt.c), worst first: a part of its words, our word, and what it means.
CERTIFICATE = (
    ("correctly signed", "tls-ca", "this is not your class's broker: another CA signed its certificate"),
    ("does not match", "tls-name", "this is not your class's broker: its certificate is for another name"),
    ("expired", "tls-late", "the broker's certificate has expired"),
    ("starts in the future", "tls-early", "the broker's certificate is not valid yet"),
)

# Its error numbers (ssl.h, x509.h) and those of the network.
UNTRUSTED = ("tls-ca", "this is not your class's broker: its certificate is not the right one")
NO_TLS = ("tls-none", "it ended the TLS handshake: is the port right (8883)?")
NO_MEMORY = ("tls", "not enough memory for TLS")
NUMBERS = {
    -0x2700: UNTRUSTED,
    -0x7200: NO_TLS,
    -0x7280: NO_TLS,
    104: NO_TLS,
    32: NO_TLS,
    -0x7F00: NO_MEMORY,
    12: NO_MEMORY,
}


class Distrust(LinkError):
    """TLS failed before anything was sent; `word` begins a line of joining.txt."""

    def __init__(self, word, text):
        super().__init__(text)
        self.word = word


class TlsDialer(Dialer):
    """Connections to a broker whose certificate is for `tls_name` and was signed by the CA in the file `ca`.

    With a `fingerprint` the CA may be missing, and is fetched; without one it is a ValueError. What is written before
    the broker has shown who it is, waits.
    """

    def __init__(self, broker):
        super().__init__(broker["host"], broker["port"])
        self._broker = broker
        self._name = broker["tls_name"] or broker["host"]
        self._tls = self._context = None
        self._piece = b""
        fingerprint = broker["fingerprint"]
        try:
            with open(broker["ca"], "rb") as file:
                der = to_der(file.read())
            if not fingerprint or authority.is_that(der, fingerprint):
                self._believe(der)
        except (OSError, ValueError, IndexError):
            if not fingerprint:
                raise ValueError('"ca" is ' + broker["ca"] + ": there must be the CA certificate of your class, ca.der")

    async def open(self):
        if self._context is None:
            await self._fetch()
        sock = await Dialer.open(self)
        self._tls = self._context.wrap_socket(sock, server_hostname=self._name, do_handshake_on_connect=False)
        return self._tls

    async def _fetch(self):
        broker = self._broker
        place = "http://" + broker["host"] + ":" + str(broker["http"]) + "/ca.der"
        try:
            self._believe(await authority.fetch(broker["host"], broker["http"], broker["fingerprint"], broker["ca"]))
        except OSError:
            raise Distrust("tls-get", "the CA certificate of the class is not at " + place)
        except ValueError:
            raise Distrust("tls-fake", "the CA certificate at " + place + " is not the one of the sheet")

    def _believe(self, der):
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.verify_mode = tls.CERT_REQUIRED
        context.load_verify_locations(der)
        self._context = context

    async def greet(self, data):
        """The first write is the handshake too; it computes for 10 ms on a PC and longer on a board, in one piece."""
        try:
            await Dialer.greet(self, data)
        except (OSError, ValueError) as error:
            raise refusal(error)

    def write(self, data):
        """mbedTLS wants to see the very same bytes again if it could not send them, and calls all it then sees sent."""
        piece = self._piece or bytes(data[:PIECE])
        sent = self._tls.write(piece) or 0
        self._piece = b"" if sent else piece
        return sent

    def close(self):
        """Both: TLS lets go of its TCP socket when a handshake fails."""
        if self._tls:
            self._tls.close()
        self._tls = None
        self._piece = b""
        Dialer.close(self)


def to_der(data):
    """A CA may come as PEM, for which some firmwares have no code."""
    if not data.startswith(b"-----BEGIN"):
        return data
    lines = data.split(b"-----")[2].split()
    return a2b_base64(b"".join(lines))


def refusal(error):
    """Distrust for what went wrong in a handshake; `error` itself if it is the network's."""
    said = " ".join(str(error).split())
    for part, word, meaning in CERTIFICATE:
        if part in said:
            if word in ("tls-late", "tls-early"):
                meaning += " (by this node's clock, which says %d-%02d-%02d)" % time.gmtime()[:3]
            return Distrust(word, meaning)
    number = error.errno if isinstance(error, OSError) else 0
    if number in NUMBERS:
        return Distrust(*NUMBERS[number])
    return error if number > 0 else Distrust("tls", "no TLS with it: " + said)
