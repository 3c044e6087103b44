"""Every command for a board that docs/boards.md shows is one that `fleet` knows, with options that it has."""

import re
import shlex

import click
import pytest

from fleet_tools.cli import fleet
from support import tiers

PAGE = (tiers.ROOT / "docs" / "boards.md").read_text()
LINES = re.findall(r"^\.venv/bin/fleet (.*)$", PAGE, flags=re.M)


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_page_exists(line: str) -> None:
    words = shlex.split(line, comments=True)
    command: click.Command | None = fleet
    context = click.Context(fleet)
    while isinstance(command, click.Group) and words and words[0] in command.list_commands(context):
        command = command.get_command(context, words.pop(0))
    assert command is not None
    assert command is not fleet, line
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known, line


def test_the_page_names_every_verb_for_boards() -> None:
    shown = {tuple(line.split()[: 2 if line.startswith("boards ") else 1]) for line in LINES}
    assert {("deploy",), ("mount",), ("logs",), ("boards", "save"), ("boards", "load")} <= shown
