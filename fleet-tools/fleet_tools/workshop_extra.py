"""What the workshop has beside its lessons, for who wants more: workshop/extras/NAME, laid in the learner's folder.

pyscript needs PyScript and MicroPython for browsers: two packages of npm, of which the page uses a few files. They come
from the registry that npm asks too (NPM_CONFIG_REGISTRY), known by their hashes, and are kept in the cache.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from fleet_tools import pinned
from fleet_tools import workshop_lessons as lessons
from fleet_tools.errors import USAGE, FleetError
from fleet_tools.fetch import FetchError
from fleet_tools.words import did_you_mean

EXTRAS = lessons.LESSONS.parent / "extras"
NPM = (
    (  # Apache-2.0; without the terminal, the editor and the worker, which load their files when they are used
        "@pyscript/core",
        "0.7.31",
        "b2ca1a0c0956aebd990a7c8524cca1eb061444a8319a7264d2f31ef30bea276a",
        r"dist/(core(-\w+)?\.(js|css)|(deprecations-manager|donkey|error|py-editor|py-game|py-terminal)-\w+\.js)|LICENSE",
    ),
    (  # MIT
        "@micropython/micropython-webassembly-pyscript",
        "1.27.0",
        "303919763c8ebfe5923b9da66226c20dce44ad72b604b225fb39338ea15367af",
        r"micropython\.(mjs|wasm)",
    ),
)


def names() -> list[str]:
    return sorted(path.name for path in EXTRAS.iterdir() if path.is_dir())


def lay(name: str, target: Path) -> None:
    """The extra in `target`; a file that is there already is the learner's, and stays."""
    if name not in names():
        raise FleetError(
            f"there is no extra {name!r}{did_you_mean(name, names())}; there is {', '.join(names())}", USAGE
        )
    try:
        fetched = fetch()
    except FetchError as error:
        raise FleetError(str(error)) from None
    (target / "pyscript").mkdir(parents=True, exist_ok=True)
    for file in [*(EXTRAS / name).iterdir(), *(lessons.LESSONS / "parts").glob("*.py")]:
        if not (target / file.name).exists():
            shutil.copy(file, target)
    for folder in fetched:
        for file in filter(Path.is_file, folder.rglob("*")):
            shutil.copy(file, target / "pyscript")
    lessons.copy_package("microdot", target)


def fetch() -> list[Path]:
    """The folders in the cache with what the extras need of others; FetchError if that cannot be had."""
    return [_package(*one) for one in NPM]


def _package(name: str, version: str, sha256: str, wanted: str) -> Path:
    registry = os.environ.get("NPM_CONFIG_REGISTRY") or "https://registry.npmjs.org/"
    file = name.rpartition("/")[2]
    url = f"{registry.rstrip('/')}/{name}/-/{file}-{version}.tgz"
    return pinned.unpacked(file, url, sha256, re.compile(wanted))
