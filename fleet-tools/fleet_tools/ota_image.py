"""The program that goes over the air: its files, the manifest that names them with their hashes, and its chunks."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet_schema import ota
from fleet_tools import program
from fleet_tools.errors import USAGE, FleetError

VERSION = re.compile(rb'^VERSION = "([^"]+)"', re.M)
MANIFEST = "manifest"


@dataclass(frozen=True)
class Image:
    """`files` in the order of the manifest's lines."""

    manifest: bytes
    files: Mapping[str, bytes]

    @classmethod
    def of_program(cls, folder: Path) -> Image:
        """The node's program in this folder, for every kind of board: FleetError if it is none."""
        if not (folder / "fleet_node" / "app.py").is_file():
            raise FleetError(f"{folder} has no fleet_node/app.py: name the folder of a node's program", USAGE)
        return cls.of(program.load(folder, platform="linux", with_umqtt=True))

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> Image:
        lines = "".join(f"{program.digest(data)} {len(data)} {path}\n" for path, data in sorted(files.items()))
        if len(files) > ota.MAX_FILES or len(lines) > ota.MAX_MANIFEST or any(" " in path for path in files):
            raise FleetError("the program has too many files for a node, or one with a blank in its name", USAGE)
        return cls(lines.encode(), dict(sorted(files.items())))

    @classmethod
    def load(cls, folder: Path) -> Image:
        """What `save` wrote. FleetError if it was changed since: every node would fetch it, and then refuse it."""
        try:
            manifest = (folder / MANIFEST).read_bytes()
            lines = [line.split() for line in manifest.decode().splitlines()]
            files = {path: (folder / "files" / path).read_bytes() for _, _, path in lines}
        except (OSError, ValueError) as error:
            raise FleetError(f"the program of the job in {folder} cannot be read ({error}): start a new job") from None
        for digest, _, path in lines:
            if program.digest(files[path]) != digest:
                raise FleetError(f"{path} of the job in {folder} was changed since the job began: start a new job")
        return cls(manifest, files)

    def save(self, folder: Path) -> None:
        for path, data in self.files.items():
            place = folder / "files" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        (folder / MANIFEST).write_bytes(self.manifest)

    @property
    def version(self) -> str:
        found = VERSION.search(self.files.get("fleet_node/__init__.py", b""))
        return found[1].decode() if found else "?"

    @property
    def bytes(self) -> int:
        return sum(map(len, self.files.values()))

    def offer(self, job: int, base: str, node: str, secret: str) -> dict[str, Any]:
        fields: dict[str, Any] = {"job": job, "size": len(self.manifest), "hash": program.digest(self.manifest)}
        signed = hmac.new(secret.encode(), ota.signed_text(base, node, fields), "sha256")
        return {**fields, "sig": signed.hexdigest()}

    def chunk(self, job: int, file: int, at: int) -> dict[str, Any] | None:
        """What is there; None if nothing is."""
        every = [self.manifest, *self.files.values()]
        data = every[file][at : at + ota.CHUNK] if file < len(every) else b""
        return {"job": job, "at": [file, at], "b64": base64.b64encode(data).decode()} if data else None
