"""TLS: which broker this node believes, and what is wrong with another. Loaded only if the configuration asks."""

import time
from binascii import a2b_base64

import tls

from fleet_node.session import Distrust

# What mbedTLS says of a certificate (x509_crt.c), worst first: a part of its words, our word, and what it means.
CERTIFICATE = (
    ("correctly signed", "tls-ca", "this is not your class's broker: another CA signed its certificate"),
    ("does not match", "tls-name", "this is not your class's broker: its certificate is for another name"),
    ("expired", "tls-late", "the broker's certificate has expired"),
    ("starts in the future", "tls-early", "the broker's certificate is not valid yet"),
)

# Its error numbers (ssl.h, x509.h) and those of the network.
UNTRUSTED = ("tls-ca", "this is not your class's broker: its certificate is not the right one")
NO_TLS = ("tls-none", "no TLS there: is the port right (8883)?")
NO_MEMORY = ("tls", "not enough memory for TLS")
NUMBERS = {-0x2700: UNTRUSTED, -0x7200: NO_TLS, -0x7280: NO_TLS, 104: NO_TLS, -0x7F00: NO_MEMORY, 12: NO_MEMORY}


class Trust:
    """In a broker whose certificate was signed by the CA in the file `ca` and is for `name`. ValueError, OSError."""

    def __init__(self, ca, name):
        self._name = name
        self._context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        self._context.verify_mode = tls.CERT_REQUIRED
        with open(ca, "rb") as file:
            self._context.load_verify_locations(to_der(file.read()))

    def wrap(self, sock):
        """A socket whose first write is the handshake; nothing of what is written goes to a broker of no trust."""
        return self._context.wrap_socket(sock, server_hostname=self._name, do_handshake_on_connect=False)


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
