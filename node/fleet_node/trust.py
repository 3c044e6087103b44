"""TLS: which broker this node believes, and what is wrong with another. Loaded only if the configuration asks."""

import time
from binascii import a2b_base64

import tls

from fleet_node.session import LinkError

# What mbedTLS says of a certificate (x509_crt.c), worst first: a part of its words, and what it means.
REFUSALS = (
    ("correctly signed", "this is not your class's broker: another CA signed its certificate"),
    ("does not match", "this is not your class's broker: its certificate is for another name"),
    ("expired", "the broker's certificate has expired"),
    ("starts in the future", "the broker's certificate is not valid yet"),
)
OF_THE_CLOCK = REFUSALS[2:]

# Its error numbers (ssl.h, x509.h) and those of the network that a person can do something about.
ERRORS = {
    -0x2700: "the broker's certificate is not the right one",
    -0x7200: "no TLS there: is the port right (8883)?",
    -0x7280: "the broker ended the TLS handshake: is the port right (8883)?",
    -0x7780: "the broker refused the TLS handshake",
    -0x7F00: "not enough memory for TLS",
    12: "not enough memory for TLS",  # ENOMEM
    104: "the broker ended the TLS handshake: is the port right (8883)?",  # ECONNRESET
}


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
    """LinkError for what went wrong in a handshake; `error` itself if it is the network's."""
    said = str(error)
    for words, meaning in REFUSALS:
        if words in said:
            if (words, meaning) in OF_THE_CLOCK:
                meaning += " (by this node's clock, which says %d-%02d-%02d)" % time.gmtime()[:3]
            return LinkError(meaning)
    number = isinstance(error, OSError) and error.errno
    if number and number > 0 and number not in ERRORS:
        return error
    return LinkError(ERRORS.get(number) or "no TLS with it: " + " ".join(said.split()))
