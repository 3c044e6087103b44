"""A ticket: all that the sheet of one node says, in one line.

    mqtt://ID:SECRET@HOST[:PORT]/BASE
    mqtts://ID:SECRET@HOST[:PORT]/BASE#CA       with TLS; CA: see fingerprint() of whoever makes certificates

Without `:SECRET` it is for a broker that asks nobody. Pure, and the same on MicroPython and CPython. No error and no
text made here ever holds the secret, but the ticket itself.
"""

from fleet_schema import topics

PORTS = {"mqtt": 1883, "mqtts": 8883}
HTTP_PORT = 8080  # of a dashboard, unless somebody says another
CA_DIGITS = 32  # the first hex digits of the SHA-256 of the class's CA certificate in DER form
MAX_TICKET = 400
FORM = "a ticket looks like mqtt://ada:abcd-efgh-jkmn-pqrs@192.168.1.10/3b"

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class TicketError(ValueError):
    """`part` is the part that is wrong: ticket, scheme, node, secret, host, port, base or ca; the text is a sentence
    for the person who typed it."""

    def __init__(self, part, why):
        super().__init__(why)
        self.part = part


def parse(text):
    """{"node", "secret", "host", "port", "base", "tls", "ca"} of a ticket; TicketError.

    The link in a sheet's QR code, http://HOST:8080/join#TICKET, will do as well, and so will quotes around it.
    """
    text = text.strip().strip("<>\"'`").strip()
    if "/join#" in text:
        text = text[text.find("/join#") + 6 :]
    if not text:
        raise TicketError("ticket", "this is empty; " + FORM)
    if len(text) > MAX_TICKET:
        raise TicketError("ticket", "this is too long for a ticket; " + FORM)
    for char in text:
        if not "!" <= char <= "~":
            raise TicketError("ticket", "a ticket has no spaces and no special letters; copy it again, in one piece")
    scheme, found, rest = text.partition("://")
    scheme = scheme.lower()  # a phone writes the first letter large
    if not found or scheme not in PORTS:
        raise TicketError("scheme", "a ticket begins with mqtt:// or mqtts://; " + FORM)
    rest, hashed, ca = rest.partition("#")
    rest, slash, base = rest.partition("/")
    login, at, place = rest.rpartition("@")
    if not at:
        raise TicketError("node", "there is no @ between the secret and the address; " + FORM)
    node, colon, secret = login.partition(":")
    host, _, port = place.partition(":")
    parsed = {
        "node": _node(node),
        "secret": _secret(secret, colon),
        "host": _host(host),
        "port": _port(port, place, PORTS[scheme]),
        "base": _base(base, slash),
        "tls": scheme == "mqtts",
        "ca": ca.lower(),
    }
    _check_ca(parsed["tls"], hashed, parsed["ca"])
    return parsed


def http_port(text):
    """Of the dashboard, which has the CA certificate: it stands in the link of a QR code, and not in a bare ticket."""
    port = text.split("/join#")[0].rpartition(":")[2] if "/join#" in text else ""
    return int(port) if port.isdigit() else HTTP_PORT


def compose(ticket):
    """The line of such an object; the default port is left out."""
    scheme = "mqtts" if ticket["tls"] else "mqtt"
    login = ticket["node"] + (":" + ticket["secret"] if ticket["secret"] else "")
    port = "" if ticket["port"] == PORTS[scheme] else ":" + str(ticket["port"])
    ca = "#" + ticket["ca"] if ticket["tls"] else ""
    return scheme + "://" + login + "@" + ticket["host"] + port + "/" + ticket["base"] + ca


def config(ticket):
    """What a node's config.json says of it. With TLS the node gets `ca.der` from the dashboard."""
    broker = {"host": ticket["host"], "port": ticket["port"], "user": "", "password": ticket["secret"]}
    if ticket["secret"]:
        broker["user"] = ticket["node"]
    if ticket["tls"]:
        broker["tls"] = True
        broker["ca"] = "ca.der"
        broker["tls_name"] = "fleet-" + ticket["base"]
        broker["fingerprint"] = ticket["ca"]
    return {"node": ticket["node"], "base": ticket["base"], "broker": broker}


def _only(text, allowed):
    for char in text:
        if char not in allowed:
            return False
    return True


def _node(node):
    if not topics.is_node_id(node):
        raise TicketError("node", "the id, before the :, has 1 to 20 of a-z, 0-9 and -, such as ada; " + FORM)
    return node


def _secret(secret, colon):
    if colon and not secret:
        raise TicketError("secret", "there is no secret between : and @; look at the sheet again")
    if not _only(secret, _LETTERS + "-._~"):
        raise TicketError("secret", "the secret has only letters, digits and -; look at the sheet again")
    return secret


def _host(host):
    words = host.split(".")
    if not _only(host, _LETTERS + "-.") or not all(words):
        raise TicketError("host", "the address after @ is one such as 192.168.1.10, or the name of a computer")
    if _only(host, "0123456789.") and (len(words) != 4 or max([int(word) for word in words]) > 255):
        raise TicketError("host", "an address of digits has four numbers from 0 to 255, such as 192.168.1.10")
    return host


def _port(port, place, default):
    if ":" not in place:
        return default
    if not port or not _only(port, "0123456789") or not 1 <= int(port) <= 65535:
        raise TicketError("port", "the port, after the second :, is a number from 1 to 65535, such as 1883")
    return int(port)


def _base(base, slash):
    if not slash or not base:
        raise TicketError("base", "the class is missing: after the address comes / and its name, such as /3b")
    if not topics.is_base(base):
        raise TicketError("base", "the class, after the /, has 1 to 16 of a-z, 0-9 and -, such as 3b; " + FORM)
    return base


def _check_ca(tls, hashed, ca):
    if not tls and hashed:
        raise TicketError("scheme", "a ticket with # at its end begins with mqtts://, with an s")
    if tls and (len(ca) != CA_DIGITS or not _only(ca, "0123456789abcdef")):
        raise TicketError("ca", "a ticket that begins with mqtts:// ends in # and 32 of 0-9 and a-f: copy all of it")
