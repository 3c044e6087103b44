"""Whether a lesson's program does what its check.toml says: it is really run, and asked, and its files are read.

heap = "128k"                       # what the program gets on this computer; a small board has no more
beside = ["mqtt"]                   # what runs beside the program: fleet_tools/workshop_mqtt.py says what it reads here
program = "race.py"                 # what is started, if it is not main.py itself
[[run]]                             # each starts the program again, in the same folder
prints = ["blink {n}", "temp {18..26} C"]   # in this order, others may be between; holes: workshop_expect
until = "measure 3 {*}"             # what is not there when this line comes will not come
ends = true                         # it ends by itself; else it is stopped when all was seen
alone = true                        # on a board: not sent there, but what was copied there and starts after a reset
[run.write]
"settings.json" = "{}"              # a file that lies beside it then
[[run.http]]                        # to the address that it prints, in this order
get = "/reading"                    # or: post = "/period" with send = {ms = 200}, or form = "ms=200"
status = 200
json = {temp = "{18..26}"}          # or: contains = ["<canvas"], type = "text/html"
within = 3                          # ask again for so many seconds; else once
stream = ["event: temp", "data: {18..26} C"]   # in place of json: lines of an answer that goes on, in this order
[[run.file]]                        # after the run
name = "readings.csv"
lines = "{1..100}"                  # how many
line = "{n},{n}"                    # each of them
[[hint]]                            # the first that is found
came = "regex"                      # in what the program printed, or: code = "regex" in main.py
say = "One sentence."
"""

from __future__ import annotations

import errno
import json
import os
import re
import tempfile
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

from fleet_tools import workshop_expect as expect
from fleet_tools import workshop_lessons as lessons
from fleet_tools import workshop_run
from fleet_tools.workshop_run import POLL_S, Beside, Program, Trouble

HEAP = "256k"
RUN_S = 15.0  # for all that a run shall print, on this computer
BOARD_S = 60.0  # a board is slower, and its files come over a serial line
ANSWER_S = 10.0
MOST_LINES, MOST_CHARACTERS = 16, 2000  # of an answer that goes on
LISTEN_S = 5.0  # a program prints its address and then begins to listen: on a board a moment later
REFUSED = os.strerror(errno.ECONNREFUSED)


