"""The mip index serves exactly the public files that are here now, in the layout that mip asks for."""

import ast
import hashlib
import json
import shutil
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from fleet_dashboard.guard import Guard
from fleet_dashboard.mip import DRIVERS, MAX_BYTES, SHARED, Index
from fleet_dashboard.web_mip import MipPages
from support.rights import Rights
from support.tiers import NODE

MANIFEST = json.loads((NODE / "package.json").read_text())


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A folder of the node that a test may change."""
    folder = tmp_path / "node"
    for path, _ in MANIFEST["urls"]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(NODE / path, folder / path)
    shutil.copy(NODE / "package.json", folder)
    (folder / "lib" / "umqtt").mkdir(parents=True)
    (folder / "lib" / "umqtt" / "simple.py").write_text("class MQTTClient: pass\n")
    (folder / "lib" / "umqtt" / "VERSION").write_text("micropython-umqtt.simple 1.3.4 sha256 0\n")
    (folder / "config.json").write_text('{"broker": {"password": "s3cret"}}')
    return folder


def files(index: Index, name: str) -> dict[str, bytes]:
    """What a client gets that installs this package."""
    package = index.package(name, "latest")
    assert package is not None, f"no package {name}; there are {[one.name for one in index.packages()]}"
    got = {}
    for path, digits in package["hashes"]:
        data = index.file(digits)
        assert data is not None, path
        assert hashlib.sha256(data).hexdigest().startswith(digits), path
        got[path] = data
    return got


def test_the_whole_node_is_every_file_of_its_manifest_and_asks_for_umqtt(node: Path) -> None:
    index = Index(node)
    got = files(index, "fleet-node")
    assert got == {path: (NODE / path).read_bytes() for path, _ in MANIFEST["urls"]}
    package = index.package("fleet-node", MANIFEST["version"])
    assert package is not None
    assert (package["version"], package["deps"]) == (MANIFEST["version"], [["umqtt.simple", "latest"]])
    assert files(index, "umqtt.simple") == {"umqtt/simple.py": b"class MQTTClient: pass\n"}
    assert index.package("fleet-node", "0.0.0") is None


def test_a_driver_comes_with_all_that_it_imports(node: Path) -> None:
    drivers = [path for path, _ in MANIFEST["urls"] if path.startswith(DRIVERS) and path not in SHARED]
    assert len(drivers) >= 4
    index = Index(node)
    for path in drivers:
        got = files(index, "fleet-" + Path(path).stem)
        for name, data in got.items():
            imported = [one.module or "" for one in ast.walk(ast.parse(data)) if isinstance(one, ast.ImportFrom)]
            lacks = [one for one in imported if one.startswith("fleet_") and one.replace(".", "/") + ".py" not in got]
            assert lacks == [], f"{name} of {path} imports {lacks}"
        assert path in got


def test_what_was_edited_since_is_what_the_next_one_installs(node: Path) -> None:
    index = Index(node)
    before = files(index, "fleet-sht4x")
    driver = node / DRIVERS / "sht4x.py"
    driver.write_text(driver.read_text() + "# mine\n")
    after = files(index, "fleet-sht4x")
    assert after.pop(DRIVERS + "sht4x.py") == before.pop(DRIVERS + "sht4x.py") + b"# mine\n"
    assert after == before


@pytest.mark.parametrize("path", ["config.json", "../fleet.db", "fleet_node/../../secret.py", "/etc/passwd", "/x.py"])
def test_a_manifest_that_names_what_is_no_code_of_the_node_serves_nothing(node: Path, path: str) -> None:
    bad = dict(MANIFEST, urls=[*MANIFEST["urls"], [path, path]])
    (node / "package.json").write_text(json.dumps(bad))
    assert [one.name for one in Index(node).packages()] in ([], ["umqtt.simple"])


def test_a_folder_that_lacks_a_file_or_has_too_much_or_is_no_node_serves_nothing(node: Path) -> None:
    (node / "fleet_node" / "app.py").write_bytes(b"#" * (MAX_BYTES + 1))
    index = Index(node)
    assert index.packages() == []
    (node / "fleet_node" / "app.py").unlink()
    assert index.packages() == []
    (node / "fleet_node" / "app.py").write_text("")
    assert len(index.packages()) > 5
    assert Index(node / "lib").packages() == []


async def test_a_board_without_a_login_may_read_and_nobody_may_write(node: Path) -> None:
    app = Guard(Starlette(routes=MipPages(Index(node)).routes()), (), Rights())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://192.168.1.10:8080") as board:
        front = await board.get("/mip")
        assert "--index http://192.168.1.10:8080/mip --target / fleet-node" in front.text
        package = await board.get("/mip/package/6/fleet-node/latest.json")
        path, digits = package.json()["hashes"][0]
        file = await board.get(f"/mip/file/{digits[:2]}/{digits}")
        assert file.content == (node / path).read_bytes()
        assert int(file.headers["content-length"]) == len(file.content)  # a board's client knows no chunks
        for wrong in (f"/mip/file/00/{digits}", "/mip/file/co/config.json", "/mip/package/x/fleet-node/latest.json"):
            assert (await board.get(wrong)).status_code == 404, wrong
        assert (await board.post("/mip")).status_code == 401
