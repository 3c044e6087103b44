"""The config.json of a lesson with a broker: both its forms, what is wrong with it, and its names in check.toml."""

import json
from pathlib import Path
from typing import Any

import pytest

from fleet_tools.workshop_mqtt import Config
from fleet_tools.workshop_run import Trouble


def config(folder: Path, **told: Any) -> Config:
    (folder / "config.json").write_text(json.dumps(told))
    return Config(folder)


def test_host_and_port_stand_at_the_top_or_in_broker(tmp_path: Path) -> None:
    assert config(tmp_path, node="kim", host="10.0.0.9", port=1884).url == "mqtt://10.0.0.9:1884"
    broker = {"host": "10.0.0.9", "port": 1884, "user": "kim", "password": "secret"}
    inside = config(tmp_path, node="kim", broker=broker)
    assert inside.url == "mqtt://kim:secret@10.0.0.9:1884"
    assert inside.http == 8080
    assert not inside.is_ours


def test_the_port_of_the_checks_broker_is_written_where_the_program_reads_it(tmp_path: Path) -> None:
    for told in ({"host": "localhost", "port": 1883}, {"broker": {"host": "127.0.0.1", "port": 1883}}):
        one = config(tmp_path, node="kim", **told)
        assert one.is_ours
        one.move(5)
        again = json.loads((tmp_path / "config.json").read_text())
        assert again.get("broker", again)["port"] == 5
        assert Config(tmp_path).port == 5


def test_its_names_stand_in_texts_and_numbers_stay(tmp_path: Path) -> None:
    one = config(tmp_path, node="kim", name="Kim", host="localhost", port=1)
    assert one.fill({"{base}/1/{node}": ["{name}", 3, "{n}", "{1..2}"]}) == {"fleet/1/kim": ["Kim", 3, "{n}", "{1..2}"]}
    assert config(tmp_path, node="kim", base="3b", host="localhost", port=1).fill("{base} {name}") == "3b kim"


@pytest.mark.parametrize(
    ("text", "came"),
    [
        (None, "it is not there"),
        ("{", "Expecting property name"),
        ("[]", "list"),
        ('{"node": "kim", "port": 1}', "there is no 'host' in it"),
        ('{"host": "localhost", "port": 1}', "there is no 'node' in it"),
        ('{"node": "kim", "host": "localhost", "port": "x"}', "invalid literal for int"),
    ],
)
def test_what_is_wrong_with_it_is_said(tmp_path: Path, text: str | None, came: str) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(Trouble) as told:
        Config(tmp_path)
    assert came in told.value.came
    assert "--again" in told.value.hint
