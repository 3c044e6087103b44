"""The lessons as they lie in workshop/lessons, and the learner's folder. Owns what is copied where, and who is how far.

workshop/lessons/02-tasks/   README.md  start.py  solution.py  check.toml  mistakes.toml  and what else it alone needs
workshop/lessons/parts/      files of several lessons: check.toml names those that it wants beside its main.py
workshop/projects/1-shake/   the same for what comes after the lessons; a project has a name, and is not in the row
my-workshop/02-tasks/        README.md  main.py (the start, and then the learner's)  and what else
my-workshop/progress.json    {"begun": "02-tasks", "done": ["01-hello"]}
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet_tools import fetch_htmx
from fleet_tools.errors import USAGE, FleetError
from fleet_tools.fetch import NODE, FetchError, fetch
from fleet_tools.words import did_you_mean

LESSONS = NODE.parent / "workshop" / "lessons"
PROJECTS = LESSONS.parent / "projects"
OURS = ("README.md", "start.py", "solution.py", "check.toml", "mistakes.toml")
# package -> its files that MicroPython needs; they are copied beside main.py from where pip has installed it, or from
# node/lib, where `python -m fleet_tools.fetch` puts what pip cannot install
PACKAGES = {
    "microdot": ("__init__.py", "microdot.py", "helpers.py", "sse.py"),
    "umqtt": ("simple.py",),
    "ahtx0": ("ahtx0.py",),
}
SIM = "sim"  # the part that is node/sim: simulated pins and chips, without what only the node's own tests need
NOT_OF_SIM = ("network.py", "witness.py", "script.py", "director.py", "st7789.py", "bm8563.py", "__pycache__")
PROGRESS = "progress.json"
WORDS_A_MINUTE = 180  # of a text with code in it


@dataclass(frozen=True)
class Lesson:
    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def number(self) -> int:
        return int(self.name.split("-")[0])

    @property
    def is_project(self) -> bool:
        return self.folder.parent == PROJECTS

    @property
    def asked(self) -> str:
        """What is typed for it: 2, shake."""
        return self.name.split("-", 1)[1] if self.is_project else str(self.number)

    @property
    def check(self) -> dict[str, Any]:
        return tomllib.loads((self.folder / "check.toml").read_text())

    @property
    def program(self) -> str:
        """What is started: the learner's main.py, or what runs it."""
        return str(self.check.get("program", "main.py"))

    @property
    def readme(self) -> str:
        return (self.folder / "README.md").read_text()

    @property
    def title(self) -> str:
        """The heading of its README without the number."""
        return self.readme.splitlines()[0].lstrip("# ").split(". ", 1)[-1]

    @property
    def code_lines(self) -> int:
        """Of the solution, without blank ones and comments."""
        text = (self.folder / "solution.py").read_text()
        return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith("#"))

    @property
    def reading_min(self) -> float:
        return round(len(self.readme.split()) / WORDS_A_MINUTE, 1)

    def lay(self, program: str, target: Path) -> None:
        """The lesson in `target`, with start.py or solution.py as its main.py. A main.py that is the learner's stays
        beside it, as main.old.py, main.old2.py and so on."""
        target.mkdir(parents=True, exist_ok=True)
        main = target / "main.py"
        ours = [(self.folder / name).read_text() for name in ("start.py", "solution.py")]
        if main.exists() and main.read_text() not in ours:
            olds = (target / f"main.old{number or ''}.py" for number in (0, *range(2, 1000)))
            main.replace(next(old for old in olds if not old.exists()))
        main.write_text((self.folder / program).read_text())
        shutil.copy(self.folder / "README.md", target)
        for extra in self.folder.iterdir():
            if extra.is_file() and extra.name not in OURS:
                shutil.copy(extra, target)
        for part in self.check.get("parts", []):
            copy_part(part, target)
        for package in self.check.get("packages", []):
            copy_package(package, target)
        for name in self.check.get("htmx", []):
            copy_htmx(name, target)


