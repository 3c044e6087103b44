"""python -m soak --minutes 15 [--seed N] [--nodes 100]: exit code 1 if anything was violated."""

import argparse
import random
import shutil
import signal
import sys
import time
from pathlib import Path

from soak.run import soak
from support import tiers


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak", description="A fleet under random faults, and the verdict.")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 1 << 32))
    parser.add_argument("--pace", type=float, default=4, help="seconds between two faults of one hand (%(default)s)")
    parser.add_argument("--hold", type=float, default=12, help="seconds that a fault lasts at most (%(default)s)")
    parser.add_argument("--patience", type=float, default=300, help="seconds for the delivery at the end (%(default)s)")
    parser.add_argument("--folder", type=Path, help="for all that happens (tests/artifacts/soak-SEED)")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is ended also then
    folder = given.folder or tiers.ROOT / "tests" / "artifacts" / f"soak-{given.seed}"
    shutil.rmtree(folder, ignore_errors=True)
    began = time.monotonic()
    print(f"seed {given.seed}: {given.nodes} nodes, {given.minutes:g} min; all that happens is written to {folder}")
    report = soak(
        folder,
        given.seed,
        given.minutes,
        given.nodes,
        pace_s=given.pace,
        hold_s=given.hold,
        patience=given.patience,
        say=lambda line: print(line, flush=True),
    )
    (folder / "report.txt").write_text(f"{report}\n")
    print(report)
    print(f"{(time.monotonic() - began) / 60:.1f} min in all")
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
