"""What boards install without Internet: the packages of a static mip index, made from the files that are here.

The layout is that of micropython-lib's index v2: a package is a list of paths, each with the first eight digits of the
file's SHA-256, and a file is asked for by those digits. Only what node/package.json names is served, and umqtt.simple:
public code, never a configuration.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import fleet_schema

NODE = Path(fleet_schema.__file__).parents[1]
DIGITS = 8  # of a hash, as in micropython-lib's own index
MAX_FILES, MAX_BYTES = 200, 2_000_000  # of all files together; the node has a third of that
NODE_PACKAGE, UMQTT = "fleet-node", "umqtt.simple"
DRIVERS = "fleet_node/sensors/"
PAGE = "fleet_node/web/"  # the node's own, for a browser
SHARED = ("fleet_node/__init__.py", DRIVERS + "__init__.py", DRIVERS + "checks.py")  # what every driver needs


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    about: str
    files: dict[str, str]  # path on the board -> path below the folder of the node
    needs: tuple[str, ...] = ()


@dataclass
class Snapshot:
    """The packages, and the files by their digits, as they were when they were read."""

    packages: dict[str, Package] = field(default_factory=dict)
    digits: dict[str, str] = field(default_factory=dict)  # path below the folder of the node -> digits
    files: dict[str, bytes] = field(default_factory=dict)  # digits -> bytes


class Index:
    """Reads the folder when first asked, and again when a file of it has changed: who edits a driver and installs it
    gets what they wrote. Holds at most MAX_BYTES; a folder that is no node's, or has more, has no packages."""

    def __init__(self, node: Path = NODE) -> None:
        self._node = node
        self._stamp: object = None
        self._now = Snapshot()

    def packages(self) -> list[Package]:
        return list(self._current().packages.values())

    def package(self, name: str, version: str) -> dict[str, object] | None:
        """What mip calls package.json; None if there is no such package, or another version."""
        now = self._current()
        found = now.packages.get(name)
        if found is None or version not in ("latest", found.version):
            return None
        return {
            "v": 1,
            "version": found.version,
            "hashes": [[target, now.digits[source]] for target, source in found.files.items()],
            "deps": [[one, "latest"] for one in found.needs],
        }

    def file(self, digits: str) -> bytes | None:
        """The bytes of a file of the packages that were asked for last."""
        return self._now.files.get(digits) or self._current().files.get(digits)

    def _current(self) -> Snapshot:
        packages = _packages(self._node)
        names = sorted({source for one in packages for source in one.files.values()})
        try:
            stats = [(self._node / name).stat() for name in names]
        except OSError:  # listed but not there: better nothing than a node that lacks a part
            packages, names, stats = [], [], []
        stamp = (packages, [(one.st_mtime_ns, one.st_size) for one in stats])
        if stamp != self._stamp:
            self._now = _read(self._node, packages, names, sum(one.st_size for one in stats))
            self._stamp = stamp
        return self._now


def _packages(node: Path) -> list[Package]:
    try:
        manifest = json.loads((node / "package.json").read_text())
        version, urls = str(manifest["version"]), dict(manifest["urls"])
        needs = tuple(name for name, _ in manifest["deps"])
    except (OSError, ValueError, KeyError, TypeError):
        return []
    if not all(map(_is_public, urls.values())):
        return []
    schema = {path: path for path in urls if path.startswith("fleet_schema/")}
    found = [
        Package(NODE_PACKAGE, version, "the whole node, with main.py", urls, needs),
        Package("fleet-schema", version, "names, topics and checks of the contract, for a node of your own", schema),
    ]
    for path in sorted(urls):
        if path.startswith(DRIVERS) and path.endswith(".py") and path not in SHARED:
            name = path[len(DRIVERS) : -len(".py")]
            files = {one: one for one in (*SHARED, path)}
            found.append(Package(f"fleet-{name}", version, f"the driver of the {name.upper()} alone", files))
    return found + _umqtt(node)


def _is_public(path: str) -> bool:
    """Code, below the folder. Whatever a manifest says, no configuration leaves this computer."""
    inside = not path.startswith("/") and ".." not in path.split("/")
    page = path.startswith(PAGE) and path.endswith((".css", ".html", ".js"))
    return inside and (path.endswith((".py", ".txt")) or page or path == "config.example.json")


def _umqtt(node: Path) -> list[Package]:
    """As `python -m fleet_tools.fetch` got it; its second word is the version."""
    try:
        version = (node / "lib" / "umqtt" / "VERSION").read_text().split()[1]
    except (OSError, IndexError):
        return []
    return [Package(UMQTT, version, "the MQTT client that the node uses", {"umqtt/simple.py": "lib/umqtt/simple.py"})]


def _read(node: Path, packages: list[Package], names: list[str], size: int) -> Snapshot:
    if len(names) > MAX_FILES or size > MAX_BYTES:
        return Snapshot()
    made = Snapshot({one.name: one for one in packages})
    for name in names:
        data = (node / name).read_bytes()
        digits = hashlib.sha256(data).hexdigest()[:DIGITS]
        made.digits[name] = digits
        if made.files.setdefault(digits, data) != data:
            raise ValueError(f"two files begin with the hash {digits}: {name} and another")
    return made