def copy_part(name: str, target: Path) -> None:
    """A file or a folder that several lessons need."""
    source = NODE / "sim" if name == SIM else LESSONS / "parts" / name
    if source.is_dir():
        without = shutil.ignore_patterns(*NOT_OF_SIM)
        shutil.copytree(source, target / name, ignore=without, dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


def copy_package(name: str, target: Path) -> None:
    """The files of an installed package that MicroPython needs; FleetError if it is not there. "node" is our own."""
    if name == "node":
        return _copy_node(target)
    source, place = _installed(name, target)
    place.mkdir(exist_ok=True)
    for file in PACKAGES[name]:
        shutil.copy(source / file, place)


def _installed(name: str, target: Path) -> tuple[Path, Path]:
    """Where its files are, and where they belong: a package in a folder of its own, a single file beside main.py."""
    if name == "umqtt":
        try:
            fetch()
        except FetchError as error:
            raise FleetError(str(error)) from None
        return NODE / "lib" / name, target / name
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise FleetError(
            f"this lesson needs {name}: .venv/bin/pip install -c constraints.txt -e '.[workshop]', and start it again"
        )
    return Path(spec.origin).parent, target / name if spec.submodule_search_locations else target


def _copy_node(target: Path) -> None:
    """What mip puts onto a board, but for main.py and what goes with it; and the simulated chips of a PC."""
    urls = json.loads((NODE / "package.json").read_text())["urls"]
    for file, _ in urls:
        if "/" in file:
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(NODE / file, target / file)
    shutil.copytree(NODE / "sim", target / "sim", dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


def copy_htmx(name: str, target: Path) -> None:
    """A file of `python -m fleet_tools.fetch_htmx`, which fetches it if it is not here yet."""
    try:
        shutil.copy(fetch_htmx.fetch() / name, target)
    except FetchError as error:
        raise FleetError(str(error)) from None


def every() -> list[Lesson]:
    if not LESSONS.is_dir():
        raise FleetError("the lessons are not here: the workshop needs the whole repository, not only the package")
    return [Lesson(path) for path in sorted(LESSONS.glob("[0-9][0-9]-*")) if path.is_dir()]


def projects() -> list[Lesson]:
    """What a learner may go on with, in no order."""
    return [Lesson(path) for path in sorted(PROJECTS.glob("[0-9]-*")) if path.is_dir()]


def find(asked: str) -> Lesson:
    """By its number or its name: 2, 02, tasks, 02-tasks; a project by its name: shake, 1-shake."""
    lessons = every()
    known = [*lessons, *projects()]
    for lesson in known:
        names = {lesson.name, lesson.name.split("-", 1)[1]}
        if asked in names or (asked.isdigit() and int(asked) == lesson.number and not lesson.is_project):
            return lesson
    hint = did_you_mean(asked, [lesson.name.split("-", 1)[1] for lesson in known])
    raise FleetError(f"there is no lesson {asked!r}{hint or f'; there are 1 to {lessons[-1].number}'}", USAGE)


def nearest(name: str) -> Path:
    """The learner's folder that was begun here or above, for who is inside of a lesson; else ./name."""
    here = Path.cwd()
    for above in (here, *here.parents):
        for folder in (above / name, above):
            if (folder / PROGRESS).is_file() and folder.name == name:
                return Path(os.path.relpath(folder))
    return Path(name)


class Desk:
    """The learner's folder: what was begun, what is done, and where each lesson lies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / PROGRESS
        try:
            told = json.loads(self._file.read_text())
        except (OSError, ValueError):
            told = {}
        self.begun: str | None = told.get("begun")
        self.done: list[str] = list(told.get("done", []))

    def place(self, lesson: Lesson) -> Path:
        return self.folder / lesson.name

    def begin(self, lesson: Lesson) -> bool:
        """False if it lies there already: what a learner wrote stays."""
        fresh = not (self.place(lesson) / "main.py").exists()
        if fresh:
            lesson.lay("start.py", self.place(lesson))
        self.begun = lesson.name
        self._save()
        return fresh

    def again(self, lesson: Lesson) -> None:
        lesson.lay("start.py", self.place(lesson))
        self.begun = lesson.name
        self._save()

    def solve(self, lesson: Lesson) -> None:
        """Whoever jumps over a lesson finds its solution in its place."""
        lesson.lay("solution.py", self.place(lesson))

    def passed(self, lesson: Lesson) -> None:
        if lesson.name not in self.done:
            self.done.append(lesson.name)
            self._save()

    def next(self) -> Lesson:
        """The first that is not done, from the one that was begun last on: who has jumped goes on from there.
        Then those that were jumped over; the last if all are done."""
        lessons = every()
        names = [one.name for one in lessons]
        at = names.index(self.begun) if self.begun in names else 0
        return next((one for one in lessons[at:] + lessons[:at] if one.name not in self.done), lessons[-1])

    def current(self) -> Lesson:
        return find(self.begun) if self.begun else self.next()

    def state(self, lesson: Lesson) -> str:
        if lesson.name in self.done:
            return "done"
        return "begun" if (self.place(lesson) / "main.py").exists() else ""

    def _save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps({"begun": self.begun, "done": self.done}) + "\n")


def todo(program: str) -> list[str]:
    """What a start asks for: the texts of its TODO comments."""
    return re.findall(r"#\s*TODO:?\s*(.+)", program)
