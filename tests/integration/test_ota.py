"""`fleet ota` on real nodes with program slots, a real broker and a real dashboard."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fleet_client import Client
from fleet_tools.fetch import NODE
from fleet_tools.ota_image import Image
from fleet_tools.ota_job import Job, JobFolder, Row
from fleet_tools.ota_run import Rollout
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.probe import Probe
from support.slots import SECRET, Flash, new_program


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    with Broker() as broker, DashboardProcess(broker.url):
        yield broker.url


def command(folder: Path, place: str, *words: str) -> tuple[list[str], dict[str, str]]:
    folder.mkdir(exist_ok=True)
    (folder / "secrets.json").write_text(json.dumps({"ada": SECRET, "ben": SECRET}))
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "FLEET_BROKER": place}
    more = ["--secrets", str(folder / "secrets.json")] if words[0] in ("start", "resume") else []
    return [sys.executable, "-m", "fleet_tools", "ota", *words, *more, "--json"], env


def fleet(folder: Path, place: str, *words: str, code: int = 0) -> dict[str, Any]:
    """What --json printed."""
    line, env = command(folder, place, *words)
    done = subprocess.run(line, env=env, cwd=folder, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    found: dict[str, Any] = json.loads(done.stdout or "{}")
    return found


@contextmanager
def running(folder: Path, place: str, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """The command beside the test; killed if it is not at its end."""
    line, env = command(folder, place, *words)
    process = subprocess.Popen(line, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def end_of(process: "subprocess.Popen[str]", code: int = 0) -> dict[str, Any]:
    out, err = process.communicate(timeout=170)
    assert process.returncode == code, f"{process.returncode}\n{out}{err}"
    found: dict[str, Any] = json.loads(out)
    return found


def wait_for_state(folder: Path, place: str, node: str, state: str) -> None:
    """Until `fleet ota status` says so."""
    deadline = time.monotonic() + 60
    while True:
        line, env = command(folder, place, "status")
        done = subprocess.run(line, env=env, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        if done.stdout and states(json.loads(done.stdout)).get(node) == state:
            return
        assert time.monotonic() < deadline, f"{node} did not come to {state}: {done.stdout}{done.stderr}"
        time.sleep(0.2)


async def _carry_out(place: str, folder: Path, image: Image, job: Job) -> Job:
    files = JobFolder(folder / "own-job")
    with files.locked():
        files.begin(job, image)
        async with Client(place) as client:
            await Rollout(client, files, job, image, {"ada": SECRET}, lambda _: None).run(time.time() + 120)
    return job


def offer(place: str, folder: Path, image: Image, number: int) -> Row:
    """What becomes of a job that no command would make."""
    job = Job(number, "?", 1, 100.0, rows=[Row("ada", 0)])
    (row,) = asyncio.run(_carry_out(place, folder, image, job)).rows
    return row


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
        assert (flash.folder / "b" / "fleet_node" / "app.py").is_file()
        assert not (flash.folder / "b" / "fleet_node" / "web").exists(), "this node serves no page"


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


def test_a_program_that_never_connects_is_left_for_the_old_one(place: str, tmp_path: Path) -> None:
    flash = Flash(tmp_path / "flash")
    never = "\n\nasync def _never(self):\n    await asyncio.sleep_ms(10**9)\n\n\nLink.run = _never\n"
    new = new_program(tmp_path / "new", "0.2.0", **{"fleet_node/link.py": never})
    with flash.node(place, trial=5) as node:
        node.expect("joining")
        told = fleet(tmp_path, place, "start", "--to", "ada", "--from", str(new), code=3)
        assert states(told) == {"ada": "FAILED"}, node.output
        assert "not heard by the host" in told["rows"][0]["err"]
        assert flash.choice == {"run": "a"}


def test_a_file_that_is_not_what_the_manifest_says_is_not_run(place: str, tmp_path: Path) -> None:
    flash = Flash(tmp_path / "flash")
    good = Image.of_program(new_program(tmp_path / "new", "0.2.0"))
    path = "fleet_node/__init__.py"
    spoilt = Image(good.manifest, {**good.files, path: b"#" * len(good.files[path])})
    with flash.node(place) as node:
        node.expect("joining")
        row = offer(place, tmp_path, spoilt, time.time_ns() // 1_000_000)
        assert (row.st, row.err) == ("FAILED", "wrong hash: fleet_node/__init__.py"), node.output
        assert flash.choice == {"run": "a"}
        assert node.resets == 0
        left = [path for path in (flash.folder / "b").rglob("*") if path.is_file()]
        assert left == [], "what is half there takes room"


def test_a_job_that_comes_again_is_answered_and_not_done_again_and_an_older_one_is_refused(
    place: str, tmp_path: Path
) -> None:
    flash = Flash(tmp_path / "flash")
    image = Image.of_program(NODE)
    number = time.time_ns() // 1_000_000
    with flash.node(place) as node:
        node.expect("joining")
        assert offer(place, tmp_path, image, number).st == "SUCCEEDED", node.output
        resets = node.resets
        assert offer(place, tmp_path, image, number).st == "SUCCEEDED", node.output
        older = offer(place, tmp_path, image, number - 1)
        assert (older.st, older.err) == ("REJECTED", f"older than job {number}")
        assert node.resets == resets == 1


def test_a_node_that_is_off_is_served_when_it_comes_also_when_the_tool_was_killed_meanwhile(
    place: str, tmp_path: Path
) -> None:
    flash = Flash(tmp_path / "flash")
    new = new_program(tmp_path / "new", "0.2.0")
    node = flash.node(place)
    with node:
        node.expect("joining: ")
        node.quit()
        with running(tmp_path, place, "start", "--to", "ada", "--from", str(new)):
            wait_for_state(tmp_path, place, "ada", "QUEUED")
        with running(tmp_path, place, "resume") as tool:
            node.start()
            told = end_of(tool)
        assert states(told) == {"ada": "SUCCEEDED"}, node.output
        assert flash.choice == {"run": "b"}


def test_an_abort_ends_what_nobody_has_begun_and_the_node_finds_no_offer(place: str, tmp_path: Path) -> None:
    flash = Flash(tmp_path / "flash")
    new = new_program(tmp_path / "new", "0.2.0")
    node = flash.node(place)
    with node:
        node.expect("joining: ")
        node.quit()
        with running(tmp_path, place, "start", "--to", "ada", "--from", str(new)) as tool:
            wait_for_state(tmp_path, place, "ada", "QUEUED")
            assert fleet(tmp_path, place, "abort")["over"] == "aborted"
            assert states(end_of(tool, code=3)) == {"ada": "CANCELED"}
        mark = node.mark()
        node.start()
        node.expect("joining: ", since=mark)
        assert not (flash.folder / "b").exists(), "it took up what was aborted"


def test_240_kb_of_heap_are_enough_and_the_readings_go_on_while_the_program_comes(place: str, tmp_path: Path) -> None:
    flash = Flash(tmp_path / "flash")
    more = {f"fleet_node/more{number}.py": "# " + "x" * 8000 for number in range(12)}
    new = new_program(tmp_path / "new", "0.2.0", **more)
    with Probe(place, "fleet/1/ada/tele/#", "fleet/1/ada/ota") as probe, flash.node(place, heap="240K") as node:
        node.expect("joining: it works")
        told = fleet(tmp_path, place, "start", "--to", "ada", "--from", str(new))
        assert states(told) == {"ada": "SUCCEEDED"}, node.output
        asked = [one for one in probe.seen("fleet/1/ada/ota") if b'"want"' in one.payload]
        assert len(asked) > 100
        said = [json.loads(one.payload)["up"] for one in asked]
        took = [json.loads(one.payload)["up"] for one in probe.seen("fleet/1/ada/tele/sht4x")]
        during = [up for up in took if said[0] <= up <= said[-1]]
        assert len(during) >= (said[-1] - said[0]) // 200 - 2, f"{len(during)} readings in {said[-1] - said[0]} ms"


def test_a_node_without_room_for_an_update_says_so_and_goes_on(place: str, tmp_path: Path) -> None:
    flash = Flash(tmp_path / "flash")
    new = new_program(tmp_path / "new", "0.2.0")
    with Probe(place, "fleet/1/ada/tele/#") as probe, flash.node(place, heap="184K") as node:
        node.expect("joining: it works")
        told = fleet(tmp_path, place, "start", "--to", "ada", "--from", str(new), code=3)
        (row,) = told["rows"]
        assert (row["st"], row["err"]) == ("FAILED", "not enough memory"), (row, node.output)
        probe.expect("fleet/1/ada/tele/sht4x", since=probe.mark())
