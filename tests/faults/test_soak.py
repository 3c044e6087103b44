"""F33, short: a fleet under all kinds of random faults at once, and the verdict on its history. Long: make soak."""

import os
import subprocess
import sys
from pathlib import Path

from support import tiers
from support.seed import SEED, amount

SECONDS = amount("FLEET_SOAK_S", 25)
SHORT = ("--nodes", "10", "--pace", "1", "--hold", "2.5", "--patience", "90")


def test_a_fleet_under_random_faults_keeps_the_promise(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "soak", "--minutes", str(SECONDS / 60), "--seed", str(SEED), *SHORT]
    path = os.pathsep.join(str(tiers.ROOT / part) for part in ("tests", "node", "fleet-tools", "dashboard"))
    with subprocess.Popen(
        [*command, "--folder", str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    ) as process:
        try:
            said, _ = process.communicate(timeout=SECONDS + 85)
        except BaseException:
            process.terminate()  # it ends what it started
            print(process.communicate()[0])
            raise
    print(said)
    assert process.returncode == 0, f"{said}\nits history is in {tmp_path}"
    faults = next(line for line in said.splitlines() if " faults of " in line)
    assert int(faults.split(" kinds:")[0].split()[-1]) >= 8, f"too few kinds of faults: {faults}"
