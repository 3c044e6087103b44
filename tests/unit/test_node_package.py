"""The manifest that mip installs a node from is complete, and a node's files stay small enough to read."""

import json

from fleet_tools.program import KINDS
from support.tiers import NODE


def sources() -> list[str]:
    return sorted(
        path.relative_to(NODE).as_posix()
        for folder in ("fleet_schema", "fleet_node")
        for path in (NODE / folder).rglob("*.*")
        if path.suffix in KINDS
    )


def test_the_mip_manifest_lists_every_file_of_a_board_and_no_other():
    manifest = json.loads((NODE / "package.json").read_text())
    assert all(target == url for target, url in manifest["urls"])
    assert sorted(target for target, _ in manifest["urls"]) == sorted(
        [*sources(), "main.py", "slot.py", "join.py", "config.example.json"]
    )


def test_main_is_under_thirty_lines_and_every_other_file_under_two_hundred():
    lengths = {name: len((NODE / name).read_text().splitlines()) for name in [*sources(), "main.py"]}
    assert lengths["main.py"] < 30
    assert {name: length for name, length in lengths.items() if length >= 200} == {}
