"""What a stick is asked for, and what stands in its files before anything is downloaded."""

import subprocess
from pathlib import Path

import pytest

from fleet_tools import cli
from fleet_tools import workshop_stick as stick


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["--platforms", "amiga"],
            "there is no platform 'amiga': here, linux-x86_64, linux-arm64, macos-arm64, or all",
        ),
        (["--platforms", "all", "--python", "3"], "'3' is no version of Python, such as 3.13"),
    ],
)
def test_what_it_does_not_know_is_told_before_anything_is_written(
    words: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["workshop", "stick", str(tmp_path / "stick"), *words]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "stick").exists()


def test_it_takes_what_make_workshop_installs_and_every_version_is_pinned() -> None:
    wanted = stick.requirements()
    assert all("==" in one for one in wanted if one != stick.BUILDS_TOO), wanted
    assert {"click", "microdot", "hatchling", "mpremote"} <= {one.split("==")[0] for one in wanted}
    makefile = (stick.ROOT / "Makefile").read_text()
    for name in stick.OPTIONAL:
        assert f":all: {name} " in makefile or f":all: {name}|" in makefile, name


def test_the_installer_is_plain_sh(tmp_path: Path) -> None:
    (tmp_path / "install.sh").write_text(stick.INSTALL)
    subprocess.run(["sh", "-n", str(tmp_path / "install.sh")], check=True)
    (tmp_path / "there").mkdir()
    done = subprocess.run(
        ["sh", str(tmp_path / "install.sh"), str(tmp_path / "there")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "is there already. Name another folder" in done.stdout
    assert list((tmp_path / "there").iterdir()) == []


def test_firmware_that_somebody_put_there_stays(tmp_path: Path) -> None:
    stick.firmware(tmp_path / "firmware")
    (tmp_path / "firmware" / "RPI_PICO_W.uf2").write_bytes(b"uf2")
    stick.firmware(tmp_path / "firmware")
    assert (tmp_path / "firmware" / "RPI_PICO_W.uf2").read_bytes() == b"uf2"
    text = (tmp_path / "firmware" / "README.txt").read_text()
    boards = (stick.ROOT / "docs" / "boards.md").read_text()
    for name in ("RPI_PICO_W", "RPI_PICO2_W", "ESP32_GENERIC", "SPIRAM"):
        assert name in text
        assert name in boards
