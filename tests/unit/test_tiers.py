"""The test house itself: what cannot run is never passed over in silence."""

import os
import subprocess
import sys
from pathlib import Path

from support import tiers


def run_pytest(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "conftest.py").write_text((tiers.ROOT / "tests" / "conftest.py").read_text())
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(folder)],
        env={**os.environ, "PYTHONPATH": str(tiers.ROOT / "tests"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def write_test(folder: Path, tier: str, body: str) -> None:
    (folder / tier).mkdir()
    (folder / tier / "test_one.py").write_text(f"import pytest\n\ndef test_one():\n    {body}\n")


def test_a_skip_is_a_failure_where_its_tier_is_required(tmp_path: Path) -> None:
    write_test(tmp_path, "unit", "pytest.skip('no part')")
    relaxed = run_pytest(tmp_path, FLEET_REQUIRE="")
    assert relaxed.returncode == 0, relaxed.stdout
    strict = run_pytest(tmp_path, FLEET_REQUIRE="unit")
    assert strict.returncode == 1, strict.stdout
    assert "no part" in strict.stdout


def test_a_missing_tier_is_skipped_with_its_reason_in_the_header(tmp_path: Path) -> None:
    write_test(tmp_path, "compose", "pass")
    done = run_pytest(tmp_path, FLEET_REQUIRE="", PATH="/nowhere")
    assert done.returncode == 0, done.stdout
    assert "SKIPPED: no docker on PATH" in done.stdout
    assert "1 skipped" in done.stdout


def test_a_required_tier_that_is_missing_stops_the_run_with_its_reason(tmp_path: Path) -> None:
    write_test(tmp_path, "compose", "pass")
    done = run_pytest(tmp_path, FLEET_REQUIRE="compose", PATH="/nowhere")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "no docker on PATH" in done.stderr
