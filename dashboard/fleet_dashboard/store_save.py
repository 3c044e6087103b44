"""`python -m fleet_dashboard.store_save FILE`: what `fleet class save` runs: only the dashboard knows its database.

The dashboard may run meanwhile or not: the copy is made in one read.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
from pathlib import Path

from fleet_dashboard import results, store_backup


def main() -> None:
    """Exit code 0 if FILE, which must not exist, is written; 1 if not, and then it does not exist."""
    parser = argparse.ArgumentParser(prog="fleet class save")
    parser.add_argument("file", type=Path)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("FLEET_DATA") or "fleet-data"))
    given = parser.parse_args()
    try:
        store_backup.backup(given.data / "fleet.db", given.file, results.files(given.data / "rounds"))
    except (OSError, sqlite3.Error) as error:
        sys.exit(f"{given.data / 'fleet.db'} cannot be copied ({error})")


if __name__ == "__main__":
    main()
