"""The `fleet` command without a broker: help, typing mistakes, exit codes."""

import json
import subprocess
import sys

import pytest

from fleet_tools import cli
from support.broker import free_port

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    monkeypatch.setenv("FLEET_BROKER", f"mqtt://127.0.0.1:{free_port()}")
    monkeypatch.delenv("FLEET_DASHBOARD", raising=False)


def test_help_names_every_verb_and_every_exit_code(capsys: Capture) -> None:
    assert cli.run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert [verb for verb in cli.VERBS if f"\n  {verb} " not in shown] == []
    assert "4 nobody answered" in shown


@pytest.mark.parametrize("verb", list(cli.VERBS))
def test_every_verb_has_help(verb: str, capsys: Capture) -> None:
    assert cli.run([verb, "--help"]) == 0
    assert f"Usage: fleet {verb}" in capsys.readouterr().out


def test_help_loads_neither_paho_nor_rich() -> None:
    code = (
        "import sys; from fleet_tools import cli; cli.run(['--help']); "
        "print([name for name in ('paho', 'rich', 'asyncio', 'requests') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["lss"], 'did you mean "ls"?'),
        (["buzz"], "--all"),
        (["buzz", "--all", "ada"], "every node already"),
        (["send", "buzz", "--group", "RED"], "'RED' is not a group"),
        (["send"], "missing argument"),
        (["watch", "-n", "0"], "-n"),
        (["ls", "--base", "Klasse 3"], "Klasse 3"),
        (["ls", "--broker", "http://x"], "mqtt://"),
        (["sim", "up", "many"], "'many'"),
        (["sim", "up", "1", "--prefix", "Sim_"], "'Sim_1' is not a node id"),
        (["deploy", "--class", "nowhere"], "there is no class 'nowhere'"),
        (["completion", "tcsh"], "tcsh"),
    ],
)
def test_wrong_usage_is_one_sentence_and_code_2(typed: list[str], expected: str, capsys: Capture) -> None:
    assert cli.run(typed) == 2
    said = capsys.readouterr()
    assert expected in said.err
    assert said.out == ""
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "typed",
    [["ls"], ["info", "ada"], ["watch"], ["buzz", "--all"], ["identify", "ada"], ["send", "echo", "hi", "--all"]],
)
def test_no_broker_is_code_5_with_the_way_out(typed: list[str], capsys: Capture) -> None:
    assert cli.run(typed) == 5
    said = capsys.readouterr()
    assert "no broker at mqtt://127.0.0.1:" in said.err
    assert "fleet demo" in said.err
    assert said.out == ""


def test_doctor_without_a_broker_still_checks_the_computer(capsys: Capture) -> None:
    assert cli.run(["doctor", "--json"]) == 5
    document = json.loads(capsys.readouterr().out)
    states = {check["name"]: check["state"] for check in document["checks"]}
    assert document["version"] == 1
    assert states["python"] == "ok"
    assert states["broker"] == "bad"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(shell: str, capsys: Capture) -> None:
    assert cli.run(["completion", shell]) == 0
    assert "_FLEET_COMPLETE" in capsys.readouterr().out
