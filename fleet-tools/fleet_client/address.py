"""Broker addresses: mqtt://[user[:password]@]host[:port], parsed once and shown without the password."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

DEFAULT_PORT = 1883


@dataclass(frozen=True)
class Address:
    host: str
    port: int = DEFAULT_PORT
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def public(self) -> str:
        """The URL without user and password: for screens and logs."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mqtt://{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole URL, password included: for the environment of a child process, never for a screen."""
        if self.user is None:
            return self.public
        account = quote(self.user, safe="")
        if self.password is not None:
            account += ":" + quote(self.password, safe="")
        return self.public.replace("mqtt://", f"mqtt://{account}@", 1)


def parse_url(text: str) -> Address:
    """ValueError with one sentence if `text` is not a broker address; a bare `host[:port]` will do."""
    hint = "a broker is written mqtt://[user[:password]@]host[:port], for example mqtt://127.0.0.1:1883"
    scheme, separator, _ = text.partition("://")
    if separator and scheme == "mqtts":
        raise ValueError("mqtts:// (TLS) is not supported yet; use mqtt:// on a network you trust")
    if separator and scheme != "mqtt":
        raise ValueError(f"{scheme}:// is not MQTT; {hint}")
    try:
        parts = urlsplit(text if separator else "mqtt://" + text)
        port = parts.port
    except ValueError:
        raise ValueError(f"the port is a number from 1 to 65535; {hint}") from None
    if not parts.hostname or parts.path.strip("/") or parts.query or any(char.isspace() for char in text):
        raise ValueError(hint)
    if port == 0:
        raise ValueError(f"the port is a number from 1 to 65535; {hint}")
    return Address(
        parts.hostname,
        port or DEFAULT_PORT,
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password is not None else None,
    )
