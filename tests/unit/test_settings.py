"""Where the broker, the base and the dashboard of a verb come from, and what is said of a bad value."""

import json
import os
from pathlib import Path

import pytest

from fleet_tools import settings
from fleet_tools.errors import FleetError


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def load(folder: Path, env: dict[str, str] | None = None, **flags: str) -> settings.Settings:
    return settings.load(**flags, env={"HOME": str(folder / "home"), **(env or {})}, folder=folder)


def test_each_source_gives_way_to_the_one_before_it(tmp_path: Path) -> None:
    assert load(tmp_path).broker == "mqtt://127.0.0.1:1883"
    write(tmp_path / "home/.config/sensor-fleet/config.toml", 'broker = "mqtt://own"')
    assert load(tmp_path).broker == "mqtt://own"
    write(tmp_path / ".demo/fleet.toml", f'broker = "mqtt://demo"\npid = {os.getpid()}')
    assert load(tmp_path).broker == "mqtt://demo"
    write(tmp_path / "fleet.toml", 'broker = "mqtt://folder"')
    assert load(tmp_path).broker == "mqtt://folder"
    assert load(tmp_path, {"FLEET_BROKER": "mqtt://env"}).broker == "mqtt://env"
    found = load(tmp_path, {"FLEET_BROKER": "mqtt://env"}, broker="mqtt://flag")
    assert found.broker == "mqtt://flag"
    assert found.origin["broker"] == "given on the command line"
    assert found.origin["base"] == "by default"


def start_class(folder: Path, name: str, pid: int) -> dict[str, str]:
    """As `fleet class start` leaves it; returns the environment in which it is found."""
    write(folder / name / "running.json", json.dumps({"pid": pid}))
    write(folder / name / "credentials/tools/sensor-fleet/config.toml", f'broker = "mqtt://{name}"\nbase = "{name}"')
    return {"FLEET_CLASSES": str(folder)}


def test_the_class_that_runs_on_this_computer_is_meant_unless_there_are_two(tmp_path: Path) -> None:
    env = start_class(tmp_path / "classes", "3b", os.getpid())
    found = load(tmp_path, env)
    assert (found.broker, found.base) == ("mqtt://3b", "3b")
    assert found.origin["broker"] == "from class 3b, which runs on this computer"
    start_class(tmp_path / "classes", "4a", os.getpid())
    assert load(tmp_path, env).broker == "mqtt://127.0.0.1:1883"


def test_a_class_that_was_killed_is_not_asked(tmp_path: Path) -> None:
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    assert load(tmp_path, start_class(tmp_path / "classes", "3b", child)).broker == "mqtt://127.0.0.1:1883"


def test_a_demo_that_was_killed_is_not_asked(tmp_path: Path) -> None:
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    write(tmp_path / ".demo/fleet.toml", f'broker = "mqtt://demo"\npid = {child}')
    assert load(tmp_path).broker == "mqtt://127.0.0.1:1883"


def test_xdg_config_home_is_obeyed(tmp_path: Path) -> None:
    write(tmp_path / "xdg/sensor-fleet/config.toml", 'base = "class3b"')
    assert load(tmp_path, {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}).base == "class3b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("broker = ", "not TOML"),
        ("broker = 7", "broker in"),
        ('base = "Class 3b"', "Class 3b"),
        ('protocol = "4"', "3.1.1"),
    ],
)
def test_a_bad_file_is_one_sentence_that_names_what_is_wrong(tmp_path: Path, text: str, expected: str) -> None:
    write(tmp_path / "fleet.toml", text)
    with pytest.raises(FleetError) as refusal:
        load(tmp_path)
    assert expected in str(refusal.value)
    assert refusal.value.code == 2


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(FleetError, match=r"fleet\.toml cannot be read"):
        load(tmp_path)
