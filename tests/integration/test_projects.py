"""The projects of the workshop, played with a real broker, wall and nodes: a start is told what is missing, a solution
passes, also on a board, and what people get wrong is told in a sentence of its own. The checks run side by side."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from fleet_tools import lan
from fleet_tools import workshop_lessons as lessons
from fleet_tools.processes import Child, node_child, stop
from fleet_tools.workshop_check import Check
from fleet_tools.workshop_run import Program, Trouble
from support.board import VirtualBoard
from support.broker import free_port
from support.workshop import NUMBER, PATIENCE, blocks, check, fleet, mistakes, typed

PROJECTS = lessons.projects()
SHAKE, ALARM, BLACKBOX = PROJECTS
MISTAKES = [(project, number) for project in PROJECTS for number in range(len(mistakes(project)))]
AT_ONCE = 6
WIFI = json.dumps({"ssid": "lab", "password": "secret123"})  # the virtual board's
each_project = pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
Found = tuple[Check, Trouble | None]


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], "Future[Found]"]]:
    """By project, and by start.py, solution.py or the number of a mistake."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = {}
        for project in PROJECTS:
            for program in ("solution.py", "start.py"):
                folder = tmp_path_factory.mktemp(project.name)
                running[project.name, program] = pool.submit(check, project, program, folder)
        for project, number in MISTAKES:
            folder = tmp_path_factory.mktemp(project.name)
            running[project.name, str(number)] = pool.submit(check_mistake, project, number, folder)
        yield running


def check_mistake(project: lessons.Lesson, number: int, folder: Path) -> Found:
    mistake = mistakes(project)[number]
    project.lay("solution.py", folder)
    main = folder / "main.py"
    assert mistake["was"] in main.read_text()
    main.write_text(main.read_text().replace(mistake["was"], mistake["now"]))
    one = Check(project, folder, patience=PATIENCE)
    return one, one.run()


def test_a_project_on_a_board_ends_on_the_wall_too(board: VirtualBoard, tmp_path: Path) -> None:
    folder = tmp_path / "desk" / SHAKE.name
    lay(SHAKE, folder, host=next(iter(lan.addresses()), "127.0.0.1"))  # a real board reaches no other
    (folder / "wifi.json").write_text(WIFI)
    checked = Check(SHAKE, folder, patience=PATIENCE, port=board.port)
    assert checked.run() is None, checked.output
    assert "the wall ranks: kim 25, bo 16.5; and not eve, who cheats" in checked.seen
    lay(SHAKE, folder, host="203.0.113.1")
    assert "none of this computer's addresses" in fleet(
        tmp_path / "desk", "check", "shake", "--port", board.port, code=1
    )
    BLACKBOX.lay("start.py", tmp_path / "desk" / BLACKBOX.name)
    told = fleet(tmp_path / "desk", "check", "blackbox", "--port", board.port, code=1)
    assert "checked on this computer only" in told


def test_a_learner_starts_a_project_beside_the_lessons(tmp_path: Path) -> None:
    told = fleet(tmp_path, "start", "shake")
    assert "Project 1: Shake leaderboard" in told
    assert "fleet workshop check shake" in told
    laid = {path.name for path in (tmp_path / "1-shake").iterdir()}
    assert laid == {*("README.md", "main.py", "accel.py", "config.json", "energy.toml", "shake.csv"), "skeleton.py"} | {
        "umqtt",
        "wifi.py",
    }
    assert "has no lesson before it: fleet workshop start shake" in fleet(tmp_path, "goto", "shake", code=2)
    projects = json.loads(fleet(tmp_path, "list", "--json"))["projects"]
    assert {one["lesson"]: one["state"] for one in projects} == {"1-shake": "begun", "2-alarm": "", "3-blackbox": ""}
    told = fleet(tmp_path, "list")
    assert "1-shake        Shake leaderboard" in told


# -- what the READMEs say to type: one fleet for all three ----------------------------------------------------------

RUN = "micropython main.py"
DEMO = "fleet demo --nodes 1 --broker mqtt://127.0.0.1:1884"
MOSQUITTO = "mosquitto -p 1884"
GIVE = "cp my-workshop/1-shake/energy.toml .demo/data/challenges/"
BOARD = "mosquitto_sub -v -C 1 -t fleet/1/_host/board/energy"
NODE = "FLEET_CONFIG=my-workshop/2-alarm/cy.json micropython node/main.py"
VERIFY = "fleet verify kim"
COPY = "mpremote fs cp -r umqtt skeleton.py wifi.py fake_sensor.py wifi.json config.json main.py :"
RESET = "mpremote reset"


def test_what_they_say_to_type_is_known_here() -> None:
    assert typed(SHAKE) == [RUN, "fleet demo --nodes 2", GIVE, BOARD]
    assert typed(ALARM) == [RUN, "fleet demo --nodes 4", NODE]
    assert typed(BLACKBOX) == [RUN, MOSQUITTO, DEMO, VERIFY, COPY, RESET]


