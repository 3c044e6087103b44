"""Every lesson of the workshop on the PC: its start is told what is missing, its solution passes in little and in
much memory, and what learners get wrong is told in a sentence of its own."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_tools import workshop_lessons as lessons
from support.workshop import CHECK_DOES, LESSONS, NUMBER, Learner, Told, blocks, check, fleet, mistakes, typed

each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
TRANSCRIPT = Path(__file__).parents[1] / "artifacts" / "workshop.md"


@pytest.fixture(scope="module")
def learner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Learner]:
    """One who goes through all lessons in their order; what they were told is in tests/artifacts/workshop.md."""
    learner = Learner(tmp_path_factory.mktemp("learner"))
    yield learner
    TRANSCRIPT.parent.mkdir(exist_ok=True)
    TRANSCRIPT.write_text(learner.transcript)


@each_lesson
def test_a_learner_is_told_what_is_missing_and_what_is_wrong_until_it_is_right(
    learner: Learner, lesson: lessons.Lesson
) -> None:
    assert f"Lesson {lesson.number}: {lesson.title}" in learner.begins(lesson)
    told = Told.of(learner.checks())
    assert told.expected, "the start passes"
    assert told.came
    assert len(told.hint.split()) > 5, told
    for mistake in mistakes(lesson):
        learner.writes_the_solution_but(mistake["was"], mistake["now"])
        told = Told.of(learner.checks())
        assert mistake["came"] in told.came
        assert mistake["hint"] in told.hint
    learner.writes_the_solution_but("", "")
    assert "Well done." in learner.checks("--heap 2m", code=0), "in much memory"


@each_lesson
def test_the_solution_passes_in_little_memory_and_its_readme_shows_what_comes(
    lesson: lessons.Lesson, tmp_path: Path
) -> None:
    checked, trouble = check(lesson, "solution.py", tmp_path)
    assert trouble is None
    shown = [NUMBER.sub("#", line) for line in blocks(lesson.readme, "output")[0]]
    rest = iter([NUMBER.sub("#", line) for line in checked.output])
    assert [line for line in shown if line not in rest] == [], f"what came: {checked.output}"


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


@each_lesson
def test_what_a_readme_says_to_type_is_typed_by_a_test(lesson: lessons.Lesson) -> None:
    others = [line for line in typed(lesson) if line not in CHECK_DOES]
    own = Path(__file__).with_name(f"test_lesson_{lesson.name.split('-', 1)[1]}.py")
    assert not others or own.is_file(), f"nobody types {others}"
