"""A class without Internet: a stick is made, the workshop is installed from it with the network off, and a board gets
its packages from the files on it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_tools import workshop_lessons as lessons
from support import tiers
from support.board import VirtualBoard, isolation
from support.broker import free_port, wait_for_port
from support.workshop import blocks

FLEET = [sys.executable, "-m", "fleet_tools", "workshop"]


@pytest.fixture(scope="module")
def stick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For this computer; its name has a blank in it, as sticks' names do."""
    tiers.require((tiers.ROOT / ".git").exists(), "this is no clone of the repository", "integration")
    folder = tmp_path_factory.mktemp("media") / "USB STICK"
    done = subprocess.run([*FLEET, "stick", str(folder)], capture_output=True, text=True, timeout=300, check=False)
    offline = done.returncode != 0 and "cannot be had" in done.stderr
    tiers.require(not offline, f"there is no way to PyPI: {done.stderr}", "integration")
    assert done.returncode == 0, done.stderr
    assert "MB. Copy all of it" in done.stdout
    return folder


def no_network(stick: Path, home: Path, command: str) -> str:
    """What a learner sees who types `command` on a computer that has the stick, and a network only to itself."""
    words = ["bwrap", "--die-with-parent", "--unshare-net", "--unshare-pid", "--ro-bind", "/", "/"]
    words += ["--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev"]
    for place in dict.fromkeys((sys.base_prefix, sys.prefix)):
        words += ["--ro-bind", place, place]
    words += ["--ro-bind", str(stick), str(stick), "--bind", str(home), str(home), "--chdir", str(home)]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "FLEET_", "MAKE"))}
    path = os.pathsep.join(one for one in kept["PATH"].split(os.pathsep) if one != str(Path(sys.executable).parent))
    env = {**kept, "PATH": path, "HOME": str(home), "PYTHON": sys.executable, "PIP_NO_COMPILE": "1"}
    done = subprocess.run(
        [*words, "sh", "-c", command], env=env, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_workshop_is_installed_from_the_stick_without_any_network(stick: Path, tmp_path: Path) -> None:
    tiers.require(isolation.missing() is None, str(isolation.missing()), "integration")
    told = no_network(stick, tmp_path, f"cd '{stick}' && sha256sum --quiet -c SHA256SUMS && sh install.sh")
    assert "Ready. Now type:" in told, told
    assert f"But first:\n  cd {tmp_path}/sensor-fleet\n" in told, told
    typed = (stick / "README.txt").read_text()
    assert "\n  sh install.sh\n  cd ~/sensor-fleet\n  . .venv/bin/activate\n" in typed
    page = (tiers.ROOT / "workshop" / "README.md").read_text().partition("## Set-up")[2]
    assert blocks(page, "sh")[0] == ["make workshop", ". .venv/bin/activate", "fleet workshop start"], "as typed here"
    begin = "cd ~/sensor-fleet && . .venv/bin/activate && fleet workshop"
    assert "01-hello" in no_network(stick, tmp_path, f"{begin} list")
    solve = "cp workshop/lessons/01-hello/solution.py my-workshop/01-hello/main.py"
    done = no_network(stick, tmp_path, f"{begin} start 1 && {solve} && fleet workshop check --patience 4")
    assert "Well done" in done, done


def test_the_stick_has_nothing_that_git_does_not_have(stick: Path, tmp_path: Path) -> None:
    subprocess.run(["tar", "-xzf", str(stick / "sensor-fleet.tar.gz"), "-C", str(tmp_path)], check=True)
    there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    tracked = subprocess.run(
        ["git", "-C", str(tiers.ROOT), "ls-tree", "-r", "--name-only", "HEAD"],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert there == set(tracked)
    assert all((tmp_path / "workshop" / "lessons" / one.name).is_dir() for one in lessons.every() if one.number < 4)


@pytest.fixture
def served(stick: Path) -> Iterator[str]:
    """As README.txt of the stick says it, at another port."""
    (line,) = [one for one in (stick / "README.txt").read_text().splitlines() if "-m http.server" in one]
    words = line.split()
    assert words[:3] == ["python3", "-m", "http.server"]
    port = free_port()
    command = [sys.executable, *words[1:3], str(port), "--bind", "127.0.0.1", *words[4:]]
    process = subprocess.Popen(command, cwd=stick, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert wait_for_port(port)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(30)


def test_a_board_gets_its_packages_from_the_files_of_the_stick(stick: Path, served: str) -> None:
    """By mpremote, and by the board's own mip; the lines are those of README.txt."""
    tiers.require(isolation.missing() is None, str(isolation.missing()), "integration")
    lines = [one.strip() for one in (stick / "README.txt").read_text().splitlines()]
    typed = [one.replace("http://127.0.0.1:8123", served) for one in lines if one.startswith("mpremote ")]
    (own,) = [one.replace("http://ADDRESS:8123", served) for one in lines if one.startswith("import mip")]
    with VirtualBoard() as board:
        said = [mpremote(board, *line.split()[1:]) for line in typed]
        assert "Installing: /lib/umqtt/simple.py" in said[0]
        assert "Installing: /lib/fleet_node/sensors/sht4x.py" in said[1]
        assert "Exists: " in mpremote(board, "exec", own)
        program = (
            "from umqtt import simple; from fleet_node import sensors; sensors.load('sht4x'); "
            "print(len(open(simple.__file__).read()))"
        )
        shown = mpremote(board, "exec", program).split()[-1]
        assert shown == str(len((tiers.NODE / "lib" / "umqtt" / "simple.py").read_text()))


def mpremote(board: VirtualBoard, *words: str) -> str:
    command = [sys.executable, "-m", "mpremote", "connect", board.port, *words]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONUNBUFFERED": "1"}, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout
