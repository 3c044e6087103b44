"""Is this computer ready: each missing part is named with its fix; what no lesson needs does not stop anybody."""

import socket
import sys
from pathlib import Path

import pytest

from fleet_tools import workshop_doctor as doctor


def test_what_the_lessons_need_is_what_the_project_says() -> None:
    assert {"microdot", "pytest"} <= set(doctor.of_the_lessons())
    assert "playwright" not in doctor.of_the_lessons()
    assert doctor.packages().state == "ok"


def test_a_package_that_is_missing_is_named() -> None:
    check = doctor.packages(("microdot", "no-such-package"))
    assert (check.state, check.text, check.fix) == ("bad", "not installed: no-such-package", "make workshop")


def test_a_port_that_is_taken_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setattr(doctor, "PORT", other.getsockname()[1])
        check = doctor.port()
    assert check.state == "warn"
    assert "another program has it" in check.text
    assert "Ctrl-C there" in check.fix


def test_a_computer_without_a_board_is_ready_for_the_first_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_PORTS", "")
    assert "the first part needs none" in doctor.boards().text or doctor.boards().text.startswith("/dev/")


def test_a_board_that_may_not_be_opened_is_told_with_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_PORTS", "/dev/ttyNONE0")
    check = doctor.boards()
    assert check.state == "warn"
    assert "dialout" in check.fix


def test_the_environment_is_active_if_its_micropython_comes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    beside = Path(sys.executable).parent
    if not (beside / "micropython").exists():
        pytest.skip("this environment has no micropython")
    monkeypatch.setenv("PATH", str(beside))
    assert doctor.active()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not doctor.active()
