"""`python -m fleet_tools.fetch_htmx`: htmx and its extension for server-sent events, for lesson 7; prints the folder.

They are JavaScript, and come from a wheel on PyPI that carries them, pinned by their hashes. It is downloaded and not
installed, for it would bring Django. `pip download` is asked, so PIP_INDEX_URL, PIP_FIND_LINKS and a stick with wheels
work. They are kept packed in the cache folder: a board has no time to pack. Never part of the repository.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from fleet_tools.fetch import FetchError
from fleet_tools.pinned import CACHE

WHEEL = "django-htmx==1.29.0"  # with htmx 2.0.10; MIT, as htmx is 0BSD
INSIDE = "django_htmx/static/django_htmx/"
FILES = {  # name beside a lesson's main.py: (path in the wheel, its SHA-256)
    "htmx.min.js.gz": ("htmx-2.min.js", "71ea67185bfa8c98c39d31717c6fce5d852370fcdfd129db4543774d3145c0de"),
    "sse.min.js.gz": ("ext/hx-sse-2.min.js", "98a46496de0c3605fbffdce9167ba427bdd9553184f83f149c261891a92c0136"),
}
MAX_BYTES = 200_000


def fetch(cache: Path = CACHE) -> Path:
    """The folder with the packed files; FetchError if they are not in the cache and pip cannot get them."""
    kept = cache / WHEEL.replace("==", "-")
    if kept.is_dir():
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".fetch-") as scratch:
        fresh = Path(scratch, "fresh")
        fresh.mkdir()
        unpack(download(Path(scratch)), fresh)
        with contextlib.suppress(OSError):  # another process was faster
            fresh.rename(kept)
    if not kept.is_dir():
        raise FetchError(f"{kept} could not be written")
    return kept


def download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), WHEEL]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        raise FetchError(f"{WHEEL} did not come within two minutes: try again") from None
    found = next(folder.glob("*.whl"), None)
    if done.returncode or found is None:
        why = (done.stderr.strip().splitlines() or ["nothing came"])[-1]
        raise FetchError(
            f"htmx could not be fetched ({why}): connect to the Internet once, or set PIP_FIND_LINKS to a folder with "
            f"the wheel of {WHEEL}, and try again"
        )
    return found


def unpack(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name, (path, expected) in FILES.items():
            try:
                with archive.open(INSIDE + path) as file:
                    data = file.read(MAX_BYTES)
            except KeyError:
                raise FetchError(f"{wheel.name} has no {path} in it") from None
            digest = hashlib.sha256(data).hexdigest()
            if digest != expected:
                raise FetchError(f"{path} is not what it was: sha256 {digest}, expected {expected}")
            (folder / name).write_bytes(gzip.compress(data, 9, mtime=0))


def main() -> int:
    try:
        print(fetch())
    except FetchError as error:
        print(f"fetch_htmx: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