def test_all_three_play_with_one_fleet_as_their_readmes_say(
    board: VirtualBoard, checks: dict[Any, "Future[Found]"], tmp_path: Path
) -> None:
    port = free_port()
    with ExitStack() as stack:

        def begin(name: str, line: str, more: tuple[str, ...] = ()) -> Child:
            child = Child(name, [*words(line, port), *more], tmp_path / f"{name}.log", environment(), folder=tmp_path)
            child.start()
            stack.callback(stop, [child], signal.SIGTERM, 10.0, lambda: False)
            return child

        def run(project: lessons.Lesson, **config: object) -> Program:
            folder = tmp_path / "my-workshop" / project.name
            lay(project, folder, port=port, **config)
            program = Program(folder, tmp_path / f"{project.name}.log", heap="160k")
            program.start()
            stack.callback(program.stop)
            return program

        mosquitto = begin("mosquitto", MOSQUITTO)
        demo = begin("demo", DEMO, ("--port", "0"))
        until(lambda: "dashboard http://" in demo.output(), demo.output)

        shake = run(SHAKE)
        assert typing(GIVE, tmp_path, port) == ""
        box = run(BLACKBOX, node="box", period=100)
        alarm = run(ALARM, quiet=[0, 0])
        told = {
            "FLEET_CONFIG": str(tmp_path / NODE.split("=")[1].split()[0]),
            "FLEET_BROKER": f"mqtt://127.0.0.1:{port}",
        }
        cy = node_child("cy", told, tmp_path / "cy.log", typed=True)
        cy.start()
        stack.callback(stop, [cy], signal.SIGINT, 10.0, lambda: False)

        until(lambda: "connected to" in cy.output() and any("connected" in line for line in alarm.lines), cy.output)
        cy.type("set temp 41")
        until(lambda: "alarm: cy is at 41 C" in alarm.lines and "ada buzzes (ok)" in alarm.lines, lambda: alarm.lines)
        cy.type("tap button-a")
        until(lambda: any(line.startswith("quiet: cy ") for line in alarm.lines), lambda: alarm.lines)

        until(lambda: '["kim","Kim",' in typing(BOARD, tmp_path, port), shake.lines.copy)

        lay(BLACKBOX, tmp_path / "board", port=port, node="board", period=500)
        (tmp_path / "board" / "wifi.json").write_text(WIFI)
        for line in (COPY, RESET):
            typing(line, tmp_path / "board", port, board)

        until(lambda: any("told" in line for line in box.lines), lambda: box.lines)
        board.expect(b"reading 2 told", 60)
        stop([mosquitto], signal.SIGINT, 10.0, lambda: False)
        until(lambda: sum("waits" in line for line in box.lines) > 5, lambda: box.lines)
        waits, again = (board.output.count(said) for said in (b" waits, with ", b"reading 0 waits, with "))
        until(lambda: board.output.count(b" waits, with ") > waits + 3, lambda: board.output[-2000:])
        board.power_off()
        board.power_on()
        until(lambda: board.output.count(b"reading 0 waits, with ") > again, lambda: board.output[-2000:])
        mosquitto.start()
        until(lambda: "told" in box.lines[-1], lambda: box.lines)
        told = typing(VERIFY.replace("kim", "box board --wait 60"), tmp_path, port)
        assert "complete: 2 nodes took" in told
        assert "every one is stored exactly once" in told


# -- what the checks say ---------------------------------------------------------------------------------------------


@each_project
def test_the_start_runs_and_is_told_what_is_missing(
    project: lessons.Lesson, checks: dict[Any, "Future[Found]"]
) -> None:
    checked, trouble = checks[project.name, "start.py"].result()
    assert trouble is not None, "the start passes"
    print(trouble)
    assert any("connected to" in line for line in checked.output), "it runs"
    assert not any("Traceback" in line for line in checked.output)
    assert trouble.expected
    assert trouble.came
    assert len(trouble.hint.split()) > 5


@each_project
def test_the_solution_passes_and_its_readme_shows_what_comes(
    project: lessons.Lesson, checks: dict[Any, "Future[Found]"]
) -> None:
    checked, trouble = checks[project.name, "solution.py"].result()
    assert trouble is None, checked.output
    print(checked.seen)
    shown, came = (
        Counter(NUMBER.sub("#", line) for line in lines)
        for lines in (blocks(project.readme, "output")[0], checked.output)
    )
    assert shown - came == Counter(), f"what came: {checked.output}"


@pytest.mark.parametrize(("project", "number"), MISTAKES, ids=[f"{one.name}-{number}" for one, number in MISTAKES])
def test_a_mistake_gets_its_own_hint(project: lessons.Lesson, number: int, checks: dict[Any, "Future[Found]"]) -> None:
    _, trouble = checks[project.name, str(number)].result()
    mistake = mistakes(project)[number]
    assert trouble is not None, "it passes"
    print(trouble)
    assert mistake["came"] in trouble.came
    assert mistake["hint"] in trouble.hint


# -- how it is typed ------------------------------------------------------------------------------------------------


def lay(project: lessons.Lesson, folder: Path, **config: object) -> None:
    project.lay("solution.py", folder)
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | config))


def environment() -> dict[str, str]:
    return {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin"}


def words(line: str, port: int, board: VirtualBoard | None = None) -> list[str]:
    found = shlex.split(line.replace("1884", str(port)))
    if found[0] == "fleet":
        return [sys.executable, "-m", "fleet_tools", *found[1:]]
    if found[0] == "mpremote":
        assert board is not None
        return [sys.executable, "-m", "mpremote", "connect", board.port, *found[1:]]
    return [*found, "-p", str(port)] if found[0] == "mosquitto_sub" else found


def typing(line: str, folder: Path, port: int, board: VirtualBoard | None = None) -> str:
    env = {**os.environ, **environment()}
    command = words(line, port, board)
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def until(is_so: Callable[[], bool], said: Callable[[], object], within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while not is_so():
        assert time.monotonic() < deadline, said()
        time.sleep(0.05)
