"""What the figures were taken on: the processor, how busy it was, and what a process took of it."""

import os
import platform
from pathlib import Path


def name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    return f"{os.cpu_count()} x {model}, Python {platform.python_version()}"


def load() -> str:
    """Processes that wanted to run, over the last minute: much above our own few, and others disturbed the figures."""
    return f"load {os.getloadavg()[0]:.1f}"


def cpu_s(pid: int) -> float:
    """User and system time of a process, from fields 14 and 15 of proc_pid_stat(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_full() -> bool:
    """`make bench FULL=1`: as long and as much as the figures of the design ask for."""
    return bool(os.environ.get("FULL"))
