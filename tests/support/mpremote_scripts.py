"""mpremote's own test scripts, run by its own rules in a sandbox in which a virtual board is plugged in by USB.

They belong to MicroPython and are in none of its wheels, so they are taken from the source package of a Debian release
(known by its sha256, kept in the cache folder) or from a folder: FLEET_MPREMOTE_TESTS=.../tools/mpremote/tests. They
delete: what a script sees of this machine is read-only but for a folder of its own, and it has no network.
"""

import contextlib
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

from support.board import VirtualBoard

VARIABLE = "FLEET_MPREMOTE_TESTS"
URL = "http://deb.debian.org/debian/pool/main/m/micropython/micropython_1.25.0%2bds.orig.tar.xz"  # Debian 13
SHA256 = "7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea"
INSIDE = "micropython-1.25.0/tools/mpremote/tests/"
IN_DEBIAN = (
    "test_eval_exec_run.sh",
    "test_filesystem.sh",
    "test_mip_local_install.sh",
    "test_mount.sh",
    "test_recursive_cp.sh",
    "test_resume.sh",
)
TTY = "ttyACM0"
FINDS = ("test_resume.sh",)  # it connects twice, so mpremote has to find the board by itself; in others that costs time


def names() -> tuple[str, ...]:
    folder = os.environ.get(VARIABLE)
    return tuple(sorted(path.name for path in Path(folder).glob("test_*.sh"))) if folder else IN_DEBIAN


@functools.cache
def source() -> Path | None:
    """The folder of the scripts; None if they are not in the cache and there is no way to Debian."""
    folder = os.environ.get(VARIABLE)
    if folder:
        return Path(folder).resolve()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sensor-fleet"
    kept = cache / f"mpremote-tests-{SHA256[:16]}"
    if kept.is_dir():
        return kept
    data = _download()
    if data is None:
        return None
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        package = Path(scratch, "package")
        package.write_bytes(data)
        with tarfile.open(package) as archive:
            for member in archive:
                if member.isfile() and member.name.startswith(INSIDE):
                    member.name = Path(member.name).name
                    archive.extract(member, Path(scratch, "tests"), filter="data")
        try:
            Path(scratch, "tests").rename(kept)
        except OSError:
            if not kept.is_dir():  # else another process was faster
                raise
    return kept


def _download() -> bytes | None:
    for _ in range(3):
        with contextlib.suppress(OSError), urllib.request.urlopen(URL, timeout=15) as answer:
            data: bytes = answer.read()
            assert hashlib.sha256(data).hexdigest() == SHA256, f"{URL} is not the file that it was"
            return data
    return None


def run(board: VirtualBoard, script: Path) -> str:
    """What it printed, with its scratch folder written as ${TMP}, as the expected output has it."""
    with tempfile.TemporaryDirectory(prefix="fleet-scripts-") as name:
        folder = Path(name).resolve()
        shutil.copytree(script.parent, folder / "tests")
        (folder / "scratch").mkdir()
        _plug_in(folder / "sys")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMP": str(folder / "scratch"),
            "MPREMOTE": f"{sys.executable} -m mpremote" + ("" if script.name in FINDS else f" connect /dev/{TTY}"),
            "LC_ALL": "C.UTF-8",
        }
        words = [*_sandbox(folder, board.port), "bash", str(folder / "tests" / script.name)]
        done = subprocess.run(
            words,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
            check=False,
        )
        return done.stdout.decode().replace("\r", "").replace(str(folder / "scratch"), "${TMP}")


def _sandbox(folder: Path, port: str) -> list[str]:
    words = ["bwrap", "--die-with-parent", "--unshare-net", "--unshare-pid", "--ro-bind", "/", "/"]
    words += ["--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev", "--dev-bind", "/dev/pts", "/dev/pts"]
    words += ["--dev-bind", port, f"/dev/{TTY}"]
    for place in dict.fromkeys((sys.base_prefix, sys.prefix)):
        words += ["--ro-bind", place, place]
    return [*words, "--bind", str(folder), str(folder), "--ro-bind", str(folder / "sys"), "/sys"]


def _plug_in(tree: Path) -> None:
    """What Linux tells in /sys of a board at a USB port, so that mpremote finds it without being told where."""
    device = tree / "devices" / "usb1" / "1-1"
    interface = device / "1-1:1.0"
    interface.mkdir(parents=True)
    (tree / "bus" / "usb").mkdir(parents=True)
    (tree / "class" / "tty" / TTY).mkdir(parents=True)
    (interface / "subsystem").symlink_to("../../../../bus/usb")
    (tree / "class" / "tty" / TTY / "device").symlink_to("../../../devices/usb1/1-1/1-1:1.0")
    for name, value in {"idVendor": "f055", "idProduct": "9802", "bNumInterfaces": "2", "serial": "virtual"}.items():
        (device / name).write_text(f"{value}\n")
