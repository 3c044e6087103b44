"""Why a board may be told to delete everything: it sees nothing of this machine that it could change.

A test of a delete command once erased its host's files. So a board runs in a sandbox (bubblewrap: a root of its own, in
which all but the board's folder is read-only or a tmpfs), never as root, and it is looked at from outside, by the
kernel's own account in /proc, before a single byte of a client is forwarded to it. What cannot be proven is killed.
"""

import os
import shutil
import sys
from pathlib import Path

NOBODY = 65534
FLASH = "/board"  # in the sandbox: the only folder of this machine that can be written
# What a process may write to besides: nothing of it outlives the sandbox.
PASSING = {"/", "/tmp", "/proc", "/dev", "/dev/pts", "/dev/shm", FLASH}
DEVICES = {f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty", "console")}


class NotIsolated(AssertionError):
    """The board could reach something of this machine: it was killed before anybody could talk to it."""


def missing() -> str | None:
    """Why no board can be isolated here, or None."""
    if not sys.platform.startswith("linux"):
        return "a virtual board needs Linux"
    if shutil.which("bwrap") is None:
        return "no bwrap (apt install bubblewrap)"
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return "no setpriv (apt install util-linux)"
    return None


def command(folder: Path, info_fd: int, inner: list[str]) -> list[str]:
    """The command that runs `inner` with `folder` as /board. It writes the pid of its first process to `info_fd`."""
    words = ["bwrap", "--info-fd", str(info_fd), "--die-with-parent"]
    words += ["--unshare-pid", "--unshare-ipc", "--unshare-uts"]  # the network stays: the broker is there
    words += ["--ro-bind", "/usr", "/usr"]
    for link in ("bin", "lib", "lib64"):
        if Path("/", link).is_symlink():
            words += ["--symlink", f"usr/{link}", f"/{link}"]
        elif Path("/", link).is_dir():
            words += ["--ro-bind", f"/{link}", f"/{link}"]
    words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for place in dict.fromkeys((sys.base_prefix, sys.prefix)):
        if not place.startswith("/usr/"):
            for parent in reversed(Path(place).parents[:-1]):
                words += ["--perms", "0755", "--dir", str(parent)]
            words += ["--ro-bind", place, place]
    words += [
        "--bind",
        str(folder),
        FLASH,
        "--clearenv",
        "--setenv",
        "PATH",
        "/usr/bin:/bin",
        "--setenv",
        "HOME",
        "/tmp",
    ]
    if os.geteuid() == 0:
        become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"]
        return [*words, *become, *inner]
    return [*words, "--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY), *inner]


def prove(pid: int, folder: Path) -> None:
    """NotIsolated unless the kernel says that process `pid` of this machine can change nothing but `folder`."""
    status = _table(Path(f"/proc/{pid}/status").read_text())
    if "0" in status["Uid"].split():
        _must_not(os.geteuid() == 0, "it runs as root")
    _must_not(int(status["CapEff"], 16) != 0, f"it has capabilities ({status['CapEff']})")
    _must_not(status["NoNewPrivs"] != "1", "it may get new privileges")
    for name in ("mnt", "pid"):
        own, ours = (Path(f"/proc/{one}/ns/{name}").readlink() for one in (pid, "self"))
        _must_not(own == ours, f"it shares our {name} namespace")
    for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
        _judge_mount(line, folder)


def _judge_mount(line: str, folder: Path) -> None:
    """One line of mountinfo: id parent device root mount-point options ... - type source super-options (proc(5))."""
    left, _, right = line.partition(" - ")
    _, _, _, root, point, options, *_ = left.split(" ")
    if "rw" not in options.split(","):
        return
    kind = right.split(" ")[0]
    if point == FLASH:
        _must_not(not str(folder.resolve()).endswith(root), f"its {FLASH} is {root}, not {folder}")
    elif point in DEVICES:
        _must_not(kind not in ("devtmpfs", "devpts"), f"{point} is {kind}")
    elif point in PASSING:
        _must_not(kind not in ("tmpfs", "proc", "devpts", "mqueue"), f"{point} is {kind} and can be written")
    else:
        _must_not(True, f"{point} ({kind}) can be written")


def _table(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _, value in pairs}


def _must_not(wrong: bool, what: str) -> None:
    if wrong:
        raise NotIsolated(f"the virtual board was killed before it got a byte: {what}")
