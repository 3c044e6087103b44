"""make bench: prints the figures; `make bench ARGS="link ingest"` prints only those."""

import importlib
import os
import platform
import sys
from pathlib import Path

PARTS = ("link", "memory", "flash", "faults", "ingest", "rollcall")


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    return f"{os.cpu_count()} x {model}, Python {platform.python_version()}"


def main() -> None:
    print(machine())
    for part in sys.argv[1:] or PARTS:
        print(f"\n{part}")
        for line in importlib.import_module(f"bench.{part}").run():
            print("  " + line, flush=True)


if __name__ == "__main__":
    main()
