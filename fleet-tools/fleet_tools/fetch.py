"""`python -m fleet_tools.fetch`: puts umqtt.simple into node/lib, from PyPI, pinned by its hash.

It has no setup.py, so pip cannot install it; boards get it by mip. Never part of the repository.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import ssl
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import fleet_schema

PROJECT = "micropython-umqtt.simple"
VERSION = "1.3.4"
SHA256 = "b6a2520239e3992c63a7de9370ee9b3d9d27819a90359c521f1c0f7ccab8d12f"
STAMP = f"{PROJECT} {VERSION} sha256 {SHA256}\n"
NODE = Path(fleet_schema.__file__).parents[1]
MAX_BYTES = 100_000  # the archive is 3 kB


class FetchError(Exception):
    """One sentence with the fix."""


def is_there(lib: Path) -> bool:
    """Whether the pinned version lies there complete: the stamp is the last file to be written."""
    stamp = lib / "umqtt" / "VERSION"
    return stamp.is_file() and stamp.read_text() == STAMP and (lib / "umqtt" / "simple.py").is_file()


def fetch(lib: Path = NODE / "lib") -> bool:
    """True if something was downloaded; FetchError if that could not be done."""
    if is_there(lib):
        return False
    lib.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=lib, prefix=".fetch-") as folder:
        archive = Path(folder) / "archive.tar.gz"
        download(archive)
        fresh = Path(folder) / "umqtt"
        unpack(archive, fresh)
        swap(fresh, lib / "umqtt", Path(folder) / "old")
    return True


def download(archive: Path) -> None:
    """The pinned archive from the index that pip uses too (PIP_INDEX_URL, PIP_CERT)."""
    import requests
    from pypi_simple import PyPISimple
    from requests.adapters import HTTPAdapter

    class _Trusting(HTTPAdapter):
        """As pip: besides the usual certificates also those of this computer, such as a school's proxy."""

        def init_poolmanager(self, *arguments: Any, **more: Any) -> None:
            super().init_poolmanager(*arguments, ssl_context=ssl.create_default_context(), **more)

    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple/")
    session = requests.Session()
    session.mount("https://", _Trusting())
    session.verify = os.environ.get("PIP_CERT") or True
    try:
        with PyPISimple(index, session=session) as client:
            packages = client.get_project_page(PROJECT, timeout=20).packages
            found = [one for one in packages if one.version == VERSION and one.package_type == "sdist"]
            if not found:
                raise FetchError(f"{index} has no {PROJECT} {VERSION}; unset PIP_INDEX_URL to ask pypi.org")
            client.download_package(found[0], archive, verify=False, timeout=20)
    except requests.exceptions.SSLError:
        raise FetchError(f"{index} shows a certificate that is not trusted; PIP_CERT names your own") from None
    except (requests.exceptions.RequestException, OSError) as error:
        raise FetchError(
            f"umqtt.simple could not be fetched from {index} ({type(error).__name__}): "
            "connect to the Internet once, or set PIP_INDEX_URL to a mirror, and try again"
        ) from None
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != SHA256:
        raise FetchError(f"what {index} sent is not {PROJECT} {VERSION}: sha256 {digest}, expected {SHA256}")


def unpack(archive: Path, folder: Path) -> None:
    """Only the package's own .py files: an archive decides neither where files go nor what they are."""
    folder.mkdir()
    with tarfile.open(archive) as tar:
        for member in tar:
            parts = member.name.split("/")
            if member.isfile() and parts[:-1] == [f"{PROJECT}-{VERSION}", "umqtt"] and parts[-1].endswith(".py"):
                source = tar.extractfile(member)
                assert source is not None
                (folder / parts[-1]).write_bytes(source.read(MAX_BYTES))
    if not (folder / "simple.py").is_file():
        raise FetchError(f"{archive.name} has no umqtt/simple.py in it")
    (folder / "VERSION").write_text(STAMP)


def swap(fresh: Path, target: Path, old: Path) -> None:
    """Two renames: whoever looks finds a whole package or none."""
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def main() -> int:
    try:
        fresh = fetch()
    except FetchError as error:
        print(f"fetch: {error}", file=sys.stderr)
        return 1
    print(f"umqtt.simple {VERSION} {'fetched into' if fresh else 'is in'} {NODE / 'lib'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
