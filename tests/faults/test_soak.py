"""F33, short: a fleet under all kinds of random faults at once, and the verdict on its history. Long: make soak."""

import subprocess
from pathlib import Path


def test_a_fleet_under_random_faults_keeps_the_promise(soaking: tuple[subprocess.Popen[bytes], Path]) -> None:
    process, folder = soaking
    code = process.wait(110)
    said = (folder / "output").read_text()
    print(said)
    assert code == 0, f"{said}\nits history is in {folder}"
    faults = next(line for line in said.splitlines() if " faults of " in line)
    assert int(faults.split(" kinds:")[0].split()[-1]) >= 8, f"too few kinds of faults: {faults}"
