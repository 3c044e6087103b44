"""The walls of the house: who may import whom, where a library is used, where tasks begin, how long a file may be."""

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NODE = ROOT / "node"
PACKAGES = {
    "fleet_schema": NODE / "fleet_schema",
    "fleet_node": NODE / "fleet_node",
    "sim": NODE / "sim",
    "fleet_client": ROOT / "fleet-tools" / "fleet_client",
    "fleet_tools": ROOT / "fleet-tools" / "fleet_tools",
    "fleet_dashboard": ROOT / "dashboard" / "fleet_dashboard",
}
OURS = {*PACKAGES, "devices", "machine", "world"}  # node/sim lies on the path itself, so its parts are top level
MAY_IMPORT = {
    "fleet_schema": {"fleet_schema"},
    "fleet_node": {"fleet_node", "fleet_schema", "machine", "world"},
    "sim": {"devices", "machine", "world"},
    "fleet_client": {"fleet_client", "fleet_schema"},
    "fleet_tools": {"fleet_tools", "fleet_client", "fleet_schema"},
    "fleet_dashboard": {"fleet_dashboard", "fleet_client", "fleet_schema"},
}

# A library, and the files (or folders) that alone may import it.
ONLY_IN = {
    "paho": ["fleet-tools/fleet_client/"],
    "umqtt": ["node/fleet_node/link.py"],
    "sqlite3": ["dashboard/fleet_dashboard/store.py", "dashboard/fleet_dashboard/store_"],
    "machine": ["node/fleet_node/boards/", "node/sim/"],
    "world": ["node/fleet_node/boards/unix.py", "node/sim/"],
    "network": ["node/fleet_node/boards/"],
    "socket": ["node/fleet_node/dial.py", "node/sim/poll_room.py", "fleet-tools/", "dashboard/fleet_dashboard/"],
    "click": ["fleet-tools/fleet_tools/"],
    "cryptography": ["fleet-tools/fleet_tools/certificates.py"],
    "mpremote": ["fleet-tools/fleet_tools/board.py", "fleet-tools/fleet_tools/board_line.py"],
    "serial": [
        "fleet-tools/fleet_tools/board.py",
        "fleet-tools/fleet_tools/board_line.py",
        "fleet-tools/fleet_tools/boards.py",
    ],
    "rich": ["fleet-tools/fleet_tools/"],
    "starlette": ["dashboard/fleet_dashboard/"],
    "uvicorn": ["dashboard/fleet_dashboard/service.py"],
}

# The one file of a process that creates tasks, and the exceptions with their reason.
STARTS_TASKS = {
    "node/fleet_node/app.py",
    "dashboard/fleet_dashboard/service.py",
    "fleet-tools/fleet_client/client.py",  # a client owns the one task that keeps it connected
    "fleet-tools/fleet_tools/logs.py",  # a board's line is waited for in a thread of its own
    "fleet-tools/fleet_tools/workshop_alone.py",  # the same
    "fleet-tools/fleet_tools/send.py",  # one request for each node that was named
}
TASK_STARTERS = {"create_task", "ensure_future", "TaskGroup", "gather", "start_new_thread", "Thread"}

LONGEST = {"node": 200, "dashboard": 400, "fleet-tools": 400, "bench": 400}  # lines


def sources(*folders: Path, suffix: str = ".py") -> list[Path]:
    found = [path for folder in folders for path in sorted(folder.rglob("*" + suffix))]
    return [path for path in found if NODE / "lib" not in path.parents and "__pycache__" not in path.parts]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def imports(path: Path) -> tuple[tuple[str, int], ...]:
    """(top-level module, line) of every import, also inside functions and of __import__ with a literal."""
    return tuple(find_imports(path))


def find_imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: imports name their package in full"
            yield (node.module or "").split(".")[0], node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("__import__", "importlib.import_module"):
            names = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            yield from ((str(name).split(".")[0], node.lineno) for name in names[:1])


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_those_below_it(package: str) -> None:
    files = sources(PACKAGES[package])
    assert files, f"{package} has no files"
    wrong = [
        f"{name_of(path)}:{line} imports {module}"
        for path in files
        for module, line in imports(path)
        if module in OURS and module not in MAY_IMPORT[package]
    ]
    assert not wrong, "\n".join(wrong)


def test_the_contract_needs_nothing_but_json() -> None:
    used = {module for path in sources(PACKAGES["fleet_schema"]) for module, _ in imports(path)}
    assert used == {"json", "fleet_schema"}


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_used_in_its_place_only(library: str) -> None:
    places = tuple(ONLY_IN[library])
    wrong = [
        f"{name_of(path)}:{line}"
        for path in sources(*PACKAGES.values())
        for module, line in imports(path)
        if module == library and not name_of(path).startswith(places)
    ]
    assert not wrong, f"{library} outside {', '.join(places)}: {wrong}"


def test_tasks_begin_in_one_file_of_each_process() -> None:
    wrong = []
    for path in sources(*PACKAGES.values()):
        for node in ast.walk(ast.parse(path.read_text(), str(path))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func).rsplit(".", 1)[-1]
                if called in TASK_STARTERS and name_of(path) not in STARTS_TASKS:
                    wrong.append(f"{name_of(path)}:{node.lineno} calls {called}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("folder", LONGEST)
def test_a_file_is_short_enough_to_be_read(folder: str) -> None:
    files = sources(ROOT / folder) + sources(ROOT / folder, suffix=".js") + sources(ROOT / folder, suffix=".css")
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in files}
    too_long = {name: lines for name, lines in lengths.items() if lines >= LONGEST[folder]}
    assert not too_long, f"{LONGEST[folder]} lines is the limit"


def test_nothing_in_node_shadows_a_module_of_cpython() -> None:
    """An editable install puts node/ on CPython's path."""
    names = {path.stem for path in NODE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert names & sys.stdlib_module_names == set()


def test_every_module_says_what_it_owns() -> None:
    silent = [
        name_of(path)
        for path in sources(*PACKAGES.values())
        if path.read_text().strip() and ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert not silent


def test_no_module_is_named_after_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert not [
        name_of(path) for path in sources(ROOT / "bench", ROOT / "tests", *PACKAGES.values()) if path.stem in vague
    ]


def test_a_topic_is_spelled_in_one_place() -> None:
    """A string with `/1/` in it is a topic: only the contract knows how one looks."""
    spelled = {
        name_of(path)
        for path in sources(*PACKAGES.values())
        for node in ast.walk(without_docstrings(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "/1/" in node.value
    }
    # An access list is made of patterns that no message is ever sent to.
    lists = {f"fleet-tools/fleet_tools/{name}.py" for name in ("accounts", "lesson")}
    assert spelled <= {"node/fleet_schema/topics.py", *lists}


def without_docstrings(path: Path) -> ast.Module:
    tree = ast.parse(path.read_text(), str(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [
                one for one in node.body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
            ]
    return tree
