"""`python -m fleet_dashboard.mip_static FOLDER`: the mip index as files, for any web server.

The same packages as at /mip of the dashboard, in the layout in which mip asks for them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fleet_dashboard.mip import Index, Package

KINDS = ("6", "py")  # the version of .mpy files that the board reads, or none: ours are all .py


def write(folder: Path, index: Index) -> list[Package]:
    """The packages that are there now."""
    found = index.packages()
    for one in found:
        package = index.package(one.name, "latest")
        assert package is not None
        text = json.dumps(package) + "\n"
        for kind in KINDS:
            place = folder / "package" / kind / one.name
            place.mkdir(parents=True, exist_ok=True)
            for version in ("latest", one.version):
                (place / f"{version}.json").write_text(text)
        hashes = package["hashes"]
        assert isinstance(hashes, list)
        for _, digits in hashes:
            data = index.file(digits)
            assert data is not None
            place = folder / "file" / digits[:2]
            place.mkdir(parents=True, exist_ok=True)
            (place / digits).write_bytes(data)
    return found


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python -m fleet_dashboard.mip_static FOLDER", file=sys.stderr)
        return 2
    for one in write(Path(sys.argv[1]), Index()):
        print(f"{one.name} {one.version}: {one.about}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
