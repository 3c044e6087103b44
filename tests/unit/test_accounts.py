"""`fleet accounts`: what it writes, that it keeps what it wrote, and what it says when it cannot."""

import json
import stat
from pathlib import Path

import pytest

from fleet_tools import accounts, cli

# Written by `mosquitto_ctrl dynsec init FILE admin secret` of mosquitto 2.0.21.
MADE_BY_MOSQUITTO = {
    "username": "admin",
    "password": "h6FkU1c1R7gBkStbj0QCQtJFDrHjh6isSUI/l2AVG/HjJAMCHN99+TdySZO/yMCMtau6wAlUI+sKTVNNkUJhYA==",
    "salt": "lwfkCaanZmfhvMja",
    "iterations": 101,
}


def init(folder: Path, *more: str) -> int:
    return cli.run(["accounts", "init", "--folder", str(folder), *more])


def files(folder: Path) -> dict[Path, tuple[bytes, int]]:
    return {one: (one.read_bytes(), one.stat().st_mtime_ns) for one in folder.rglob("*") if one.is_file()}


def client(folder: Path, name: str) -> dict[str, object]:
    document = json.loads((folder / "dynamic-security.json").read_text())
    return next(one for one in document["clients"] if one["username"] == name)


def test_a_password_is_hashed_as_mosquitto_hashes_it() -> None:
    known = {**MADE_BY_MOSQUITTO, "roles": []}
    account = accounts.Account("admin", "secret", ())
    made = accounts.document([account], {"clients": [known]})["clients"][0]
    assert made["password"] == known["password"], "the right password was taken for a wrong one"
    other = accounts.document([accounts.Account("admin", "wrong", ())], {"clients": [known]})["clients"][0]
    assert other["password"] != known["password"]
    assert other["salt"] != known["salt"]


def test_nothing_is_allowed_that_no_role_allows() -> None:
    access = accounts.document([])["defaultACLAccess"]
    assert access == {
        "publishClientSend": False,
        "publishClientReceive": False,
        "subscribe": False,
        "unsubscribe": True,
    }


def test_a_second_start_changes_no_file(tmp_path: Path) -> None:
    assert init(tmp_path, "--nodes", "3", "--board", "ada") == 0
    before = files(tmp_path)
    assert init(tmp_path, "--nodes", "3", "--board", "ada") == 0
    assert files(tmp_path) == before


def test_a_node_may_send_its_journal_and_hear_of_its_own_stored_readings_only(tmp_path: Path) -> None:
    init(tmp_path, "--board", "ada", "--board", "grace")
    document = json.loads((tmp_path / "dynamic-security.json").read_text())
    rights = {role["rolename"]: {(acl["acltype"], acl["topic"]) for acl in role["acls"]} for role in document["roles"]}
    ada = rights["only-ada"]
    assert ("publishClientSend", "fleet/1/ada/journal") in ada
    assert {right for right in ada if "stored" in right[1]} == {
        ("subscribePattern", "fleet/1/_host/stored/ada"),
        ("publishClientReceive", "fleet/1/_host/stored/ada"),
    }
    assert ("publishClientReceive", "fleet/1/_host/status") in ada
    assert [topic for right, topic in ada if right == "publishClientSend" and "/_host/" in topic] == []


def test_a_new_node_leaves_the_secrets_of_the_others_alone(tmp_path: Path) -> None:
    init(tmp_path, "--nodes", "2")
    names = ("sim-1", "sim-2", "watch", "tools", "dashboard", "health")
    before = {name: client(tmp_path, name) for name in names}
    passwords = json.loads((tmp_path / "sim" / "nodes.json").read_text())
    init(tmp_path, "--nodes", "3", "--board", "ada")
    assert {name: client(tmp_path, name) for name in names} == before
    assert json.loads((tmp_path / "sim" / "nodes.json").read_text()).items() >= passwords.items()
    assert client(tmp_path, "ada")["clientid"] == "ada"


def test_an_account_that_a_person_added_stays(tmp_path: Path) -> None:
    init(tmp_path)
    path = tmp_path / "dynamic-security.json"
    document = json.loads(path.read_text())
    document["clients"].append({**MADE_BY_MOSQUITTO, "username": "by-hand", "roles": []})
    path.write_text(json.dumps(document))
    init(tmp_path, "--nodes", "1")
    assert client(tmp_path, "by-hand")["password"] == MADE_BY_MOSQUITTO["password"]


