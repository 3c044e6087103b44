"""`fleet ota` on real nodes with program slots, a real broker and a real dashboard."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.broker import Broker
from support.dashboard import DashboardProcess
from support.slots import SECRET, Flash, new_program


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    with Broker() as broker, DashboardProcess(broker.url):
        yield broker.url


def fleet(folder: Path, place: str, *words: str, code: int = 0) -> dict[str, Any]:
    """What --json printed."""
    (folder / "secrets.json").write_text(json.dumps({"ada": SECRET, "ben": SECRET}))
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "FLEET_BROKER": place}
    more = ["--secrets", str(folder / "secrets.json")] if words[0] in ("start", "resume") else []
    command = [sys.executable, "-m", "fleet_tools", "ota", *words, *more, "--json"]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    found: dict[str, Any] = json.loads(done.stdout or "{}")
    return found


def states(told: dict[str, Any]) -> dict[str, str]:
    return {row["node"]: row["st"] for row in told["rows"]}


@pytest.mark.rule("F-OTA-5")
def test_a_node_gets_a_new_program_and_keeps_it_when_the_host_has_heard_it(place: str, tmp_path: Path) -> None:
    flash = Flash(tmp_path / "flash")
    new = new_program(tmp_path / "new", "0.2.0")
    with flash.node(place) as node:
        node.expect("joining")
        told = fleet(tmp_path, place, "start", "--to", "ada", "--version", "0.2.0", "--from", str(new))
        assert states(told) == {"ada": "SUCCEEDED"}, node.output
        assert flash.choice == {"run": "b"}
        assert told["rows"][0]["chunks"] < 20, "files that did not change were sent"


@pytest.mark.rule("F-OTA-5")
def test_a_program_with_bad_syntax_is_left_for_the_old_one(place: str, tmp_path: Path) -> None:
    flash = Flash(tmp_path / "flash")
    new = new_program(tmp_path / "new", "0.2.0", **{"fleet_node/app.py": "\nthis is no Python\n"})
    with flash.node(place) as node:
        node.expect("joining")
        told = fleet(tmp_path, place, "start", "--to", "ada", "--from", str(new), code=3)
        assert states(told) == {"ada": "FAILED"}, node.output
        assert "SyntaxError" in told["rows"][0]["err"]
        assert flash.choice == {"run": "a"}
        assert node.resets == 3, "one to try it, one more try, and back"


@pytest.mark.rule("F-OTA-4")
def test_what_is_not_signed_with_the_secret_of_the_node_is_refused(place: str, tmp_path: Path) -> None:
    flash = Flash(tmp_path / "flash")
    with flash.node(place, secret="not-what-the-class-has") as node:
        node.expect("joining")
        told = fleet(tmp_path, place, "start", "--to", "ada", code=3)
        assert states(told) == {"ada": "REJECTED"}, node.output
        assert "not signed" in told["rows"][0]["err"]
        assert not (flash.folder / "b").exists(), "it wrote something of a program that it refused"
