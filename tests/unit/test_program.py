"""What a deploy decides to do, and that a board understands the choice that the host writes, and the host a board."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from fleet_tools import program
from support import tiers

FILES = {"fleet_node/app.py": b"new", "fleet_schema/topics.py": b"same"}
ROOT = {"main.py": b"main", "slot.py": b"slot"}


@pytest.fixture
def slot() -> ModuleType:
    """node/slot.py, which is MicroPython and reads nothing but its two files."""
    spec = importlib.util.spec_from_file_location("slot", tiers.NODE / "slot.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def flash(files: dict[str, bytes]) -> dict[str, str]:
    return {path: program.digest(data) for path, data in files.items()}


def deployed(slot: str, files: dict[str, bytes]) -> dict[str, str]:
    root = {f"/{name}": data for name, data in ROOT.items()}
    return flash({**{f"/{slot}/{path}": data for path, data in files.items()}, **root})


def choose(folder: Path, plan: program.Plan) -> None:
    assert plan.choice is not None
    name, data = plan.choice
    (folder / name).write_bytes(data)


def test_a_board_gets_what_mip_would_give_it_but_for_the_pc() -> None:
    manifest = json.loads((tiers.NODE / "package.json").read_text())
    listed = {target for target, _ in manifest["urls"]} - {"config.example.json", "fleet_node/boards/unix.py"}
    assert {*program.load(tiers.NODE, platform="rp2", with_umqtt=False), *program.ROOT} == listed


def test_an_empty_board_gets_everything_into_the_first_slot() -> None:
    plan = program.plan(FILES, ROOT, {}, (0, ""))
    assert plan.write == {f"/a/{path}": data for path, data in FILES.items()}
    assert plan.root == {f"/{name}": data for name, data in ROOT.items()}
    assert (plan.slot, plan.remove, plan.clean) == ("a", [], [])


def test_a_board_that_has_it_gets_nothing() -> None:
    assert program.plan(FILES, ROOT, deployed("b", FILES), (7, "b")) == program.Plan("b")


def test_the_slot_that_runs_is_never_touched() -> None:
    there = deployed("a", {**FILES, "fleet_node/app.py": b"old"})
    plan = program.plan(FILES, ROOT, there, (1, "a"))
    assert plan.slot == "b"
    assert [path for path in [*plan.write, *plan.remove] if path.startswith("/a/")] == []


def test_what_the_other_slot_has_already_is_not_copied_again_and_what_it_has_too_much_goes() -> None:
    other = {"fleet_schema/topics.py": b"same", "fleet_node/gone.py": b"gone"}
    there = deployed("a", {**FILES, "fleet_node/app.py": b"old"}) | deployed("b", other)
    plan = program.plan(FILES, ROOT, there, (1, "a"))
    assert plan.write == {"/b/fleet_node/app.py": b"new"}
    assert plan.remove == ["/b/fleet_node/gone.py"]


def test_a_board_reads_the_choice_that_the_host_wrote(slot: ModuleType, tmp_path: Path) -> None:
    assert slot.choose(f"{tmp_path}/") == ""
    first = program.plan(FILES, ROOT, {}, (0, ""))
    choose(tmp_path, first)
    assert slot.choose(f"{tmp_path}/") == "a"
    read = program.chosen({name: _bytes(tmp_path / name) for name in program.CHOICE})
    assert read == (1, "a")
    choose(tmp_path, program.plan({**FILES, "more.py": b""}, ROOT, deployed("a", FILES), read))
    assert slot.choose(f"{tmp_path}/") == "b"


@pytest.mark.parametrize("cut", range(0, 23, 2))
def test_a_choice_that_was_cut_while_it_was_written_leaves_the_one_before(
    slot: ModuleType, tmp_path: Path, cut: int
) -> None:
    slot.write({"run": "a"}, f"{tmp_path}/")
    slot.write({"run": "b"}, f"{tmp_path}/")
    newest = tmp_path / program.CHOICE[0]
    newest.write_bytes(newest.read_bytes()[:cut])
    assert slot.choose(f"{tmp_path}/") == "a"
    assert program.chosen({name: _bytes(tmp_path / name) for name in program.CHOICE})[1] == "a"


def test_a_program_on_trial_runs_so_often_and_then_the_other_one_runs_again(slot: ModuleType, tmp_path: Path) -> None:
    slot.write({"run": "b", "else": "a", "tries": 2}, f"{tmp_path}/")
    assert [slot.choose(f"{tmp_path}/") for _ in range(4)] == ["b", "b", "a", "a"]


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def test_the_page_of_a_node_goes_only_where_it_is_asked_for() -> None:
    every = program.load(tiers.NODE, platform="rp2", with_umqtt=False)
    without = program.load(tiers.NODE, platform="rp2", with_umqtt=False, with_page=False)
    page = {path for path in every if path.startswith("fleet_node/web/")}
    assert "fleet_node/web/page.html" in page
    assert set(every) - set(without) == page
