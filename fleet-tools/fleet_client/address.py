"""Broker addresses: mqtt://[user[:password]@]host[:port], parsed once and shown without the password.

mqtts:// is the same over TLS; `?ca=FILE&name=NAME` says which CA must have signed the broker's certificate (default:
those that this computer trusts) and which name must stand in it (default: the host).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

DEFAULT_PORT = 1883
TLS_PORT = 8883
FORM = "a broker is written mqtt://[user[:password]@]host[:port], for example mqtt://127.0.0.1:1883"
TLS_FORM = "with TLS a broker is written mqtts://[user[:password]@]host[:port][?ca=FILE&name=NAME]"


@dataclass(frozen=True)
class Address:
    host: str
    port: int = DEFAULT_PORT
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca: str | None = None
    name: str | None = None

    @property
    def public(self) -> str:
        """The URL without user and password: for screens and logs."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole URL, password included: for the environment of a child process, never for a screen."""
        scheme, _, place = self.public.partition("://")
        account = ""
        if self.user is not None:
            account = quote(self.user, safe="")
            if self.password is not None:
                account += ":" + quote(self.password, safe="")
            account += "@"
        asked = {key: value for key, value in (("ca", self.ca), ("name", self.name)) if value}
        query = "?" + urlencode(asked, safe="/", quote_via=quote) if asked else ""
        return f"{scheme}://{account}{place}{query}"


def parse_url(text: str) -> Address:
    """ValueError with one sentence if `text` is not a broker address; a bare `host[:port]` will do."""
    scheme, separator, _ = text.partition("://")
    tls = bool(separator) and scheme == "mqtts"
    form = TLS_FORM if tls else FORM
    if separator and scheme not in ("mqtt", "mqtts"):
        raise ValueError(f"{scheme}:// is not MQTT; {form}")
    try:
        parts = urlsplit(text if separator else "mqtt://" + text)
        port = parts.port
        asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:
        raise ValueError(f"the port is a number from 1 to 65535; {form}") from None
    if not parts.hostname or parts.path.strip("/") or any(char.isspace() for char in text):
        raise ValueError(form)
    if asked and not tls:
        raise ValueError(f"mqtt:// is not encrypted and knows no ?{parts.query.partition('=')[0]}=; {TLS_FORM}")
    if not set(asked) <= {"ca", "name"} or not all(asked.values()):
        raise ValueError(form)
    if port == 0:
        raise ValueError(f"the port is a number from 1 to 65535; {form}")
    return Address(
        parts.hostname,
        port or (TLS_PORT if tls else DEFAULT_PORT),
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password is not None else None,
        tls,
        asked.get("ca"),
        asked.get("name"),
    )
