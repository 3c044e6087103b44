"""What a lesson expects, in texts and JSON, and the sentences that say what came instead; the learner's folder."""

from pathlib import Path
from typing import Any

import pytest

from fleet_tools import workshop_expect as expect
from fleet_tools import workshop_lessons as lessons
from fleet_tools.errors import FleetError


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("blink {n}", "blink 7"),
        ("temp {18..26} C", "temp 21.5 C"),
        ("temp {-5..0} C", "temp -2.5 C"),
        ("{*} on {*}", "it runs on linux"),
        ("{*}done", "done"),
        ("a (b) [c] {d}", "a (b) [c] {d}"),
        ("at the end", "  at the end \r"),
    ],
)
def test_a_text_that_fits(pattern: str, text: str) -> None:
    assert expect.Text(pattern).fits(text)


def test_a_wrong_number_is_told_and_another_text_is_another_text() -> None:
    text = expect.Text("temp {18..26} C")
    assert text.problem("temp 98.6 C") == "98.6 is not from 18 to 26"
    assert text.problem("temp hot C") is None
    assert text.problem("temp 20.99926 C") == ""
    assert expect.Text("temp {18.0..26.0} C").problem("temp 20.99926 C") == "20.99926 has more than 1 decimal"
    assert expect.Text("temp {18.0..26.0} C").fits("temp 21 C")
    assert text.problem("the temp 20 C") is None
    assert text.shown == "temp <18 to 26> C"


def test_lines_come_in_order_with_others_between() -> None:
    came = ["begin", "noise", "blink 1", "end"]
    assert expect.lines(["begin", "blink {n}", "end"], came) is None
    assert expect.lines([], []) is None


@pytest.mark.parametrize(
    ("came", "sentence"),
    [
        ([], "nothing at all"),
        (["begin"], "nothing after it; before it: `begin`"),
        (["begin", "blink 1"], "`blink 1`"),
        (["end", "begin"], "`end`, but before `begin`"),
    ],
)
def test_what_came_instead_is_a_sentence(came: list[str], sentence: str) -> None:
    wrong = expect.lines(["begin", "end"], came)
    assert wrong is not None
    assert wrong[1] == sentence


@pytest.mark.parametrize(
    ("expected", "came", "wrong"),
    [
        ({"n": "{1..9}"}, {"n": 3, "more": 1}, None),
        ({"n": "{1..9}"}, {"n": 0}, "`n` is `0`, and 0 is not from 1 to 9"),
        ({"n": "{n}"}, {"n": None}, "`n` is `null`, and should be a number: <number>"),
        ({"n": "{n}"}, {"n": True}, "`n` is `true`, and should be a number: <number>"),
        ({"n": 1}, {}, "the answer has no 'n': it is `{}`"),
        ({"n": 1}, [1], "the answer is `[1]`, and should be an object with 'n'"),
        ([{"n": "{n}"}], [{"n": 1}, {"n": 2}], None),
        ([{"n": "{n}"}], [{"n": 1}, {}], "`[1]` has no 'n': it is `{}`"),
        (["a", "{n}"], ["a", 1], None),
        (["a", "{n}"], ["a"], 'the answer is `["a"]`, and should have 2 values'),
        ({"u": ["Cel", "x"]}, {"u": ["C", "x"]}, '`u[0]` is `"C"`, and should be `"Cel"`'),
        ([1], [], "the answer is `[]`, and should be a list with something in it"),
        ({"a": {"b": "x{*}"}}, {"a": {"b": "xyz"}}, None),
        ({"a": {"b": "x"}}, {"a": {"b": "y"}}, '`a.b` is `"y"`, and should be `"x"`'),
    ],
)
def test_json(expected: Any, came: Any, wrong: str | None) -> None:
    assert expect.value(expected, came) == wrong


def test_a_lesson_is_found_by_number_and_name() -> None:
    for asked in ("2", "02", "tasks", "02-tasks"):
        assert lessons.find(asked).name == "02-tasks"
    with pytest.raises(FleetError, match='did you mean "tasks"'):
        lessons.find("taks")


def test_what_a_learner_wrote_is_never_lost(tmp_path: Path) -> None:
    desk = lessons.Desk(tmp_path)
    lesson = lessons.find("1")
    main = desk.place(lesson) / "main.py"
    assert desk.begin(lesson)
    main.write_text("mine")
    assert not desk.begin(lesson), "it is there already"
    assert main.read_text() == "mine"
    desk.again(lesson)
    assert main.with_name("main.old.py").read_text() == "mine"
    assert main.read_text() == (lesson.folder / "start.py").read_text()
    desk.again(lesson)
    main.write_text("mine again")
    desk.solve(lesson)
    kept = {path.name: path.read_text() for path in main.parent.glob("main.old*")}
    assert kept == {"main.old.py": "mine", "main.old2.py": "mine again"}


def test_the_next_lesson_is_the_first_that_is_not_done(tmp_path: Path) -> None:
    desk = lessons.Desk(tmp_path)
    assert desk.next().number == 1
    desk.passed(lessons.find("1"))
    desk.passed(lessons.find("3"))
    assert lessons.Desk(tmp_path).next().number == 2, "remembered"


def test_who_has_jumped_goes_on_from_there_and_then_comes_what_was_jumped_over(tmp_path: Path) -> None:
    desk = lessons.Desk(tmp_path)
    desk.begin(lessons.find("14"))
    assert desk.next().number == 14, "begun, and not done"
    desk.passed(lessons.find("14"))
    assert desk.next().number == 15
    desk.passed(lessons.find("15"))
    assert desk.next().number == 1


LESSONS = lessons.every()


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_lesson_is_short_and_has_all_its_parts(lesson: lessons.Lesson) -> None:
    print(f"{lesson.name}: {lesson.code_lines} lines of code, {lesson.reading_min} min to read")
    assert lesson.code_lines <= 40
    assert lesson.reading_min <= 3
    assert lesson.readme.startswith(f"# {lesson.number}. {lesson.title}\n\n**Goal:** ")
    for part in ("```output\n", "## If you see\n", "## Challenge\n"):
        assert part in lesson.readme, part
    page = (lesson.folder / "index.html").read_text() if (lesson.folder / "index.html").exists() else ""
    assert len(page.partition("<script>")[2].splitlines()) <= 40
    assert lessons.todo((lesson.folder / "start.py").read_text()), "the start asks for nothing"
    assert not lessons.todo((lesson.folder / "solution.py").read_text())


def test_the_files_that_lessons_share_are_the_same(tmp_path: Path) -> None:
    for lesson in LESSONS:
        lesson.lay("start.py", tmp_path / lesson.name)
    for name in ("wifi.py", "fake_sensor.py"):
        texts = [file.read_text() for file in tmp_path.glob(f"*/{name}")]
        assert len(texts) > 1, name
        assert len(set(texts)) == 1, name


def test_the_table_of_the_workshop_names_every_lesson() -> None:
    page = (lessons.LESSONS.parent / "README.md").read_text()
    for lesson in LESSONS:
        assert f"](lessons/{lesson.name}/README.md)" in page


def test_the_learners_folder_is_found_from_inside_of_a_lesson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert lessons.nearest("my-workshop") == Path("my-workshop"), "there is none yet"
    desk = lessons.Desk(lessons.nearest("my-workshop"))
    desk.begin(lessons.find("1"))
    assert lessons.nearest("my-workshop") == Path("my-workshop")
    monkeypatch.chdir(tmp_path / "my-workshop" / "01-hello")
    assert lessons.nearest("my-workshop") == Path("..")
    assert lessons.Desk(lessons.nearest("my-workshop")).begun == "01-hello"
