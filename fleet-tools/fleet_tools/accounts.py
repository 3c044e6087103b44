"""Who may log in at the broker and what each may send and hear, as Mosquitto's dynamic-security document.

Pure: it knows roles and hashes. It reads and writes no file (accounts_vault does) and talks to no broker.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from fleet_schema import topics
from fleet_tools.errors import FleetError

TEAMS = ("red", "green", "blue", "yellow")
SERVICES = ("dashboard", "tools", "watch", "health", "admin")

# As `mosquitto_ctrl dynsec init` does it: PBKDF2 with SHA-512, 12 bytes of salt, 101 rounds. So few rounds are
# right for random 128-bit passwords (nobody guesses those) and keep 300 nodes that reconnect at once cheap.
ROUNDS = 101
SALT_BYTES = 12
HASHES = ("password", "salt", "iterations", "encoded_password")  # what a client of a document has of its password

# A secret that people read from paper and type: 79 bits, without 0 and o, 1, i and l.
TYPED = "abcdefghjkmnpqrstuvwxyz23456789"
TYPED_GROUPS, TYPED_GROUP = 4, 4

CONTROL = "$CONTROL/dynamic-security"  # where the plugin takes changes to a running broker

Document = dict[str, Any]
Acl = dict[str, Any]


class AccountError(FleetError):
    """An account that cannot be made, found or read."""


@dataclass(frozen=True)
class Account:
    """A login. With `client_id` it must connect under this client id, so nobody else's login can take it over.

    `disabled`: nobody may log in with it; None leaves that as it is.
    """

    name: str
    password: str
    acls: tuple[tuple[str, str], ...]
    client_id: str | None = None
    disabled: bool | None = None


def new_password() -> str:
    """128 random bits in characters that need no quoting in a shell, a URL or JSON."""
    return secrets.token_hex(16)


def new_secret() -> str:
    """A password to be typed, like `k7mx-3xqa-w9dp-tz4n`."""
    return "-".join("".join(secrets.choice(TYPED) for _ in range(TYPED_GROUP)) for _ in range(TYPED_GROUPS))


def node(base: str, name: str, password: str, teams: Iterable[str] = TEAMS) -> Account:
    """A node speaks under its own id. It hears commands to itself, to all and to the teams, what of its own readings
    is stored, the boards, and whether the host is there: that tells a wrong base from a host that is off.

    Every topic is literal: version 2.0 of the plugin does not know %u, and a `+` would let a node speak as another.
    """
    if not topics.is_node_id(name):
        raise AccountError(f"{name!r} is no node id: use 1 to 20 of a-z, 0-9 and -, and do not begin with -.")
    if name in SERVICES:
        raise AccountError(f"{name!r} is the name of a service account: choose another node id.")
    send = [topics.node_topic(base, name, kind) for kind, named in topics.NODE_KINDS.items() if not named]
    send += [f"{base}/1/{name}/{kind}/+" for kind, named in topics.NODE_KINDS.items() if named and kind != "cmd"]
    hear = [one[:-1] + "#" for one in topics.command_filters(base, name, teams)]
    hear += [
        *(topics.host_topic(base, kind, name) for kind in ("stored", "ota", "chunk")),
        topics.host_topic(base, "status"),
        f"{base}/1/{topics.HOST}/board/#",
    ]
    return Account(name, password, (*_may_send(send), *_may_hear(hear)), client_id=name)


def dashboard(base: str, password: str) -> Account:
    """Hears everything, the broker's counters too; sends commands and what the host publishes, and may clear what is
    retained of a node that is to be forgotten."""
    forget = (f"{base}/1/+/status", f"{base}/1/+/meta")
    send = _may_send([f"{base}/1/+/cmd/+", f"{base}/1/{topics.HOST}/#", *forget])
    return Account("dashboard", password, (*send, *_may_hear([topics.everything(base), "$SYS/#"])))


def tools(base: str, password: str) -> Account:
    """The teacher: hears everything, sends commands, and may send anywhere in the fleet to clear what is retained."""
    everything = topics.everything(base)
    return Account("tools", password, (*_may_send([everything]), *_may_hear([everything, "$SYS/#"])))


def watch(base: str, password: str) -> Account:
    """Hears the whole fleet and sends nothing."""
    return Account("watch", password, _may_hear([topics.everything(base)]))


def health(base: str, password: str) -> Account:
    """May subscribe to one topic that nobody may send to; for the broker's own health check."""
    return Account("health", password, (("subscribeLiteral", "health"),), client_id="health")


def admin(base: str, password: str) -> Account:
    """Changes accounts while the broker runs, by messages to the plugin. It hears and says nothing in the fleet."""
    return Account("admin", password, (*_may_send([f"{CONTROL}/#"]), *_may_hear([f"{CONTROL}/#"])))


