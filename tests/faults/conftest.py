"""The short soak runs beside the other fault tests, which wait for most of their time; the last of them looks at it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import tiers
from support.seed import SEED, amount

SECONDS = amount("FLEET_SOAK_S", 25)
SHORT = ("--nodes", "10", "--pace", "1", "--hold", "2.5", "--patience", "90")


@pytest.fixture(scope="session", autouse=True)
def soaking(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple | None]:
    """(process, folder) of a soak, if a test that wants it was chosen."""
    if tiers.missing("faults") or not any(item.path.name == "test_soak.py" for item in request.session.items):
        yield None
        return
    folder: Path = tmp_path_factory.mktemp("soak")
    command = [sys.executable, "-m", "soak", "--minutes", str(SECONDS / 60), "--seed", str(SEED), *SHORT]
    path = os.pathsep.join(str(tiers.ROOT / part) for part in ("tests", "node", "fleet-tools", "dashboard"))
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(
            [*command, "--folder", str(folder / "run")],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
        )
        yield process, folder
        if process.poll() is None:
            process.terminate()  # it ends what it started
            process.wait(60)
