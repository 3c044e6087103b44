"""`python -m fleet_dashboard.restore FILE`: what `fleet restore` runs, since only the dashboard knows its database."""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import datetime
from pathlib import Path

from fleet_dashboard.claim import InUse, claim
from fleet_dashboard.schema import MIGRATIONS
from fleet_dashboard.store import StoreError
from fleet_dashboard.store_restore import Restored, restore


def main() -> None:
    """Exit code 0 if it is in place, 1 if nothing has changed."""
    parser = argparse.ArgumentParser(prog="fleet restore")
    parser.add_argument("file", type=Path)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("FLEET_DATA") or "fleet-data"))
    given = parser.parse_args()
    target = given.data / "fleet.db"
    try:
        with claim(given.data):
            for line in story(restore(given.file, target, time.strftime("%Y%m%d-%H%M%S")), target):
                print(line)
    except (StoreError, InUse) as error:
        sys.exit(f"fleet restore: {error}")
    except OSError as error:
        sys.exit(f"fleet restore: {given.data} cannot be written ({error.strerror}); nothing has changed")


def story(done: Restored, target: Path) -> list[str]:
    """What a person is to know now."""
    until = f", up to {datetime.fromtimestamp(done.newest / 1000):%Y-%m-%d %H:%M:%S}" if done.newest else ""
    lines = [f"{target}: {done.readings:,} readings and {done.events:,} events of {done.nodes} nodes{until}"]
    if done.rounds:
        lines.append(f"results of {done.rounds} rounds are back as well")
    if done.schema < len(MIGRATIONS):
        lines.append(f"it is of schema {done.schema}; the dashboard upgrades it at its next start")
    if done.kept:
        lines.append(f"the database that was there is kept as {done.kept}")
    lines.append("what nodes have sent since the backup is not in it: `fleet verify` counts what they have no more")
    return lines


if __name__ == "__main__":
    main()
