"""`python -m fleet_tools.fetch_source`: what MicroPython's source has for building native modules; prints the folder.

It is in no package of PyPI, so it comes from the source package of a Debian release, pinned by its hash, and stays in
the cache folder. Its .mpy format, 6.3, is that of MicroPython 1.23 to 1.29. Never part of the repository.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

from fleet_tools.fetch import FetchError

VERSION = "1.25.0"
URL = "http://deb.debian.org/debian/pool/main/m/micropython/micropython_1.25.0%2bds.orig.tar.xz"  # Debian 13
SHA256 = "7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea"
TOP = f"micropython-{VERSION}/"
NATIVE = re.compile(r"py/\w+\.(h|py|mk)|tools/(mpy_ld|ar_util|mpy-tool)\.py")  # 1 MB of 36
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sensor-fleet"


def fetch(wanted: re.Pattern[str] = NATIVE, name: str = "micropython") -> Path:
    """The folder with those files; FetchError if they are not in the cache and Debian does not answer."""
    kept = CACHE / f"{name}-{SHA256[:16]}"
    if kept.is_dir():
        return kept
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=".fetch-") as scratch:
        package, fresh = Path(scratch, "package"), Path(scratch, "fresh")
        package.write_bytes(_download())
        with tarfile.open(package) as archive:
            for member in archive:
                if member.isfile() and member.name.startswith(TOP) and wanted.fullmatch(member.name.removeprefix(TOP)):
                    member.name = member.name.removeprefix(TOP)
                    archive.extract(member, fresh, filter="data")
        with contextlib.suppress(OSError):  # another process was faster
            fresh.rename(kept)
    if not kept.is_dir():
        raise FetchError(f"{kept} could not be written")
    return kept


def _download() -> bytes:
    for _ in range(3):
        try:
            with urllib.request.urlopen(URL, timeout=15) as answer:
                data: bytes = answer.read()
            break
        except OSError as error:
            why = error
    else:
        raise FetchError(
            f"MicroPython's source could not be fetched from deb.debian.org ({why}): connect to the Internet once"
        )
    digest = hashlib.sha256(data).hexdigest()
    if digest != SHA256:
        raise FetchError(f"{URL} is not the file that it was: sha256 {digest}, expected {SHA256}")
    return data


def main() -> int:
    try:
        print(fetch())
    except FetchError as error:
        print(f"fetch_source: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
