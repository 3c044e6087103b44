"""Files of others that are downloaded, known by their hash, and kept in the cache folder. Never in the repository."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tarfile
import tempfile
import urllib.request
from pathlib import Path

from fleet_tools.fetch import FetchError

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sensor-fleet"
TRIES = 3


def unpacked(name: str, url: str, sha256: str, wanted: re.Pattern[str]) -> Path:
    """The folder with those files of the archive whose path below its first folder is `wanted`: from the cache, else
    downloaded. FetchError with the reason."""
    kept = CACHE / f"{name}-{sha256[:16]}"
    if kept.is_dir():
        return kept
    data = download(url, sha256)
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=".fetch-") as scratch:
        package, fresh = Path(scratch, "package"), Path(scratch, "fresh")
        package.write_bytes(data)
        with tarfile.open(package) as archive:
            for member in archive:
                member.name = member.name.partition("/")[2]
                if member.isfile() and wanted.fullmatch(member.name):
                    archive.extract(member, fresh, filter="data")
        with contextlib.suppress(OSError):  # another process was faster
            fresh.rename(kept)
    if not kept.is_dir():
        raise FetchError(f"{url} has none of the files that are needed")
    return kept


def download(url: str, sha256: str) -> bytes:
    """What lies there, if it is what it was; FetchError."""
    for attempt in range(1, TRIES + 1):
        try:
            with urllib.request.urlopen(url, timeout=15) as answer:
                data: bytes = answer.read()
            break
        except OSError as error:
            if attempt == TRIES:
                why = getattr(error, "reason", error)
                raise FetchError(f"{url} cannot be fetched ({why}): connect to the Internet once") from None
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256:
        raise FetchError(f"{url} is not the file that it was: sha256 {digest}, expected {sha256}")
    return data
