"""A class without a broker: its folder, the roster that a teacher writes, and what would be said to a broker."""

import json
import os
import stat
import string
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from fleet_schema import topics
from fleet_tools import accounts, class_folder, class_new, class_root, class_roster, cli, live_accounts
from fleet_tools.accounts import Account
from fleet_tools.accounts_changes import changes
from fleet_tools.class_folder import ClassFolder, ClassNode
from fleet_tools.errors import FleetError

NO_SECRET = set("01ilo")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLEET_CLASSES", str(tmp_path / "classes"))
    for name in ("FLEET_CLASS_FOLDER", "FLEET_BASE", "FLEET_TEAMS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "classes"


def fleet(*arguments: str) -> int:
    return cli.run(["class", *arguments])


def files(folder: Path) -> dict[Path, tuple[bytes, int]]:
    return {one: (one.read_bytes(), one.stat().st_mtime_ns) for one in folder.rglob("*") if one.is_file()}


def roster(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "names.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# -- the folder ---------------------------------------------------------------------------------------------


def test_a_class_of_thirty_has_thirty_names_and_thirty_secrets(root: Path) -> None:
    assert fleet("new", "3b", "--nodes", "30") == 0
    folder = ClassFolder.open("3b")
    assert [one.id for one in folder.nodes] == [f"3b-{number:02}" for number in range(1, 31)]
    assert len(set(folder.secrets.values())) == 30
    document = json.loads((folder.broker / "dynamic-security.json").read_text())
    named = {client["username"]: client for client in document["clients"]}
    assert {*named} == {*folder.secrets, *accounts.SERVICES}
    assert all(named[one]["clientid"] == one for one in folder.secrets)


def test_a_secret_can_be_read_from_paper_and_typed(root: Path) -> None:
    fleet("new", "3b", "--nodes", "30")
    for secret in ClassFolder.open("3b").secrets.values():
        groups = secret.split("-")
        assert [len(group) for group in groups] == [4, 4, 4, 4]
        assert set(secret) <= set(string.ascii_lowercase + string.digits + "-") - NO_SECRET


def test_everything_in_the_folder_is_its_owners_alone(root: Path) -> None:
    fleet("new", "3b", "--nodes", "2")
    for one in (root / "3b", *(root / "3b").rglob("*")):
        mode = stat.S_IMODE(one.stat().st_mode)
        allowed = (0o700, 0o755) if one.is_dir() else (0o644,) if one.suffix == ".pem" else (0o600,)  # no secret
        assert mode in allowed, f"{one} is {mode:o}"
    assert stat.S_IMODE((root / "3b").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "again",
    [
        ("new", "3b", "--nodes", "3"),
        ("new", "3b"),
        ("add", "3b", "ada"),
        ("add", "3b", "Ada"),
        ("revoke", "3b", "3b-02"),
        ("show", "3b"),
        ("show", "3b", "--json", "--secrets"),
        ("list",),
    ],
    ids=" ".join,
)
def test_what_is_repeated_writes_no_file(root: Path, again: tuple[str, ...]) -> None:
    assert fleet("new", "3b", "--nodes", "3") == 0
    assert fleet("add", "3b", "Ada") == 0
    assert fleet("revoke", "3b", "3b-02") == 0
    before = files(root)
    assert fleet(*again) == 0
    assert files(root) == before


def test_no_secret_is_on_the_screen_unless_it_is_asked_for(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fleet("new", "3b", "--nodes", "2")
    fleet("reset", "3b", "3b-01")
    fleet("show", "3b")
    fleet("show", "3b", "--json")
    fleet("revoke", "3b", "3b-02")
    said = "".join(capsys.readouterr())
    secrets = ClassFolder.open("3b").secrets
    assert not [one for one in secrets.values() if one in said]
    fleet("show", "3b", "--secrets")
    assert secrets["3b-01"] in capsys.readouterr().out


def test_no_secret_is_in_the_roster_that_the_dashboard_reads(root: Path) -> None:
    fleet("new", "3b", "--nodes", "2")
    folder = ClassFolder.open("3b")
    assert not [one for one in folder.secrets.values() if one in folder.roster.read_text()]


def test_a_class_grows_and_nobody_in_it_changes(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fleet("new", "3b", "--nodes", "3")
    before = ClassFolder.open("3b").secrets
    fleet("new", "3b", "--nodes", "5")
    now = ClassFolder.open("3b").secrets
    assert len(now) == 5
    assert before.items() <= now.items()
    capsys.readouterr()
    assert fleet("new", "3b", "--nodes", "2") == 0
    assert "3b-03, 3b-04, 3b-05 are in the class" in capsys.readouterr().err
    assert ClassFolder.open("3b").secrets == now


def test_an_id_that_was_revoked_is_given_to_nobody_else(root: Path) -> None:
    fleet("new", "3b", "--nodes", "1")
    fleet("add", "3b", "Ada Lovelace")
    fleet("revoke", "3b", "ada-lovelace")
    fleet("add", "3b", "Ada-Lovelace")  # another spelling is another person
    ids = [(one.id, one.name, one.revoked) for one in ClassFolder.open("3b").nodes][1:]
    assert ids == [("ada-lovelace", "Ada Lovelace", True), ("ada-lovelace-2", "Ada-Lovelace", False)]


@pytest.mark.rule("F-TOPIC-2")
@pytest.mark.parametrize("name", ["Ä", "3B", "", "-3b", "../3b", "a/b", "a" * 17, "_all", "#", "+"])
def test_a_name_that_is_no_base_is_no_class_and_leaves_no_file(root: Path, name: str) -> None:
    assert fleet("new", "--nodes", "3", "--", name) == 2
    assert not root.exists()


def test_a_class_that_is_not_there_is_told_with_the_closest(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fleet("new", "3b", "--nodes", "1")
    capsys.readouterr()
    assert fleet("revoke", "3c", "x") == 2
    assert 'did you mean "3b"?' in capsys.readouterr().err
    assert fleet("revoke", "3b", "3b-1") == 2
    assert 'did you mean "3b-01"?' in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"schema": 1, "base": "3b"}',
        '{"schema": 1, "base": "3b", "nodes": [{}]}',
        '{"schema": 1, "base": "3b", "nodes": [{"id": "+", "name": "x"}]}',
        '{"schema": 1, "base": "3b", "nodes": [{"id": "a", "name": "x"}, {"id": "a", "name": "y"}]}',
        '{"schema": 1, "base": "3b", "nodes": [], "ports": {"mqtt": 0}}',
        '{"schema": 1, "base": "3b", "nodes": [], "where": 5}',
        '{"schema": 2, "base": "3b", "nodes": []}',
        '{"schema": 1, "base": "4c", "nodes": []}',
        "\udcff",
    ],
)
def test_a_roster_that_somebody_broke_is_told_and_left_alone(
    root: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet("new", "3b", "--nodes", "1")
    path = root / "3b" / "class.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    capsys.readouterr()
    before = files(root)
    for verb in (("show", "3b"), ("new", "3b", "--nodes", "2"), ("revoke", "3b", "3b-01")):
        assert fleet(*verb) == 1
        assert str(path) in capsys.readouterr().err
    assert files(root) == before


def test_people_are_called_by_their_names_unless_two_have_it(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet("new", "3b", "--roster", str(roster(tmp_path, "name\nAda\nAda\nJürgen Müller\n")))
    assert fleet("revoke", "3b", "jürgen müller") == 0
    assert "juergen-mueller is revoked" in capsys.readouterr().out
    assert fleet("reset", "3b", "ada-2") == 0
    folder = ClassFolder.open("3b")
    assert folder.known_node("ada").id == "ada"  # an id counts before a name
    for verb in ("revoke", "add"):
        assert fleet(verb, "3b", "ADA") == 2
        assert "2 in class 3b are called ADA: say which, ada, ada-2" in capsys.readouterr().err


def test_one_class_that_is_broken_hides_no_other(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fleet("new", "3b", "--nodes", "1")
    fleet("new", "4c", "--nodes", "1")
    (root / "3b" / "class.json").write_text("{")
    capsys.readouterr()
    assert fleet("list") == 0
    said = capsys.readouterr()
    assert "4c" in said.out
    assert f"{root / '3b' / 'class.json'} is not the roster of a class any more" in said.err


def test_a_closed_class_is_deleted_with_all_that_it_had(root: Path) -> None:
    fleet("new", "3b", "--nodes", "2")
    fleet("new", "4c", "--nodes", "2")
    (root / "3b" / "data").mkdir()
    (root / "3b" / "data" / "fleet.db").write_text("readings")
    assert fleet("close", "3b", "--delete", "--yes") == 0
    assert not (root / "3b").exists()
    assert class_folder.names() == ["4c"]


def test_a_class_is_not_deleted_unless_somebody_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet("new", "3b", "--nodes", "2")
    monkeypatch.setattr("click.confirm", lambda question, abort: (_ for _ in ()).throw(click_abort()))
    before = files(root)
    assert fleet("close", "3b", "--delete") == 130
    assert files(root) == before, "it was not even closed"


def click_abort() -> Exception:
    import click

    return click.Abort()


def test_a_second_command_waits_for_the_first_and_sees_what_it_did(root: Path) -> None:
    fleet("new", "3b", "--nodes", "1")
    early = ClassFolder.open("3b")
    fleet("add", "3b", "Ada")
    assert early.node("ada") is None
    with early.locked():
        assert early.node("ada") is not None


def test_in_docker_there_is_one_class_and_its_name_is_the_base(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLEET_CLASS_FOLDER", str(tmp_path / "credentials"))
    monkeypatch.setenv("FLEET_BROKER_FOLDER", str(tmp_path / "broker"))
    monkeypatch.setenv("FLEET_BROKER_AT", "127.0.0.1:1")
    monkeypatch.setenv("FLEET_BASE", "3b")
    (tmp_path / "credentials").mkdir()
    assert fleet("new", "4c", "--nodes", "2") == 2
    assert "FLEET_BASE=4c" in capsys.readouterr().err
    monkeypatch.setenv("FLEET_MQTT_PORT", "2883")
    assert fleet("new", "3b", "--nodes", "2") == 0
    assert ClassFolder.open("3b").ports == {"mqtt": 2883, "mqtts": 8883, "http": 8080}
    monkeypatch.setenv("FLEET_MQTT_PORT", "3883")
    assert ClassFolder.open("3b").ports["mqtt"] == 3883, "a port that was changed in .env is the one that counts"
    assert (tmp_path / "credentials" / "class.json").exists()
    assert (tmp_path / "broker" / "dynamic-security.json").exists()
    assert fleet("close", "3b", "--delete", "--yes") == 1, "volumes are Docker's to delete"


def test_what_compose_makes_at_its_start_undoes_no_change_of_the_class(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials, broker = tmp_path / "credentials", tmp_path / "broker"
    for name, value in (("CLASS_FOLDER", credentials), ("BROKER_FOLDER", broker), ("BROKER_AT", "127.0.0.1:1")):
        monkeypatch.setenv("FLEET_" + name, str(value))
    init = ["accounts", "init", "--folder", str(credentials), "--broker-folder", str(broker), "--nodes", "2"]
    assert cli.run(init) == 0
    assert fleet("new", "fleet", "--nodes", "2") == 0
    assert fleet("revoke", "fleet", "fleet-01") == 0
    assert fleet("reset", "fleet", "fleet-02") == 0
    before = (files(broker), files(credentials))
    assert cli.run(init) == 0
    assert (files(broker), files(credentials)) == before
    assert cli.run([*init, "--board", "alan", "--board", "fleet-01"]) == 0, "a board that is in the class stays in it"
    clients = {one["username"]: one for one in json.loads((broker / "dynamic-security.json").read_text())["clients"]}
    assert clients["fleet-01"]["disabled"] is True
    assert "disabled" not in clients["fleet-02"]
    assert "alan" in clients
    secret = json.loads((credentials / "class" / "nodes.json").read_text())["fleet-02"]
    assert accounts.matches(secret, clients["fleet-02"])


def test_an_id_that_compose_gave_to_a_simulated_node_is_not_given_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLEET_CLASS_FOLDER", str(tmp_path / "credentials"))
    monkeypatch.setenv("FLEET_BROKER_AT", "127.0.0.1:1")
    cli.run(["accounts", "init", "--folder", str(tmp_path / "credentials"), "--nodes", "1", "--board", "ada"])
    path = roster(tmp_path, "name,id\nAda,\nSim,sim-1\n")
    assert fleet("new", "fleet", "--roster", str(path)) == 2
    assert "line 3: the id sim-1 is taken" in capsys.readouterr().err
    assert fleet("new", "fleet", "--roster", str(roster(tmp_path, "name\nAda\n"))) == 0
    assert [one.id for one in ClassFolder.open("fleet").nodes] == ["ada-2"]


# -- the roster ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "node_id"),
    [
        ("Ada", "ada"),
        ("Jürgen Müller", "juergen-mueller"),
        ("Ju\u0308rgen", "juergen"),  # as a Mac may spell it
        ("Élodie Dupré", "elodie-dupre"),
        ("Łukasz", "lukasz"),
        ("Søren Åå", "soeren-aaaa"),
        ("O'Brien", "obrien"),
        ("Weiß", "weiss"),
        ("Anne-Marie", "anne-marie"),
        ("  Ada   Lovelace  ", "ada-lovelace"),
        ("Maximilian Alexander von Hohenstein", "maximilian-alexander"),
        ("R2-D2!", "r2-d2"),
        ("\U0001d434da", "ada"),  # a mathematical capital
        ("Юлия", ""),
        ("🙂", ""),
        ("", ""),
    ],
)
def test_an_id_is_made_of_a_name_as_people_would(name: str, node_id: str) -> None:
    assert class_roster.slug(name) == node_id


@hypothesis.given(st.lists(st.text(max_size=40), max_size=30))
def test_ids_that_are_made_are_legal_and_all_different(names: list[str]) -> None:
    used: set[str] = set(accounts.SERVICES)
    for name in names:
        wanted = class_roster.slug(name)
        if wanted:
            made = class_roster.unique(wanted, used)
            assert topics.is_node_id(made), (name, made)
            assert made not in used
            used.add(made)


@hypothesis.given(st.binary(max_size=300))
def test_any_file_is_a_roster_or_is_refused_in_words(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(data)
    nodes, said = [], ""
    try:
        nodes = class_roster.read(path)
    except FleetError as error:
        said = str(error)
    if said:
        assert said.startswith((f"{path} is not taken, and nothing was changed:\n  ", f"{path} is no CSV"))
    else:
        assert nodes
    assert all(topics.is_node_id(one.id) and class_folder.is_person(one.name) for one in nodes)
    assert len({one.id for one in nodes}) == len(nodes)


@pytest.mark.parametrize(
    "data",
    [
        "name,id,group\nJürgen,,Red\nAda,countess,\nAda,,\nAda,,blue\n".encode(),
        "Name;ID;Group\r\nJürgen;;Red\r\nAda;countess;\r\n\r\nAda;;\r\nAda;;blue\r\n".encode("cp1252"),
        "\ufeffname\tid\tgroup\nJürgen\t\tRed\nAda\tcountess\nAda\nAda\t\tblue\n".encode(),
        "name\tid\tgroup\nJürgen\t\tRed\nAda\tcountess\nAda\nAda\t\tblue\n".encode("utf-16"),
        'form,name,id,group\n3b,"Jürgen",,"Red"\n3b,Ada,countess\n3b,Ada\n3b,Ada,,blue\n'.encode(),
    ],
    ids=["commas", "a German spreadsheet", "tabs and a mark", "UTF-16", "one column more"],
)
def test_what_spreadsheets_save_is_taken(tmp_path: Path, data: bytes) -> None:
    assert class_roster.read(roster(tmp_path, data)) == [
        ClassNode("juergen", "Jürgen", "red"),
        ClassNode("countess", "Ada"),
        ClassNode("ada", "Ada"),
        ClassNode("ada-2", "Ada", "blue"),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the file is empty"),
        ("name\n", "there is no name below the first line"),
        ("Ada\nGrace\n", "line 1: no column is called name (found: 'Ada')"),
        ("name,name\nA,B\n", "line 1: there are two columns name"),
        ("name,id\nAda,ada\n,grace\n", "line 3: there is no name"),
        ("name,id\nAda,Ada L\n", "line 2: 'Ada L' is no id: use 1 to 20 of a-z, 0-9 and -"),
        ("name,id\nAda,Ada L\n", "such as ada-l"),
        ("name,id\nAda,x\nGrace,x\n", "line 3: the id x stands in line 2 already"),
        ("name,id\nAda,admin\n", "line 2: the id admin is taken"),
        ("name,group\nAda,all\n", "line 2: 'all' is no group"),
        ("name,group\nAda,Ж\n", "line 2: 'Ж' is no group"),
        ("name\nЮлия\n", "line 2: no id can be made of 'Юлия': add a column id"),
        ("name\n" + "x" * 40 + "\n", "has 40 characters, and a node shows 32"),
        ("name\nA\x07da\n", "holds characters that no screen can show"),
        ('name\n"Ada\nGrace\n', "this is no CSV"),
    ],
)
def test_a_mistake_in_the_roster_is_one_sentence_with_its_line(
    root: Path, tmp_path: Path, text: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleet("new", "3b", "--roster", str(roster(tmp_path, text))) == 2
    assert sentence in capsys.readouterr().err
    assert not root.exists(), "something was made of a roster that is wrong"


def test_every_mistake_is_told_at_once(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = "".join(f"Ada,{number}!\n" for number in range(15))
    assert fleet("new", "3b", "--roster", str(roster(tmp_path, "name,id\n" + lines))) == 2
    said = capsys.readouterr().err
    assert [f"line {number}:" in said for number in (2, 11, 12)] == [True, True, False]
    assert "and 5 more" in said


def test_a_roster_that_grew_adds_and_changes_names_but_takes_nobody_away(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet("new", "3b", "--roster", str(roster(tmp_path, "name,id,group\nAda,a,red\nGrace,g,red\n")))
    before = ClassFolder.open("3b").secrets
    capsys.readouterr()
    fleet("new", "3b", "--roster", str(roster(tmp_path, "name,id,group\nAda Lovelace,a,blue\nAlan,t,\n")))
    folder = ClassFolder.open("3b")
    assert folder.nodes == [
        ClassNode("a", "Ada Lovelace", "blue"),
        ClassNode("g", "Grace", "red"),
        ClassNode("t", "Alan"),
    ]
    assert before.items() <= folder.secrets.items()
    assert "g is in the class and not in names.csv" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["192.168.1.10", "laptop.local", "fd00::7", "x"])
def test_an_address_for_the_sheets_is_kept(root: Path, host: str) -> None:
    assert fleet("new", "3b", "--nodes", "1", "--at", host) == 0
    assert fleet("new", "3b") == 0
    assert ClassFolder.open("3b").where == host


@pytest.mark.parametrize("host", ["", "mqtt://x", "x:1883", "a b", "-x", "x/", "a\nb"])
def test_what_is_no_address_is_refused(root: Path, host: str) -> None:
    with pytest.raises(FleetError, match="is no host"):
        class_new.check_host(host)


# -- what is said to a broker -------------------------------------------------------------------------------


def test_a_batch_for_thirty_fits_into_messages_that_the_broker_takes() -> None:
    wanted = [accounts.node("class-of-3b", f"class-of-3b-{number:03}", "x" * 19) for number in range(30)]
    commands = changes(wanted, {})
    assert [one["command"] for one in commands] == ["createRole", "createClient"] * 30
    parts = list(live_accounts.messages(commands))
    assert max(len(json.dumps({"commands": part})) for part in parts) < 16_000
    told = [{key: value for key, value in one.items() if key != "correlationData"} for part in parts for one in part]
    assert told == commands
    marks = [one["correlationData"] for part in parts for one in part]
    assert len(set(marks)) == len(marks)


def test_the_largest_role_fits_into_one_message() -> None:
    groups = [f"{number:016}" for number in range(40)]
    commands = changes([accounts.node("x" * 16, "x" * 20, "x" * 19, groups)], {})
    assert max(len(json.dumps({"commands": [one]})) for one in commands) < 16_000


def test_what_others_put_into_the_document_stays() -> None:
    ada = accounts.node("3b", "ada", "secret")
    theirs = {"anonymousGroup": "guests", "groups": [{"groupname": "guests", "roles": [], "clients": []}]}
    before = {**accounts.document([ada]), **theirs}
    now = accounts.document([ada, accounts.node("3b", "grace", "secret")], before)
    assert {key: now[key] for key in theirs} == theirs
    assert accounts.is_same(accounts.document([ada], before), before)


def test_nothing_is_said_about_accounts_that_are_as_they_should_be() -> None:
    wanted = [accounts.node("3b", "ada", "secret"), accounts.admin("3b", "secret")]
    assert changes(wanted, accounts.document(wanted)) == []


def test_who_is_thrown_out_is_named_first() -> None:
    there = [accounts.node("3b", name, "secret") for name in ("ada", "grace")]
    off = Account("grace", "secret", there[1].acls, "grace", disabled=True)
    new = accounts.node("3b", "alan", "secret")
    said = changes([new, there[0], off], accounts.document(there))
    assert [one["command"] for one in said] == ["disableClient", "createRole", "createClient"]


def test_an_account_that_was_turned_off_stays_so_when_nobody_says_otherwise() -> None:
    ada = accounts.node("3b", "ada", "secret")
    off = accounts.document([Account("ada", "secret", ada.acls, "ada", disabled=True)])
    assert accounts.document([ada], off)["clients"][0]["disabled"] is True
    assert changes([ada], off) == []


def test_a_document_of_a_newer_plugin_is_understood() -> None:
    ada = accounts.node("3b", "ada", "secret")
    made = accounts.document([ada])
    client = made["clients"][0]
    one_text = f"$7${client['iterations']}${client['salt']}${client['password']}"
    rest = {key: value for key, value in client.items() if key not in accounts.HASHES}
    newer = {**made, "clients": [{**rest, "encoded_password": one_text}]}
    assert changes([ada], newer) == []
    other = accounts.node("3b", "ada", "another")
    assert [one["command"] for one in changes([other], newer)] == ["setClientPassword"]
    unknown = {**made, "clients": [{**rest, "encoded_password": "$argon2id$v=19$m=47104,t=1,p=1$c2FsdA$aGFzaA"}]}
    assert changes([other], unknown) == [], "every run would throw the whole class out"
    assert [one["command"] for one in changes([other], unknown, ["ada"])] == ["setClientPassword"]


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"1", b'{"responses": 5}', b'{"responses": [1, null]}'])
def test_an_answer_that_is_none_is_no_answer(payload: bytes) -> None:
    assert live_accounts.responses(payload) == []


def test_the_environment_of_the_tests_is_not_a_class_of_somebody(root: Path) -> None:
    assert class_root.root() == root
    assert os.environ["FLEET_CLASSES"] == str(root)
