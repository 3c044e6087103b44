"""Every lesson of the workshop: its start is told what is missing, its solution passes on the PC and on a board, and
what its README says to type is typed."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_tools import workshop_lessons as lessons
from fleet_tools.workshop_check import Check, Trouble
from fleet_tools.workshop_run import Program
from support import tiers
from support.board import VirtualBoard, isolation

LESSONS = lessons.every()
PATIENCE = 4.0  # of a machine that is busy with other tests
NUMBER = re.compile(r"-?\d+(\.\d+)?")
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


@pytest.fixture(scope="module")
def board() -> Iterator[VirtualBoard]:
    tiers.require(isolation.missing() is None, str(isolation.missing()), "integration")
    with VirtualBoard() as board:
        yield board


def checked(lesson: lessons.Lesson, program: str, folder: Path, **how: str | None) -> Check:
    lesson.lay(program, folder)
    return Check(lesson, folder, patience=PATIENCE, port=how.get("port"), heap=how.get("heap"))


def fleet(folder: Path, *words: str, code: int = 0) -> str:
    """What `fleet workshop` printed to a learner in this folder."""
    command = [sys.executable, "-m", "fleet_tools", "workshop", *words]
    env = {**os.environ, "FLEET_WORKSHOP": str(folder)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@each_lesson
def test_the_start_is_told_what_is_missing(lesson: lessons.Lesson, tmp_path: Path) -> None:
    trouble = checked(lesson, "start.py", tmp_path).run()
    assert isinstance(trouble, Trouble), "the start passes"
    assert trouble.expected
    assert trouble.came
    assert len(trouble.hint.split()) > 5, trouble


@each_lesson
def test_the_solution_passes_in_little_memory_and_its_readme_shows_what_comes(
    lesson: lessons.Lesson, tmp_path: Path
) -> None:
    check = checked(lesson, "solution.py", tmp_path)
    assert check.run() is None
    shown = [NUMBER.sub("#", line) for line in blocks(lesson, "output")[0]]
    rest = iter([NUMBER.sub("#", line) for line in check.output])
    assert [line for line in shown if line not in rest] == [], f"what came: {check.output}"


@each_lesson
def test_the_solution_passes_in_much_memory(lesson: lessons.Lesson, tmp_path: Path) -> None:
    assert checked(lesson, "solution.py", tmp_path, heap="2m").run() is None


@each_lesson
def test_the_solution_passes_on_a_board(lesson: lessons.Lesson, board: VirtualBoard, tmp_path: Path) -> None:
    check = checked(lesson, "solution.py", tmp_path, port=board.port)
    if (tmp_path / "wifi.py").exists():
        air = {"ssid": "lab", "password": "secret123"}  # the simulated one
        (tmp_path / "wifi.json").write_text(json.dumps(air))
    assert check.run() is None


# What learners do: lesson, in its solution this becomes that, and what they are told for it.
MISTAKES = [
    ("hello", "import gc\n", "", "isn't defined", "import gc"),
    ("hello", " // 1024", "", "is not from", "a KB has 1024 of them"),
    ("hello", "import sys", "import sys:", "SyntaxError", "look for a missing"),
    ("tasks", "asyncio.create_task(blink())", "await blink()", "`blink ", "starts it beside"),
    ("tasks", "asyncio.create_task(blink())", "blink()", "`measure 1 ends`", "starts it"),
    ("tasks", "        await asyncio.sleep_ms", "        asyncio.sleep_ms", "", "without await does not wait"),
    ("tasks", "asyncio.run(main())", "", "nothing at all", "its last line"),
    ("sensor", "return round(", "round(", "temp None", "without return"),
    ("sensor", "-45 + 175 *", "175 *", "is not from 18 to 26", "-45 + 175 * raw / 65535"),
    ("http", '@app.post("/period")', '@app.get("/period")', "status 405", "@app.get is for reading"),
    ("http", "    asyncio.create_task(measure())\n", "", "`n` is `0`", "asyncio.create_task(measure())"),
    ("http", " or not 100 <= ms <= 60000", "", 'status 200: `{"period": 5}`', "must be refused"),
    ("http", "    await app.start_server", "    app.start_server", "no answer", "is what serves"),
    ("store", "except OSError:", "except ValueError:", "OSError", "no file"),
    ("page", '@app.get("/")\n', "", "status 404", '@app.get("/") above'),
    ("page", "import Microdot, send_file", "import Microdot", "status 500", "is send_file imported"),
]  # fmt: skip


IDS = [f"{one[0]}-{number}" for number, one in enumerate(MISTAKES)]


@pytest.mark.parametrize(("name", "old", "new", "came", "hint"), MISTAKES, ids=IDS)
def test_a_mistake_gets_its_own_hint(name: str, old: str, new: str, came: str, hint: str, tmp_path: Path) -> None:
    lesson = lessons.find(name)
    lesson.lay("solution.py", tmp_path)
    main = tmp_path / "main.py"
    assert old in main.read_text()
    main.write_text(main.read_text().replace(old, new))
    trouble = Check(lesson, tmp_path, patience=PATIENCE).run()
    assert trouble is not None, "it passes"
    print(trouble)
    assert came in trouble.came
    assert hint in trouble.hint


def test_a_learner_goes_through_a_lesson_and_jumps(tmp_path: Path) -> None:
    assert "Lesson 1: Hello, MicroPython" in fleet(tmp_path, "start")
    told = fleet(tmp_path, "check", code=1)
    assert "01-hello, on this computer: not there yet.\n  expected  the line `free memory" in told
    main = tmp_path / "01-hello" / "main.py"
    main.write_text(main.read_text() + "import gc\nprint('free memory:', gc.mem_free() // 1024, 'KB')\n")
    assert "Well done. Next: fleet workshop start 2" in fleet(tmp_path, "check")
    jumped = fleet(tmp_path, "goto", "4")
    assert "01-hello" not in jumped, "it was done"
    assert (tmp_path / "02-tasks" / "main.py").read_text() == (lessons.find("2").folder / "solution.py").read_text()
    assert (tmp_path / "04-http" / "microdot" / "microdot.py").is_file()
    states = {row["lesson"]: row["state"] for row in json.loads(fleet(tmp_path, "list", "--json"))["lessons"]}
    assert states == {"01-hello": "done", "02-tasks": "begun", "03-sensor": "begun", "04-http": "begun"} | {
        lesson.name: "" for lesson in LESSONS if lesson.number > 4
    }
    assert "is here already, and stays as you left it" in fleet(tmp_path, "start", "4")
    assert 'did you mean "http"?' in fleet(tmp_path, "start", "htp", code=2)


def test_a_check_on_a_board_says_so_and_names_a_board_that_is_not_there(board: VirtualBoard, tmp_path: Path) -> None:
    fleet(tmp_path, "goto", "2")
    assert f"01-hello, on the board at {board.port}:\n  ok " in fleet(tmp_path, "check", "1", "--port", board.port)
    told = fleet(tmp_path, "check", "1", "--port", "/dev/no-such-board", code=1)
    assert "/dev/no-such-board" in told
    assert "plugged in" in told


def blocks(lesson: lessons.Lesson, kind: str) -> list[list[str]]:
    found = re.findall(rf"^```{kind}\n(.*?)^```", lesson.readme, flags=re.M | re.S)
    return [block.splitlines() for block in found]


def typed(lesson: lessons.Lesson, begin: str) -> list[str]:
    return [line for block in blocks(lesson, "sh") for line in block if line.startswith(begin)]


def test_every_line_of_a_readme_is_one_that_is_typed_here() -> None:
    served = {"mpremote mount . run main.py"}  # what check --port does
    for lesson in LESSONS:
        for block in blocks(lesson, "sh"):
            assert [line for line in block if not line.startswith(("micropython", "mpremote ", "curl "))] == []
        assert lesson.name == "04-http" or not served & set(typed(lesson, "mpremote"))


@pytest.mark.parametrize("lesson", [one for one in LESSONS if typed(one, "micropython")], ids=lambda one: one.name)
def test_a_line_of_micropython_works(lesson: lessons.Lesson, tmp_path: Path) -> None:
    if lesson.name != "01-hello":
        assert {*typed(lesson, "micropython")} == {"micropython main.py"}  # what check does
        return
    lesson.lay("solution.py", tmp_path)
    for line in typed(lesson, "micropython"):
        words = [str(tiers.micropython()), *shlex.split(line)[1:]]
        done = subprocess.run(
            words, cwd=tmp_path, input="print(6 * 7)\n", capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stderr
        assert ("hello from" if "main.py" in line else "42") in done.stdout


@pytest.mark.parametrize("name", ["hello", "store"])
def test_a_line_of_mpremote_works(board: VirtualBoard, name: str, tmp_path: Path) -> None:
    lesson = lessons.find(name)
    lesson.lay("solution.py", tmp_path)
    came = ""
    for line in typed(lesson, "mpremote"):
        words = [sys.executable, "-m", "mpremote", "connect", board.port, *shlex.split(line)[1:]]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        came += done.stdout
    assert {"hello": "free memory: ", "store": "\r\n30,"}[name].strip() in came


def test_what_curl_is_told_to_ask_is_answered_as_the_readme_shows(tmp_path: Path) -> None:
    lesson = lessons.find("http")
    lesson.lay("solution.py", tmp_path)
    program = Program(tmp_path, tmp_path / "log", heap="256k")
    program.start()
    try:
        deadline = time.monotonic() + 30
        for line, shown in zip(typed(lesson, "curl"), blocks(lesson, "output")[1], strict=True):
            while True:
                try:
                    came = curl(line)
                    break
                except OSError:
                    assert time.monotonic() < deadline, program.lines
                    time.sleep(0.05)
            assert NUMBER.sub("#", came) == NUMBER.sub("#", shown)
    finally:
        program.stop()


def curl(line: str) -> str:
    """As curl does it: not every machine has one."""
    words = shlex.split(line)[1:]
    body = header = None
    while words[:-1]:
        option, value, *words = words
        body, header = (value, header) if option == "-d" else (body, value.split(": "))
    headers = dict([header]) if header else {}
    request = urllib.request.Request(words[0], body.encode() if body else None, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.read().decode())
