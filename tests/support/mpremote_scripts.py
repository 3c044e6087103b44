"""mpremote's own test scripts, run by its own rules in a sandbox in which a virtual board is plugged in by USB.

They belong to MicroPython and are in none of its wheels, so they are taken from the source package of a Debian release
(known by its sha256, kept in the cache folder) or from a folder: FLEET_MPREMOTE_TESTS=.../tools/mpremote/tests. They
delete: what a script sees of this machine is read-only but for a folder of its own, and it has no network.
"""

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fleet_tools import fetch_source
from fleet_tools.fetch import FetchError
from support.board import VirtualBoard

VARIABLE = "FLEET_MPREMOTE_TESTS"
INSIDE = re.compile(r"tools/mpremote/tests/[^/]+")
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
    try:
        return fetch_source.fetch(INSIDE, "mpremote") / "tools" / "mpremote" / "tests"
    except FetchError:
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
