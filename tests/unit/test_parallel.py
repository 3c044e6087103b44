"""The tests in parallel: each runs once, what runs alone has no other beside it, and one run has one verdict."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support import tiers

ALONE = ("faults/test_f17_poison.py", "faults/test_f29_guessing.py")
CALM = ("faults/test_soak.py", "integration/test_node_faults.py", "integration/test_node_life.py")
# Notes when it ran, and where.
NOTES = """
import json, os, time
import pytest

@pytest.mark.parametrize("number", range(3))
def test_one(number):
    began = time.monotonic()
    time.sleep(0.1)
    note = [__file__, began, time.monotonic(), os.environ["PYTEST_XDIST_WORKER"], os.environ["FLEET_SEED"]]
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(json.dumps(note) + "\\n")
"""


class Run:
    """A pytest with three workers in a folder of its own, under our conftest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "tests").mkdir()
        (folder / "pytest.ini").write_text("[pytest]\ntestpaths = tests\naddopts = --import-mode=importlib\n")
        (folder / "tests/conftest.py").write_text((tiers.ROOT / "tests/conftest.py").read_text())

    def write(self, name: str, body: str = NOTES) -> None:
        path = self.folder / "tests" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(body)

    def start(self, *arguments: str, require: str = "") -> subprocess.CompletedProcess[str]:
        paths = os.pathsep.join(str(tiers.ROOT / part) for part in ("tests", "node", "fleet-tools", "dashboard"))
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "FLEET_"))}
        env |= {"PYTHONPATH": paths, "NOTES": str(self.folder / "notes"), "FLEET_REQUIRE": require}
        env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # none of the others is needed, and some take a second to load
        command = [sys.executable, "-m", "pytest", "-p", "xdist", "-n", "3", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=100, check=False
        )

    def notes(self) -> list[list[Any]]:
        return sorted(
            (json.loads(line) for line in (self.folder / "notes").read_text().splitlines()), key=lambda n: n[1]
        )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_files_share_the_workers_then_come_those_of_a_calm_machine_and_then_those_that_are_alone(run: Run) -> None:
    for name in ("a", "b", "c", "d"):
        run.write(f"unit/test_{name}.py")
    for name in (*CALM, *ALONE):
        run.write(name)
    run.write("unit/test_skip.py", "import pytest\n\ndef test_left_out():\n    pytest.skip('no part')\n")
    body = "from support.security import tried\n\ndef test_try():\n    tried('F25', 'a \\ud800 b', 'here', {})\n"
    run.write("unit/test_safe.py", body.format(False))
    run.write("unit/test_unsafe.py", body.format(True))
    run.write("conftest.py", (run.folder / "tests/conftest.py").read_text() + TABLE_HERE)

    done = run.start(require="unit")
    assert done.returncode == 1, "one verdict: a skip that is forbidden, in whichever worker"
    assert "no part" in done.stdout
    assert "1 failed, 29 passed in " in done.stdout.splitlines()[-1]

    notes = run.notes()
    assert len(notes) == 27
    for file in {note[0] for note in notes}:
        assert len({note[3] for note in notes if note[0] == file}) == 1, f"one worker ran all of {file}"
    busy, calm, alone = notes[:12], notes[12:21], notes[21:]
    assert len({note[3] for note in busy}) == 3, "all three workers had some of them"
    assert all(note[0].endswith(CALM) for note in calm)
    assert max(note[2] for note in busy) <= min(note[1] for note in calm)
    assert len({note[3] for note in calm}) > 1, "they are beside each other"
    assert all(note[0].endswith(ALONE) for note in alone)
    assert max(note[2] for note in calm) <= alone[0][1]
    assert len({note[3] for note in alone}) == 1
    assert len({note[4] for note in notes}) == 1, "the workers of one run have one seed"
    table = (run.folder / "table.md").read_text()
    assert "| F25 | a foreign page that commands or reads | 1 | 1 | 2 | 1 | 1 |" in table, "one table of all workers"


def test_fewer_files_than_workers_are_run_once_and_alone_too(run: Run) -> None:
    for name in ALONE:
        run.write(name)
    done = run.start()
    assert done.returncode == 0, done.stdout
    notes = run.notes()
    assert len(notes) == 6
    assert len({note[3] for note in notes}) == 1


def test_docker_and_the_browser_are_kept_apart_and_docker_has_one_worker(run: Run) -> None:
    for tier in ("browser", "compose"):
        tiers.require(not tiers.missing(tier), f"{tier} cannot run: {tiers.missing(tier)}", "unit")
        for name in ("a", "b"):
            run.write(f"{tier}/test_{name}.py")
    run.write("unit/test_a.py")
    done = run.start()
    assert done.returncode == 0, done.stdout
    notes = run.notes()
    assert len(notes) == 15
    browser, compose = ([note for note in notes if f"/{tier}/" in note[0]] for tier in ("browser", "compose"))
    assert len({note[3] for note in compose}) == 1
    assert max(note[2] for note in browser) <= min(note[1] for note in compose)


def test_a_worker_that_dies_fails_the_run_and_the_others_are_run(run: Run) -> None:
    run.write("unit/test_a.py", "import os\n\ndef test_dies():\n    os._exit(3)\n\ndef test_after():\n    pass\n")
    run.write("unit/test_b.py")
    run.write(CALM[0])
    run.write(ALONE[0])
    done = run.start()
    assert done.returncode == 1, done.stdout
    assert "crashed while running 'tests/unit/test_a.py::test_dies'" in done.stdout
    assert done.stdout.splitlines()[-1].strip("=").strip().startswith("1 failed, 10 passed in ")
    assert [Path(note[0]).name for note in run.notes()[::3]] == ["test_b.py", Path(CALM[0]).name, Path(ALONE[0]).name]
    assert len(run.notes()) == 9


TABLE_HERE = """
tiers.ROOT = Path(__file__).parents[1]
security.TABLE = tiers.ROOT / "table.md"
"""
