"""A class that runs is saved, loaded on another laptop, and goes on there: the same sheets, the old readings."""

import io
import json
import shutil
import sqlite3
import stat
import tarfile
import urllib.request
from pathlib import Path

import pytest

from support.class_run import ClassRun, fleet, library, wait_for
from support.node import NodeProcess

READING = '{{"boot":"9f3a","seq":{seq},"up":{up},"v":{{"temp":21.5}}}}'


def snapshot(run: ClassRun) -> dict[str, dict[str, object]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{run.http}/api/snapshot", timeout=10) as answer:
        return {one["id"]: one for one in json.load(answer)["nodes"]}


def rows(database: Path) -> int:
    with sqlite3.connect(database) as connection:
        return int(connection.execute("SELECT count(*) FROM sample").fetchone()[0])


@pytest.fixture
def laptops(tmp_path: Path) -> tuple[Path, Path]:
    library()
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    fleet(tmp_path / "old", "class", "new", "3b", "--nodes", "3")
    return tmp_path / "old", tmp_path / "new"


def measure(run: ClassRun, node: str, count: int) -> None:
    """As a node does that is in the class."""
    with run.login(node) as client:
        client.publish(f"3b/1/{node}/status", b'{"state":"online","boot":"9f3a","conn":1}', retain=True)
        for seq in range(count):
            client.publish(f"3b/1/{node}/tele/sht4x", READING.format(seq=seq, up=seq * 10).encode())
        wait_for(lambda: snapshot(run).get(node, {}).get("counts", {}).get("received") == count, "that it is stored")


def test_a_class_that_runs_moves_to_another_laptop(laptops: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = laptops
    file = tmp_path / "3b.class"
    with ClassRun(old) as run:
        measure(run, "3b-01", 40)
        before = {node: run.secret(node) for node in ("3b-01", "3b-02", "3b-03")}
        code = (run.folder / "data" / "teacher-code").read_text()
        said = fleet(old, "class", "save", "3b", str(file))
        assert "3 nodes" in said
        assert "it holds the secrets" in said
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        measure_on = snapshot(run)["3b-01"]
        assert measure_on["counts"]["received"] == 40, "the class went on meanwhile"  # type: ignore[index]
    assert not list((old / "3b").glob(".save-*"))
    ca = (old / "3b" / "tls" / "ca.pem").read_bytes()
    shutil.rmtree(old)  # the old laptop is gone

    assert "40 readings" in fleet(new, "class", "load", str(file))
    assert (new / "3b" / "tls" / "ca.pem").read_bytes() == ca
    assert (new / "3b" / "data" / "teacher-code").read_text() == code
    assert stat.S_IMODE((new / "3b").stat().st_mode) == 0o700
    files = [path for path in (new / "3b").rglob("*") if path.is_file() and path.suffix not in (".pem", ".db", ".lock")]
    assert len(files) > 10
    assert not [path for path in files if stat.S_IMODE(path.stat().st_mode) & 0o044], "others could read a secret"
    with ClassRun(new) as run:
        for node, secret in before.items():
            assert run.secret(node) == secret
            with run.login(node) as client:
                assert not client.refused, f"the sheet of {node} is void"
        shown = wait_for(lambda: snapshot(run).get("3b-01"), "that the old readings are on the page")
        assert shown["v"]["sht4x"]["temp"] == 21.5
        with run.stranger() as client:
            assert client.refused
    assert rows(new / "3b" / "data" / "fleet.db") == 40


def test_a_real_node_comes_on_at_the_new_laptop_with_its_old_sheet(laptops: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = laptops
    with ClassRun(old) as run:
        ports = (run.mqtt, run.mqtts, run.http)
        url = f"mqtt://3b-02:{run.secret('3b-02')}@127.0.0.1:{run.mqtt}"
        with NodeProcess(url, "3b-02", base="3b", period=200):
            wait_for(lambda: snapshot(run).get("3b-02", {}).get("v"), "that it is heard")
            fleet(old, "class", "save", "3b", str(tmp_path / "3b.class"))
            run.stop()
            fleet(new, "class", "load", str(tmp_path / "3b.class"))
            with ClassRun(new, "3b", ports=ports) as again:
                wait_for(lambda: snapshot(again).get("3b-02", {}).get("state") == "online", "that it is back", 60)


def test_it_is_saved_also_while_nothing_runs(laptops: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = laptops
    with ClassRun(old) as run:
        measure(run, "3b-01", 5)
    file = tmp_path / "3b.class"
    fleet(old, "class", "save", "3b", str(file))
    assert "is there already" in fleet(old, "class", "save", "3b", str(file), code=2)
    fleet(old, "class", "save", "3b", str(file), "--force")
    assert "5 readings" in fleet(new, "class", "load", str(file))


def test_a_class_that_never_ran_is_moved_as_well(laptops: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = laptops
    fleet(old, "class", "save", "3b", str(tmp_path / "3b.class"))
    fleet(new, "class", "load", str(tmp_path / "3b.class"))
    with ClassRun(new) as run, run.login("3b-01") as node:
        assert node.connected


def test_the_class_that_is_there_is_kept(laptops: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = laptops
    fleet(new, "class", "new", "3b", "--nodes", "7")
    fleet(old, "class", "save", "3b", str(tmp_path / "3b.class"))
    assert "is kept as" in fleet(new, "class", "load", str(tmp_path / "3b.class"))
    kept = list(new.glob("3b.*"))
    assert len(kept) == 1
    assert len(json.loads((kept[0] / "class.json").read_text())["nodes"]) == 7
    assert len(json.loads((new / "3b" / "class.json").read_text())["nodes"]) == 3
    classes = [line.split()[0] for line in fleet(new, "class", "list").splitlines()[1:]]
    assert classes == ["3b"], "what is kept is no class of its own"


def test_a_class_that_runs_is_not_replaced(laptops: tuple[Path, Path], tmp_path: Path) -> None:
    old, _ = laptops
    fleet(old, "class", "save", "3b", str(tmp_path / "3b.class"))
    with ClassRun(old) as run:
        assert "runs already" in fleet(old, "class", "load", str(tmp_path / "3b.class"), code=1)
        assert run.running
    assert not list(old.glob(".load-*"))
    assert not list(old.glob("3b.*"))


def spoiled(source: Path, target: Path, name: str, content: bytes | None) -> Path:
    """A copy of a class's file in which one file is another, or absent."""
    with tarfile.open(source, "r:gz") as found, tarfile.open(target, "w:gz") as out:
        for member in found:
            data = found.extractfile(member).read()  # type: ignore[union-attr]
            if member.name == name:
                if content is None:
                    continue
                data = content
            member.size = len(data)
            out.addfile(member, io.BytesIO(data))
    return target


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("class.json", None, "class"),
        ("class.json", b"{}", "not the roster"),
        ("class.json", b'{"schema":1,"base":"4a","where":null,"nodes":[]}', "4a"),
        ("fleet-class.json", b'{"schema":1,"base":"../evil"}', "cannot be a name"),
        ("fleet-class.json", b'{"schema":1,"base":"4a"}', "3b"),
        ("broker/dynamic-security.json", None, "lacks the accounts"),
        ("broker/dynamic-security.json", b"{}", "lacks the accounts"),
        ("broker/dynamic-security.json", b'{"clients":[]}', "lacks the secret or the account"),
        ("credentials/class/nodes.json", b"{}", "lacks the secret or the account"),
        ("tls/ca.pem", b"no certificate", "ca"),
        ("data/fleet.db", b"no database", "damaged"),
        ("data/fleet.db", b"", "backup"),
    ],
)
def test_it_is_looked_at_before_anything_is_changed(
    saved: Path, tmp_path: Path, name: str, content: bytes | None, why: str
) -> None:
    fleet(tmp_path, "class", "new", "3b", "--nodes", "7")
    before = (tmp_path / "3b" / "class.json").read_bytes()
    said = fleet(tmp_path, "class", "load", str(spoiled(saved, tmp_path / "bad", name, content)), code=1)
    assert why in said
    assert "Traceback" not in said
    assert (tmp_path / "3b" / "class.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3b", "bad"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class with a database and certificates."""
    library()
    root = tmp_path_factory.mktemp("saved")
    fleet(root, "class", "new", "3b", "--nodes", "2")
    with ClassRun(root) as run:
        measure(run, "3b-01", 3)
    fleet(root, "class", "save", "3b", str(root / "3b.class"))
    return root / "3b.class"
