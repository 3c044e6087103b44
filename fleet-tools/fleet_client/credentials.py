"""The two files in the dashboard's data folder that say who may do more than look: the teacher's code, and tokens.

The dashboard reads them; `fleet teacher` and `fleet token` write them. Both are 0600, and a token is kept as its hash.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from fleet_client import private_file
from fleet_schema import topics

Role = Literal["viewer", "teacher"]
ROLES: tuple[Role, ...] = ("viewer", "teacher")
CODE_FILE = "teacher-code"
TOKENS_FILE = "tokens.json"
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # no 0 and o, no 1, i and l: it is read from paper and typed
GROUPS, GROUP = 3, 3  # 31 ** 9 is 44 bits
SHORTEST = 8  # of a code that somebody chose, without spaces and hyphens
MAX_TOKENS = 100


class CredentialError(Exception):
    """One sentence for the person who runs this."""


@dataclass(frozen=True)
class Token:
    """What is kept of a token; the token itself is shown once and not kept."""

    name: str
    role: Role
    digest: str
    made: int  # UTC ms


def new_code() -> str:
    """Like `k7m-3xq-w9d`."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(GROUPS))


def plain(code: str) -> str:
    """A code as it is compared: capitals, spaces and hyphens are how people write it down."""
    return "".join(code.replace("-", " ").split()).casefold()


def is_code(code: str) -> bool:
    return SHORTEST <= len(plain(code)) <= 100


def read_code(folder: Path) -> str | None:
    """None if there is no such file; CredentialError if it holds no code."""
    code = _read(folder / CODE_FILE)
    if code is not None and not is_code(code):
        raise CredentialError(
            f"{folder / CODE_FILE} holds no code of at least {SHORTEST} characters; delete it, and a new one is made"
        )
    return code.strip() if code is not None else None


def write_code(folder: Path, code: str) -> None:
    write_private(folder / CODE_FILE, code + "\n")


def new_token() -> str:
    return "fleet_" + secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """A token is 256 random bits, so a plain hash is enough: there is nothing to guess."""
    return hashlib.sha256(token.encode()).hexdigest()


def read_tokens(folder: Path) -> list[Token]:
    """In the order in which they were made; CredentialError if the file is not what we write."""
    text = _read(folder / TOKENS_FILE)
    if text is None:
        return []
    try:
        return [_token(**one) for one in json.loads(text)["tokens"]]
    except (ValueError, TypeError, KeyError):
        raise CredentialError(
            f"{folder / TOKENS_FILE} is not a list of tokens any more; delete it and make them anew"
        ) from None


def write_tokens(folder: Path, tokens: Iterable[Token]) -> None:
    write_private(folder / TOKENS_FILE, json.dumps({"tokens": [asdict(one) for one in tokens]}, indent=1) + "\n")


def _token(name: str, role: Role, digest: str, made: int) -> Token:
    if not topics.is_name(name) or role not in ROLES or not isinstance(digest, str) or not isinstance(made, int):
        raise ValueError(name)
    return Token(name, role, digest, made)


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialError(f"{path} cannot be read ({error}): run this as its owner") from None


def write_private(path: Path, text: str) -> None:
    """Its owner is the folder's, whoever runs this."""
    try:
        folder = path.parent.stat()
        private_file.write(path, text, owner=(folder.st_uid, folder.st_gid) if os.geteuid() == 0 else None)
    except OSError as error:
        raise CredentialError(f"{path} cannot be written ({error.strerror}): run this as its owner") from None