def test_every_secret_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    init(tmp_path / "new", "--nodes", "1", "--board", "ada")
    for one in (tmp_path / "new").rglob("*"):
        mode = stat.S_IMODE(one.stat().st_mode)
        assert mode == (0o700 if one.is_dir() else 0o600), f"{one} is {mode:o}"


def test_no_password_is_in_the_file_of_the_broker_or_on_the_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init(tmp_path, "--nodes", "2", "--board", "ada")
    secrets = [one.read_text().strip() for one in tmp_path.rglob("password")]
    for kind in ("sim", "boards"):
        secrets += json.loads((tmp_path / kind / "nodes.json").read_text()).values()
    public = (tmp_path / "dynamic-security.json").read_text() + "".join(capsys.readouterr())
    assert len(set(secrets)) == 8
    assert not [one for one in secrets if one in public]


def test_show_prints_lines_that_hold_the_passwords_of_the_vault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init(tmp_path, "--base", "class3b")
    capsys.readouterr()
    assert cli.run(["accounts", "show", "--folder", str(tmp_path), "--base", "class3b", "--at", "10.0.0.5:1884"]) == 0
    said = capsys.readouterr().out
    watch = (tmp_path / "watch" / "password").read_text().strip()
    tools = (tmp_path / "tools" / "password").read_text().strip()
    assert f"mosquitto_sub -h 10.0.0.5 -p 1884 -u watch -P {watch} -t 'class3b/1/#' -v" in said
    assert f"export FLEET_BROKER=mqtt://tools:{tools}@10.0.0.5:1884 FLEET_BASE=class3b" in said


def test_show_prints_what_a_board_needs_in_its_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init(tmp_path, "--board", "ada")
    capsys.readouterr()
    assert cli.run(["accounts", "show", "ada", "--folder", str(tmp_path), "--at", "10.0.0.5:1883"]) == 0
    config = json.loads(capsys.readouterr().out)
    password = json.loads((tmp_path / "boards" / "nodes.json").read_text())["ada"]
    broker = {"host": "10.0.0.5", "port": 1883, "user": "ada", "password": password}
    assert config == {"node": "ada", "base": "fleet", "broker": broker}


def test_a_removed_node_loses_account_role_and_password(tmp_path: Path) -> None:
    # Neither name can turn up by chance: a dash is in no hex and in no base64.
    init(tmp_path, "--board", "ada-l", "--board", "grace-h")
    assert cli.run(["accounts", "remove", "ada-l", "--folder", str(tmp_path)]) == 0
    everything = b"".join(data for data, _ in files(tmp_path).values())
    assert b"ada-l" not in everything
    assert b"grace-h" in everything


@pytest.mark.rule("F-TOPIC-4")
@pytest.mark.parametrize("name", ["+", "#", "a/b", "Ada", "", "-a", "a" * 21, "_all", "ada\n", "tools", "watch"])
def test_a_name_that_is_no_node_id_gets_no_account(tmp_path: Path, name: str) -> None:
    assert init(tmp_path, "--board", name) == 1
    assert not (tmp_path / "dynamic-security.json").exists()
    assert not (tmp_path / "boards").exists()


@pytest.mark.parametrize("options", [("--base", "a/b"), ("--base", "#"), ("--team", "+"), ("--team", "all")])
def test_a_base_or_team_that_could_open_a_topic_is_refused(
    tmp_path: Path, options: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path, "--nodes", "1", *options) == 1
    assert repr(options[1]) in capsys.readouterr().err
    assert not files(tmp_path)


@pytest.mark.parametrize("options", [("--broker", "nowhere"), ("--broker", ":1883"), ("--broker", "host:port")])
def test_an_address_without_a_port_is_wrong_usage(tmp_path: Path, options: tuple[str, str]) -> None:
    assert init(tmp_path, *options) == 2


def test_a_board_cannot_have_the_id_of_a_simulated_node(tmp_path: Path) -> None:
    assert init(tmp_path, "--nodes", "2", "--board", "sim-2") == 1


def test_a_damaged_file_is_named_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init(tmp_path)
    (tmp_path / "dynamic-security.json").write_text("{half")
    assert init(tmp_path) == 1
    said = capsys.readouterr().err
    assert "dynamic-security.json is not JSON any more" in said
    assert "Traceback" not in said
