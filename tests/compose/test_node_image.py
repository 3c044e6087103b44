"""The nodes' own tests once more, on the MicroPython of the image: Debian's, older than the one that pip brings."""

import ast
import subprocess
from pathlib import Path

import pytest

from support import tiers

FILES = sorted((tiers.ROOT / "tests" / "upy").glob("upy_*.py"))


@pytest.fixture(scope="module")
def image() -> str:
    build = ["docker", "compose", "--profile", "sim", "build", "nodes"]
    done = subprocess.run(build, cwd=tiers.ROOT, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return "sensor-fleet-node"


def in_image(image: str, *command: str, within: float = 110) -> subprocess.CompletedProcess[str]:
    """The repository is mounted read-only; the container has no network but its own loopback."""
    docker = ["docker", "run", "--rm", "--init", "--network", "none", "--volume", f"{tiers.ROOT}:/repo:ro"]
    docker += ["--tmpfs", "/tmp", "--workdir", "/tmp", image]
    return subprocess.run([*docker, *command], capture_output=True, text=True, timeout=within, check=False)


@pytest.mark.timeout(900)
def test_the_image_has_the_older_micropython(image: str) -> None:
    said = in_image(image, "micropython", "-c", "import sys; print(sys.implementation[1][:2])").stdout
    assert said.strip() == "(1, 25)"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_node_passes_its_tests_on_it(image: str, path: Path) -> None:
    names = [
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    done = in_image(image, "micropython", "/repo/tests/support/upy_runner.py", f"/repo/tests/upy/{path.name}", *names)
    passed = [line.removeprefix("ok ") for line in done.stdout.splitlines() if line.startswith("ok ")]
    assert sorted(passed) == sorted(names), f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0
