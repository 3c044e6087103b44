"""docs/classroom.md, line by line: what it tells a teacher to type is typed, in its order, on one class."""

import re
import shlex
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import tiers
from support.class_run import FLEET, ClassRun, Joined, environment, fleet, library, wait_for

PAGE = (tiers.ROOT / "docs" / "classroom.md").read_text()
NATIVE, DOCKER = PAGE.split("## With Docker")
START = "fleet class start 3b --lan"


def shell_lines(text: str) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.M | re.S)
    return [line.split("  #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


LINES = shell_lines(NATIVE)
BEFORE, AFTER = LINES[: LINES.index(START)], LINES[LINES.index(START) + 1 :]


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    library()
    with tempfile.TemporaryDirectory(prefix="fleet-classroom-") as folder:
        (roster,) = re.findall(r"^```csv\n(.*?)^```", PAGE, flags=re.M | re.S)
        Path(folder, "names.csv").write_text(roster)
        yield Path(folder)


def say(root: Path, line: str, codes: tuple[int, ...] = (0,)) -> str:
    words = shlex.split(line)
    assert words[0] == "fleet", line
    done = subprocess.run(
        [*FLEET, *words[1:]],
        env=environment(root),
        cwd=root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode in codes, f"{line} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_every_line_of_the_page_works_in_its_order(root: Path) -> None:
    said: dict[str, str] = {line: say(root, line) for line in BEFORE}
    assert "3 nodes" in said["fleet class new 3b --roster names.csv"]
    sheets = (root / "3b" / "sheets.html").read_text()
    assert "Katherine Johnson" in sheets
    with ClassRun(root, "3b", "--lan") as running:
        ticket = running.ticket("ada-lovelace")
        assert all(part in sheets for part in (running.secret("ada-lovelace"), ticket[-32:])), "not on her sheet"
        with Joined(root, ticket) as told:
            wait_for(lambda: "It works" in told(), "that ada-lovelace has joined", 60, told)
            wait_for(
                lambda: "Ada Lovelace" in fleet(root, "ls"),
                "the name of the roster",
                30,
                lambda: fleet(root, "ls") + told(),
            )
            for line in AFTER:
                if line.startswith(("fleet class load", "fleet class close")):
                    continue  # below: the class runs no more then
                # Exit code 3 of roll and 3, 4 of buzz: somebody is missing, as in every class.
                loose = line.startswith(("fleet roll", "fleet buzz"))
                said[line] = say(root, line, (0, 3, 4) if loose else (0,))
            assert "Grace Hopper" in said["fleet roll"], said["fleet roll"]
            assert "ada-lovelace" in said["fleet buzz --all"]
            assert (root / "lesson.html").stat().st_size > 1000
            assert "Linus Torvalds" in fleet(root, "class", "show", "3b")
            with urllib.request.urlopen(f"http://127.0.0.1:{running.http}/api/roll", timeout=10) as answer:
                assert b"ada-lovelace" in answer.read()
    with tempfile.TemporaryDirectory(prefix="fleet-other-laptop-") as other:
        saved = root / "3b.fleetclass"
        Path(other, saved.name).write_bytes(saved.read_bytes())
        for line in AFTER:
            if line.startswith(("fleet class load", "fleet class close")):
                say(Path(other), line)
        assert "closed" in fleet(Path(other), "class", "show", "3b")


def test_every_line_for_docker_is_one_that_the_compose_tier_types() -> None:
    typed = "".join(path.read_text() for path in (tiers.ROOT / "tests" / "compose").glob("*.py"))
    for line in shell_lines(DOCKER):
        assert line.startswith("docker compose "), line
        words = [word for word in line.split()[2:] if word not in ("exec", "dashboard", "run", "--rm", "30", "--nodes")]
        for word in words:
            assert f'"{word}"' in typed or word in typed, f"the compose tier does not type {word!r} of: {line}"