SERVICE_ROLES: dict[str, Callable[[str, str], Account]] = {
    "dashboard": dashboard,
    "tools": tools,
    "watch": watch,
    "health": health,
    "admin": admin,
}


def document(accounts: Iterable[Account], previous: Document | None = None, renewed: Collection[str] = ()) -> Document:
    """The dynamic-security document with these accounts; those in `previous` that are not named here stay.

    An account whose password did not change keeps its salt and hash: the same accounts give the same document.
    Those named in `renewed` get a hash of their password whatever is there. What else is in `previous` stays too.
    """
    previous = previous or {}
    clients = {one["username"]: one for one in previous.get("clients", [])}
    roles = {one["rolename"]: one for one in previous.get("roles", [])}
    for account in accounts:
        clients[account.name] = _client(account, clients.get(account.name), account.name in renewed)
        roles[role_name(account.name)] = role(account)
    return {
        **previous,
        "defaultACLAccess": {
            "publishClientSend": False,
            "publishClientReceive": False,
            "subscribe": False,
            "unsubscribe": True,
        },
        "clients": [clients[name] for name in sorted(clients)],
        "groups": previous.get("groups", []),
        "roles": [roles[name] for name in sorted(roles)],
    }


def is_same(one: Document, other: Document) -> bool:
    """Whether both say the same: the plugin writes lists in another order than we do, and leaves out what is empty."""
    return _sorted(one) == _sorted(other)


def acls_of(role: Document) -> set[tuple[str, str, bool]]:
    return {(acl["acltype"], acl["topic"], acl.get("allow", True)) for acl in role.get("acls", [])}


def roles_of(client: Document) -> set[str]:
    return {role["rolename"] for role in client.get("roles", [])}


def without(name: str, previous: Document) -> Document:
    """The document without this account and its role; AccountError if there is none."""
    clients = [one for one in previous["clients"] if one["username"] != name]
    if len(clients) == len(previous["clients"]):
        raise AccountError(f"There is no account {name!r}.")
    roles = [one for one in previous["roles"] if one["rolename"] != role_name(name)]
    return {**previous, "clients": clients, "roles": roles}


def _sorted(document: Document) -> Document:
    clients = {one["username"]: {**one, "roles": roles_of(one)} for one in document.get("clients", [])}
    roles = {one["rolename"]: {**one, "acls": acls_of(one)} for one in document.get("roles", [])}
    rest = {key: value for key, value in document.items() if key not in ("clients", "roles") and value}
    return {**rest, "clients": clients, "roles": roles}


def _may_send(filters: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple(("publishClientSend", one) for one in filters)


def _may_hear(filters: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Two rights for each: to subscribe to it (or a part of it), and to be sent what matches it."""
    return tuple((right, one) for one in filters for right in ("subscribePattern", "publishClientReceive"))


def role_name(account: str) -> str:
    return f"only-{account}"


def role(account: Account) -> Document:
    acls: list[Acl] = [
        {"acltype": right, "topic": topic, "priority": 0, "allow": True} for right, topic in account.acls
    ]
    return {"rolename": role_name(account.name), "acls": acls}


def _client(account: Account, known: Document | None, renewed: bool) -> Document:
    entry: Document = {"username": account.name, "roles": [{"rolename": role_name(account.name)}]}
    if account.client_id:
        entry["clientid"] = account.client_id
    if (known or {}).get("disabled", False) if account.disabled is None else account.disabled:
        entry["disabled"] = True
    if known and not renewed and matches(account.password, known):
        return {**entry, **{key: known[key] for key in HASHES if key in known}}
    salt = secrets.token_bytes(SALT_BYTES)
    return {**entry, "password": _hash(account.password, salt, ROUNDS), "salt": _text(salt), "iterations": ROUNDS}


def matches(password: str, known: Document) -> bool:
    """Whether it is the password of this client of a document.

    Version 2.1 of the plugin writes one text instead of three values: `$7$ROUNDS$SALT$HASH`, or a newer kind of hash.
    That we cannot check; we take it for right, because whoever gives an account a new password says so.
    """
    if "encoded_password" in known:
        kind, _, rest = str(known["encoded_password"])[1:].partition("$")
        if kind != "7" or rest.count("$") != 2:
            return True
        rounds, salted, hashed = rest.split("$")
        known = {"iterations": int(rounds) if rounds.isdecimal() else 0, "salt": salted, "password": hashed}
    try:
        salt = base64.b64decode(known["salt"], validate=True)
        return hmac.compare_digest(_hash(password, salt, known["iterations"]), known["password"])
    except (KeyError, TypeError, ValueError):
        return False


def _hash(password: str, salt: bytes, rounds: int) -> str:
    return _text(hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