class Check:
    """One check of one program. `patience` multiplies every time; `port` is a board's."""

    def __init__(
        self,
        lesson: lessons.Lesson,
        folder: Path,
        *,
        port: str | None = None,
        heap: str | None = None,
        patience: float = 1.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._lesson = lesson
        self._folder = folder
        self._port = port
        self._declared = lesson.check
        self._heap = heap or self._declared.get("heap", HEAP)
        self._patience = patience
        self._sleep = sleep
        self.output: list[str] = []  # what the program said, all runs together
        self.seen: list[str] = []  # what was checked and is as it should be

    def run(self) -> Trouble | None:
        """None if the lesson is passed."""
        main = self._folder / "main.py"
        if not main.is_file():
            return Trouble(f"a file {main}", "it is not there", f"fleet workshop start {self._lesson.asked}")
        with tempfile.TemporaryDirectory(prefix="fleet-workshop-") as temporary:
            place = Path(temporary) / "lesson"
            stored = [file["name"] for run in self._runs() for file in run.get("file", [])]
            workshop_run.copy(self._folder, place, stored)
            try:
                with ExitStack() as stack:
                    beside = [stack.enter_context(self._beside(name)) for name in self._declared.get("beside", [])]
                    for one in beside:
                        one.prepare(place, self._declared)
                    for number, run in enumerate(self._runs()):
                        self._one(run, place, Path(temporary) / f"run{number}.log", beside)
            except Trouble as trouble:
                return Trouble(trouble.expected, trouble.came, trouble.hint or self._hint(trouble, main.read_text()))
        return None

    def _beside(self, name: str) -> Beside:
        made: Beside = import_module(f"fleet_tools.workshop_{name}").Beside(self._port, self._patience)
        return made

    def _runs(self) -> list[dict[str, Any]]:
        return list(self._declared["run"])

    def _one(self, run: dict[str, Any], place: Path, log: Path, beside: list[Beside]) -> None:
        for name, text in run.get("write", {}).items():
            (place / name).write_text(text)
        program = self._program(run, place, log)
        before = len(self.output)
        try:
            for one in beside:
                one.before(run)
            program.start()
            for step in run.get("http", []):
                self._ask(step, program)
            for one in beside:
                self.seen += one.during(run, program)
            self._wait_for_lines(run, program)
        finally:
            program.stop()
            self.output[before:] = program.lines
        for file in run.get("file", []):
            self._read(file, place)

    def _program(self, run: dict[str, Any], place: Path, log: Path) -> Program:
        if self._port is None or not run.get("alone"):
            return Program(place, log, heap=self._heap, port=self._port, name=self._lesson.program)
        from fleet_tools.workshop_alone import Alone

        return Alone(place, log, port=self._port)

    def _wait_for_lines(self, run: dict[str, Any], program: Program) -> None:
        wanted: list[str] = run.get("prints", [])
        until = [expect.Text(one) for one in run.get("until", [])]
        while True:
            if program.floods:
                raise Trouble("a program that rests between its prints", "more lines than anybody can read")
            over = not program.running  # asked first: what it says last is then in its lines
            came = program.lines
            wrong = expect.lines(wanted, came)
            if wrong is None and (over or not run.get("ends")):
                break
            late = time.monotonic() > self._deadline(program)
            if over or late or (wrong and any(one.fits(line) for one in until for line in came)):
                if error := program.error:
                    raise Trouble(wrong[0] if wrong else "that the program ends well", f"`{error}`")
                if wrong:
                    raise Trouble(*wrong)
                raise Trouble("that the program ends by itself", "it was still running")
            self._sleep(POLL_S)
        if error := program.error:
            raise Trouble("a program without an error", f"`{error}`")
        self.seen += [f"prints {expect.Text(one).shown}" for one in wanted]

    def _ask(self, step: dict[str, Any], program: Program) -> None:
        verb = "post" if "post" in step else "get"
        sent = json.dumps(step["send"]) if "send" in step else step.get("form", "")
        name = f"{verb.upper()} {step[verb]}" + (f" with `{sent}`" if sent else "")
        address = self._address(program)
        data = sent.encode() if sent or verb == "post" else None
        asked = time.monotonic()
        while True:
            wrong = _answer(address + step[verb], data, step, ANSWER_S * self._patience)
            if wrong is None:
                break
            within = LISTEN_S if REFUSED in wrong else step.get("within", 0)
            error = program.error
            if error or not program.running or time.monotonic() > asked + within * self._patience:
                if error:
                    wrong = f"{wrong}; the program said `{error}`"
                raise Trouble(f"from {name}: {_asked(step)}", wrong)
            self._sleep(POLL_S * 5)
        self.seen.append(f"answers {name}: {step.get('status', 200)}")

    def _address(self, program: Program) -> str:
        while True:
            over = not program.running
            if address := program.address:
                return address
            if over or time.monotonic() > self._deadline(program):
                said = ", ".join(f"`{line}`" for line in program.lines[-3:]) or "nothing"
                raise Trouble(
                    "a program that serves, and prints its address, such as `serving on http://127.0.0.1:8000`",
                    f"`{program.error}`" if program.error else f"the program printed {said}"
                    + (", and ended" if over else ""),
                )  # fmt: skip
            self._sleep(POLL_S)

    def _deadline(self, program: Program) -> float:
        return program.started + (BOARD_S if self._port else RUN_S) * self._patience

    def _read(self, wanted: dict[str, Any], place: Path) -> None:
        name, file = wanted["name"], place / wanted["name"]
        if not file.is_file():
            raise Trouble(f"a file `{name}` after the program has run", "there is none")
        found = file.read_text(errors="replace").splitlines()
        if "lines" in wanted and not (count := expect.Text(wanted["lines"])).fits(str(len(found))):
            raise Trouble(f"that `{name}` has {count.shown} lines", f"it has {len(found)}")
        every = expect.Text(wanted.get("line", "{*}"))
        strange = next((line for line in found if not every.fits(line)), None)
        if strange is not None:
            raise Trouble(f"that each line of `{name}` is like `{every.shown}`", f"`{strange}`")
        self.seen.append(f"stores {name}")

    def _hint(self, trouble: Trouble, code: str) -> str:
        said = "\n".join([*self.output, trouble.came])
        for hint in self._declared.get("hint", []):
            if _found(hint, said, code):
                return str(hint["say"])
        if code == (self._lesson.folder / "start.py").read_text() and (asked := lessons.todo(code)):
            return "main.py is still the start: " + "; ".join(asked)
        return next((str(hint["say"]) for hint in _common() if _found(hint, said, code)), "")


def _found(hint: dict[str, Any], said: str, code: str) -> bool:
    return all(re.search(hint[key], text, re.M) for key, text in (("came", said), ("code", code)) if key in hint)


def _common() -> Iterator[dict[str, Any]]:
    """The mistakes that happen in every lesson."""
    yield from tomllib.loads((lessons.LESSONS / "hints.toml").read_text())["hint"]


def _asked(step: dict[str, Any]) -> str:
    parts = [f"status {step.get('status', 200)}"]
    if "json" in step:
        parts.append(f"JSON like `{expect.HOLE.sub(expect.said, json.dumps(step['json']))}`")
    if "type" in step:
        parts.append(f"the type {step['type']}")
    parts += [f"`{text}` in it" for text in step.get("contains", [])]
    parts += [f"the line `{expect.Text(line).shown}`" for line in step.get("stream", [])]
    return ", ".join(parts)


def _answer(url: str, data: bytes | None, step: dict[str, Any], patience_s: float) -> str | None:
    """None if it is what the step expects, else what came."""
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"} if "send" in step else {})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=patience_s) as answer:
            if "stream" in step:
                return _stream(answer, step["stream"], patience_s)
            status, kind, body = answer.status, answer.headers.get_content_type(), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, kind, body = error.code, error.headers.get_content_type(), error.read()
    except (OSError, ValueError) as error:
        return f"no answer ({getattr(error, 'reason', error)})"
    text = body.decode(errors="replace")
    if status != step.get("status", 200):
        return f"status {status}: `{text[:80].strip()}`"
    if "type" in step and kind != step["type"]:
        return f"the type {kind}"
    if "json" in step:
        try:
            return expect.value(step["json"], json.loads(text))
        except ValueError:
            return f"this is no JSON: `{text[:80].strip()}`"
    missing = next((one for one in step.get("contains", []) if one not in text), None)
    return f"{len(text)} characters without `{missing}`" if missing is not None else None


def _stream(answer: Any, wanted: list[str], patience_s: float) -> str | None:
    """None if these lines come, in this order; `answer` goes on for ever."""
    came: list[str] = []
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline and len(came) < MOST_LINES:
        line = answer.readline()
        if not line:
            break
        came.append(line.decode(errors="replace").strip()[:MOST_CHARACTERS])
        if expect.lines(wanted, came) is None:
            return None
    wrong = expect.lines(wanted, came)
    return wrong and f"without {wrong[0]}: {wrong[1]}"
