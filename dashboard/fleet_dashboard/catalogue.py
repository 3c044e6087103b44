"""All challenges there are: the built-in files and those of a folder, read again when they change.

Owns what was read. Called from a thread, so that a slow disk holds nobody up. A bad file is one sentence in
`problems`; it takes nothing else away, and the version of it that was good before stays.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fleet_dashboard.challenge import MAX_FILE, Challenge, ChallengeError, parse

BUILT_IN = Path(__file__).with_name("challenges")
MOST_FILES = 100
Signature = tuple[tuple[str, int, int], ...]


class Catalogue:
    """`challenges` by name, in their order; `problems` [{"file","text"}]. A file of one's own replaces a built-in one
    of the same name."""

    def __init__(self, folder: Path, built_in: Path = BUILT_IN) -> None:
        self.folder = folder
        self.challenges: dict[str, Challenge] = {}
        self.problems: list[dict[str, str]] = []
        self._built_in = built_in
        self._signature: Signature | None = None
        self._good: dict[Path, Challenge] = {}

    def make_folder(self) -> None:
        """So that people find where to put their files; without it there are the built-in ones."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return

    def refresh(self) -> bool:
        """Look at the folders; True if something is not as it was."""
        own, why = _files(self.folder)
        files = _files(self._built_in)[0] + own
        signature = (*map(_stat, files), (why, 0, 0))
        if signature == self._signature:
            return False
        self._signature = signature
        found: dict[str, Challenge] = {}
        problems = [{"file": self.folder.name, "text": why}] if why else []
        good: dict[Path, Challenge] = {}
        for path in files:
            try:
                good[path] = _read(path)
            except ChallengeError as error:
                name = "".join(char if char.isprintable() else "?" for char in path.name)
                problems.append({"file": name, "text": f"{name}: {error}"})
                if path in self._good:
                    good[path] = self._good[path]
            if path in good:
                found[path.stem] = good[path]
        self._good = good
        ordered = sorted(found.values(), key=lambda one: (one.order, one.name))
        before = self.challenges, self.problems
        self.challenges, self.problems = {one.name: one for one in ordered}, problems
        return before != (self.challenges, self.problems)

    def view(self) -> dict[str, Any]:
        """{"challenges","problems"} for the pages."""
        return {"challenges": [one.view() for one in self.challenges.values()], "problems": self.problems}


def _files(folder: Path) -> tuple[list[Path], str]:
    """(the files, what is wrong with the folder or nothing)."""
    try:
        files = sorted(path for path in folder.glob("*.toml") if not path.name.startswith("."))
    except OSError as error:
        return [], f"{folder.name}: the folder of challenges cannot be read ({error.strerror})"
    if len(files) > MOST_FILES:
        return files[:MOST_FILES], f"{folder.name}: only the first {MOST_FILES} challenges of this folder are read"
    return files, ""


def _stat(path: Path) -> tuple[str, int, int]:
    try:
        stat = path.stat()
    except OSError:
        return str(path), 0, -1
    return str(path), stat.st_mtime_ns, stat.st_size


def _read(path: Path) -> Challenge:
    try:
        if not path.is_file():
            raise ChallengeError("this is not a file")
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ChallengeError(f"it cannot be read ({error.strerror})") from None
    if len(data) > MAX_FILE:
        raise ChallengeError(f"it is over {MAX_FILE} bytes")
    try:
        return parse(path.stem, data.decode())
    except UnicodeDecodeError:
        raise ChallengeError("it is not UTF-8 text") from None
