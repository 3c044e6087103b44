"""The projects of the workshop as texts: what each must have, how long it is, and how it is found among the lessons."""

import re

import pytest

from fleet_dashboard.challenge import parse
from fleet_tools import workshop_lessons as lessons
from fleet_tools.errors import FleetError

PROJECTS = lessons.projects()
each_project = pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)


@each_project
def test_a_project_has_all_its_parts(project: lessons.Lesson) -> None:
    print(f"{project.name}: {project.code_lines} lines of code, {project.reading_min} min to read")
    assert project.code_lines <= 110
    assert project.reading_min <= 4.5
    assert project.readme.startswith(f"# Project {project.number}. {project.title}\n\n**Idea:** ")
    parts = ["\n## When it is done\n", "```output\n", "\n## Steps\n", "\n## If you see\n", "\n## Go on\n"]
    places = [project.readme.find(part) for part in parts]
    assert -1 not in places, parts
    assert places == sorted(places)
    start = (project.folder / "start.py").read_text()
    steps = re.findall(r"^\*\*\d\. ", project.readme, re.M)
    hints = re.findall(r"<details><summary>A hint</summary>\n\n.+?\n</details>", project.readme, re.S)
    assert 3 <= len(lessons.todo(start)) <= len(steps)
    assert len(hints) >= 3
    assert project.readme.count("<details>") == project.readme.count("</details>") == len(hints)
    assert len(re.findall(r"^\d\. ", project.readme.partition("## Go on")[2], re.M)) == 3
    assert f"fleet workshop check {project.asked}" in project.readme
    assert not lessons.todo((project.folder / "solution.py").read_text())


def test_what_all_projects_begin_with_is_short() -> None:
    text = (lessons.LESSONS / "parts" / "skeleton.py").read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert len(lines) <= 140


def test_the_challenge_of_the_shake_project_is_one() -> None:
    challenge = parse("energy", (lessons.find("shake").folder / "energy.toml").read_text())
    assert challenge.counts([15_000])
    assert not challenge.counts([1_000_000])


def test_a_project_is_found_by_its_name_and_a_number_is_a_lesson() -> None:
    for asked in ("shake", "1-shake"):
        assert lessons.find(asked).name == "1-shake"
    assert lessons.find("1").name == "01-hello"
    assert [one.asked for one in PROJECTS] == ["shake", "alarm", "blackbox"]
    with pytest.raises(FleetError, match='did you mean "shake"'):
        lessons.find("shakes")


def test_the_page_of_the_projects_names_every_one() -> None:
    page = (lessons.PROJECTS / "README.md").read_text()
    for project in PROJECTS:
        assert f"]({project.name}/README.md)" in page
