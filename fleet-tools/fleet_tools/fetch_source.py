"""`python -m fleet_tools.fetch_source`: what MicroPython's source has for building native modules; prints the folder.

It is in no package of PyPI, so it comes from the source package of a Debian release. Its .mpy format, 6.3, is that of
MicroPython 1.23 to 1.29.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from fleet_tools import pinned
from fleet_tools.fetch import FetchError

URL = "http://deb.debian.org/debian/pool/main/m/micropython/micropython_1.25.0%2bds.orig.tar.xz"  # Debian 13
SHA256 = "7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea"
NATIVE = re.compile(r"py/\w+\.(h|py|mk)|tools/(mpy_ld|ar_util|mpy-tool)\.py")  # 1 MB of 36


def fetch(wanted: re.Pattern[str] = NATIVE, name: str = "micropython") -> Path:
    """The folder with those files; FetchError if they are not in the cache and Debian does not answer."""
    return pinned.unpacked(name, URL, SHA256, wanted)


def main() -> int:
    try:
        print(fetch())
    except FetchError as error:
        print(f"fetch_source: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
