"""Who does what docs/driver.md says, and nothing else, has a sensor that is tested and that everybody can see."""

import ast
import re
import shutil
from pathlib import Path

import pytest

from support import tiers, upy
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess

GUIDE = tiers.ROOT / "docs" / "driver.md"
FILE = re.compile(r"^\d\. The [^`]*`([\w/]+\.py)`.*\n\n```python\n((?s:.*?))```", re.MULTILINE)
LINE = re.compile(r"^\d\. Its line in `(\w+)` of `([\w/]+\.py)`: `(.*)`$", re.MULTILINE)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which somebody followed the guide."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(tiers.NODE, root / "node", ignore=shutil.ignore_patterns("config.json", "__pycache__"))
    (root / "tests" / "upy").mkdir(parents=True)
    shutil.copy(tiers.ROOT / "tests" / "upy" / "upy_sensors.py", root / "tests" / "upy")
    text = GUIDE.read_text()
    files, lines = FILE.findall(text), LINE.findall(text)
    assert (len(files), len(lines), text.count("```python")) == (3, 2, 3), "a step of the guide was not understood"
    for path, content in files:
        assert not (tiers.ROOT / path).exists(), f"{path} is there already: the guide needs another example"
        (root / path).write_text(content)
    for name, path, line in lines:
        before = (root / path).read_text()
        start = f"\n{name} = {{\n"
        assert before.count(start) == 1
        (root / path).write_text(before.replace(start, f"{start}    {line}\n"))
    return root


def test_the_guide_is_short() -> None:
    assert len(GUIDE.read_text().splitlines()) < 80


def test_its_test_passes_on_micropython(project: Path) -> None:
    path = project / "tests" / "upy" / "upy_bh1750.py"
    names = [item.name for item in ast.parse(path.read_text()).body if isinstance(item, ast.AsyncFunctionDef)]
    assert names
    assert upy.run_file(path, names) == dict.fromkeys(names, "")


def test_its_test_fails_if_the_driver_is_wrong(project: Path) -> None:
    driver = project / "node" / "fleet_node" / "sensors" / "bh1750.py"
    right = driver.read_text()
    try:
        driver.write_text(right.replace("/ 1.2", "/ 1.3"))
        path = project / "tests" / "upy" / "upy_bh1750.py"
        (said,) = upy.run_file(path, ["test_it_reads_the_light_of_the_room"]).values()
        assert "AssertionError" in said
    finally:
        driver.write_text(right)


def test_a_whole_node_publishes_the_light_and_the_dashboard_shows_it(
    project: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiers, "NODE", project / "node")
    with DashboardProcess(broker.url) as dashboard, NodeProcess(broker.url, "ada", sensors=["bh1750"]) as ada:
        ada.world("set light 320")
        node = dashboard.node("ada", lambda node: abs((node["v"].get("bh1750", {}).get("light") or 0) - 320) < 1)
        assert node["meta"]["sensors"] == {"bh1750": {"light": ["lx", "illuminance"]}}
        series = dashboard.wait_for("/api/nodes/ada/series?sensor=bh1750", lambda series: len(series["t"]) > 1)
        assert series["units"] == {"light": ["lx", "illuminance"]}
        ada.world("unplug bh1750")
        dashboard.node("ada", lambda node: node["v"]["bh1750"]["light"] is None)
