"""The flash of a node on the Unix port: a folder with main.py, slot.py and the two program slots of a board."""

import json
import shutil
from pathlib import Path
from typing import Any

from fleet_tools import program
from support import tiers
from support.node import NodeProcess

SECRET = "k7mx-3xqa-w9dp-tz4n"


class Flash:
    """A folder that is what `fleet deploy` leaves: the program in /a, chosen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        files = program.load(tiers.NODE, platform="linux", with_umqtt=True)
        for path, data in files.items():
            place = folder / "a" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        for name in program.ROOT:
            shutil.copy(tiers.NODE / name, folder / name)
        plan = program.plan(files, {}, {}, (0, ""))
        assert plan.choice is not None
        name, data = plan.choice
        (folder / name).write_bytes(data)

    def node(self, url: str, name: str = "ada", secret: str = SECRET, **settings: Any) -> NodeProcess:
        """The node that runs from this flash; a reset starts it again."""
        place = url.replace("mqtt://", f"mqtt://{name}:{secret}@")
        return NodeProcess(
            place,
            name,
            script=self.folder / "main.py",
            environment={"MICROPYPATH": f"{tiers.NODE}/sim:.frozen"},
            reborn=True,
            **{"trial": 20, **settings},
        )

    @property
    def running(self) -> str:
        """The slot that counts, whether on trial or not."""
        return self.choice["run"]

    @property
    def choice(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        best = 0
        for name in program.CHOICE:
            path = self.folder / name
            if path.exists() and (raw := path.read_bytes()):
                number, body = raw[9:].split(b" ", 1)
                if int(number) > best:
                    best, found = int(number), json.loads(body)
        return found


def new_program(folder: Path, version: str, **changes: str) -> Path:
    """A copy of the node's program that says it is `version`, with text appended to `changes` {path: text}."""
    for part in program.FOLDERS:
        shutil.copytree(tiers.NODE / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(tiers.NODE / "lib", folder / "lib")
    said = folder / "fleet_node" / "__init__.py"
    said.write_text(said.read_text().replace('VERSION = "0.1.0"', f'VERSION = "{version}"'))
    for path, text in changes.items():
        with (folder / path).open("a") as file:
            file.write(text)
    return folder
