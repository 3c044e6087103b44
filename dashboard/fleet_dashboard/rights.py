"""Who may do what: whoever reaches the port may look; who knows the teacher's code or holds a token may command.

Owns the logins of browsers and the counts of wrong codes. The code and the tokens are files of the data folder
(fleet_client.credentials): a change by `fleet teacher` or `fleet token` is noticed at the next request that needs them.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from fleet_client import credentials
from fleet_client.credentials import CredentialError, Role

SESSIONS_FILE = "sessions.json"
SESSION_S = 12 * 3600  # a school day
MAX_SESSIONS = 100
TRIES = 10  # wrong codes from one address that are answered at once
EVERY_S = 6.0  # and then one in so many seconds
MAX_ADDRESSES = 1000
T = TypeVar("T")


class WrongCode(Exception):
    """One sentence for the person who typed it."""


class TooManyTries(Exception):
    """One sentence, and after how many seconds another code is looked at."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many wrong codes from this address; try again in {seconds} s")
        self.seconds = seconds


class Tries:
    """Counts wrong codes by address, with one number for each: until when its tries are paid off."""

    def __init__(self, tick: Callable[[], float]) -> None:
        self._tick = tick
        self._until: dict[str, float] = {}

    def wait(self, address: str) -> int:
        """Whole seconds until this address may try again; 0: now."""
        over = self._until.get(address, 0.0) - self._tick() - (TRIES - 1) * EVERY_S
        return max(0, -int(-over // 1))

    def wrong(self, address: str) -> None:
        """A full table forgets who is nearest to being forgiven anyway."""
        now = self._tick()
        if address not in self._until and len(self._until) >= MAX_ADDRESSES:
            del self._until[min(self._until, key=self._until.__getitem__)]
        self._until[address] = max(self._until.get(address, 0.0), now) + EVERY_S

    def right(self, address: str) -> None:
        self._until.pop(address, None)


class Watched(Generic[T]):
    """What a file says, read again when it was replaced. If it is spoilt meanwhile, what it said before stays true."""

    def __init__(self, path: Path, read: Callable[[], T], first: T) -> None:
        self._path = path
        self._read = read
        self._stamp: tuple[int, int, int] | None = (0, 0, 0)  # of no file
        self._said = first

    def get(self) -> T:
        try:
            stat = self._path.stat()
            stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        except OSError:
            stamp = None
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._said = self._read()
            except CredentialError as error:
                print(error, file=sys.stderr, flush=True)
        return self._said


class Rights:
    """`open` first. Sessions are kept in a file, so that a restart does not log the teacher out; a session is kept as a
    hash with the code, so that it ends with the code."""

    def __init__(
        self,
        folder: Path,
        code: str = "",
        now: Callable[[], float] = time.time,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        """`code` is the teacher's code if somebody chose one; else it is the one in the folder."""
        self._folder = folder
        self._chosen = code
        self._now = now
        self._tries = Tries(tick)
        self._code = Watched(folder / credentials.CODE_FILE, self._find_code, "")
        self._tokens: Watched[dict[str, Role]] = Watched(folder / credentials.TOKENS_FILE, self._find_tokens, {})
        self._sessions: dict[str, float] = {}  # hash -> when it ends, the oldest first

    def open(self) -> None:
        """Makes the code at the first start; CredentialError if that cannot be."""
        if not self._chosen:
            self._find_code()
        credentials.read_tokens(self._folder)
        try:
            kept = json.loads((self._folder / SESSIONS_FILE).read_text())
            self._sessions = {str(key): float(end) for key, end in kept.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            self._sessions = {}  # none, or spoilt: then the teacher logs in again

    def login(self, code: str, address: str) -> str:
        """A new session; WrongCode or TooManyTries."""
        address = _network(address)
        wait = self._tries.wait(address)
        if wait:
            raise TooManyTries(wait)
        right = credentials.plain(self._current()).encode()
        if not right or not hmac.compare_digest(credentials.plain(code).encode(), right):
            self._tries.wrong(address)
            raise WrongCode("this is not the teacher's code")
        self._tries.right(address)
        session = secrets.token_urlsafe(32)
        self._sessions[self._hash(session)] = self._now() + SESSION_S
        self._keep_sessions()
        return session

    def logout(self, session: str) -> None:
        if self._sessions.pop(self._hash(session), None) is not None:
            self._keep_sessions()

    def role_of_session(self, session: str) -> Role:
        return "teacher" if self._sessions.get(self._hash(session), 0.0) > self._now() else "viewer"

    def role_of_token(self, token: str) -> Role | None:
        """None: there is no such token, or not any more."""
        return self._tokens.get().get(credentials.digest(token))

    def _current(self) -> str:
        return self._chosen or self._code.get()

    def _find_code(self) -> str:
        code = credentials.read_code(self._folder)
        if code is None:
            code = credentials.new_code()
            credentials.write_code(self._folder, code)
        return code

    def _find_tokens(self) -> dict[str, Role]:
        return {one.digest: one.role for one in credentials.read_tokens(self._folder)}

    def _hash(self, session: str) -> str:
        key = credentials.plain(self._current()).encode()
        return hmac.new(key, session.encode(), hashlib.sha256).hexdigest()

    def _keep_sessions(self) -> None:
        now = self._now()
        alive = [(key, end) for key, end in self._sessions.items() if end > now]
        self._sessions = dict(alive[-MAX_SESSIONS:])
        try:
            credentials.write_private(self._folder / SESSIONS_FILE, json.dumps(self._sessions) + "\n")
        except CredentialError as error:  # a full disk: the login holds until the next restart
            print(error, file=sys.stderr, flush=True)


def _network(address: str) -> str:
    """Who is counted: an address, or the 64 bits of an IPv6 network that one computer can choose from."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
