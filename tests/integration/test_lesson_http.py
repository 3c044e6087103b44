"""Lesson 4 as its README says it: what curl asks is answered as it shows."""

import shlex
import time
import urllib.request
from pathlib import Path

from fleet_tools import workshop_lessons as lessons
from fleet_tools.workshop_run import Program
from support.workshop import CHECK_DOES, NUMBER, blocks, port_8000, typed

LESSON = lessons.find("http")


def test_what_curl_is_told_to_ask_is_answered_as_the_readme_shows(tmp_path: Path) -> None:
    assert [line for line in typed(LESSON) if line not in CHECK_DOES] == typed(LESSON, "curl")
    LESSON.lay("solution.py", tmp_path)
    program = Program(tmp_path, tmp_path / "log", heap="256k")
    with port_8000():
        program.start()
        try:
            deadline = time.monotonic() + 30
            for line, shown in zip(typed(LESSON, "curl"), blocks(LESSON.readme, "output")[1], strict=True):
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
