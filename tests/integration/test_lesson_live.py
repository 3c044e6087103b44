"""Lesson 7 as its README says it: the stream that curl shows, and what a viewer that is gone leaves behind."""

import gzip
import hashlib
import socket
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from fleet_tools import fetch_htmx
from fleet_tools import workshop_lessons as lessons
from fleet_tools.fetch import FetchError
from fleet_tools.workshop_run import Program
from support.workshop import CHECK_DOES, NUMBER, blocks, port_8000, typed

LESSON = lessons.find("live")
WAIT_S = 30


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("live")
    LESSON.lay("solution.py", folder)
    program = Program(folder, folder.with_suffix(".log"), heap="256k")
    with port_8000():
        program.start()
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", 8000), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, program.lines
                time.sleep(0.05)
        yield program
        program.stop()


def look(address: str, count: int) -> list[str]:
    """As curl -N does it, and then Ctrl-C."""
    with urllib.request.urlopen(address, timeout=WAIT_S) as answer:
        return [answer.readline().decode().rstrip("\n") for _ in range(count)]


def test_curl_shows_the_stream_that_the_readme_shows(program: Program) -> None:
    others = [line for line in typed(LESSON) if line not in CHECK_DOES]
    assert [line.split()[:2] for line in others] == [["curl", "-N"]], others
    shown = blocks(LESSON.readme, "output")[1]
    came = look(others[0].split()[2], len(shown))

    def shape(lines: list[str]) -> list[str]:
        """However many points there are: the first reading may not have a second yet."""
        return [NUMBER.sub("#", line).replace("#,# #,#", "#,#").replace("#,# #,#", "#,#") for line in lines]

    assert shape(came) == shape(shown)


def test_viewers_that_went_away_cost_nothing(program: Program) -> None:
    for _ in range(12):
        assert look("http://127.0.0.1:8000/live", 1) == ["event: temp"]
    for name in ("htmx.min.js", "sse.min.js"):
        with urllib.request.urlopen(f"http://127.0.0.1:8000/{name}", timeout=WAIT_S) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert len(gzip.decompress(answer.read())) > 2000
    assert program.running
    assert program.error is None


def test_the_libraries_are_the_pinned_ones_and_others_are_refused(tmp_path: Path) -> None:
    for name, (_, digest) in fetch_htmx.FILES.items():
        packed = (fetch_htmx.fetch() / name).read_bytes()
        assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == digest
    with ZipFile(tmp_path / "other.whl", "w") as wheel:
        wheel.writestr(fetch_htmx.INSIDE + "htmx-2.min.js", "alert(1)")
    with pytest.raises(FetchError, match=r"htmx-2\.min\.js is not what it was"):
        fetch_htmx.unpack(tmp_path / "other.whl", tmp_path)
    assert not list(tmp_path.glob("*.gz"))


def test_without_a_network_the_fix_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(FetchError, match="PIP_FIND_LINKS to a folder with the wheel of django-htmx"):
        fetch_htmx.fetch(tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())
