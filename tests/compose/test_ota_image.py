"""`fleet ota` to thirty nodes in Docker: the broker, the dashboard and the node of our images, and a class's accounts.

What can go wrong with an update goes wrong at one of them; tests/artifacts/ota.md is what became of each.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support import tiers
from support.composed import Fleet, wait_until
from support.probe import Probe
from support.slot_crew import SlotContainer
from support.slots import new_program

pytestmark = pytest.mark.timeout(900)  # the first of them builds the images
TABLE = tiers.ROOT / "tests" / "artifacts" / "ota.md"
NODES = [f"fleet-{number:02d}" for number in range(1, 31)]
MEASURED, HEAP = "fleet-01", "320K"
OLD, NEW = "0.1.0", "0.2.0"
FULL, MANIFEST, FILES = "fleet-04", "fleet-05", "fleet-06"
OFF = ("fleet-14", "fleet-15", "fleet-16")
STAY_OLD = (FULL, MANIFEST, FILES)
CUTS: dict[str, list[list[Any]]] = {
    "fleet-07": [["bytes", 1]],
    "fleet-08": [["bytes", 20_000], ["bytes", 60_000]],
    "fleet-09": [["bytes", 100_000], ["bytes", 250_000], ["chosen"]],
    "fleet-10": [["bytes", 290_000]],
    "fleet-11": [["chosen"]],
    "fleet-12": [["trial"]],
    "fleet-13": [["kept"]],
    "fleet-17": [["bytes", share] for share in (1, 40_000, 140_000, 260_000)],
    "fleet-18": [["bytes", share] for share in (4000, 90_000, 200_000, 310_000)],
}
TROUBLES = {
    FULL: ("its flash is full", {"place": "/full", "spare": 100_000}),
    MANIFEST: ("the manifest is changed on its way", {"spoil": "manifest"}),
    FILES: ("the files are changed on their way", {"spoil": "files"}),
    **{node: ("off when it begins, comes last", {}) for node in OFF},
}
WITHIN = 180


@dataclass
class Told:
    """What `fleet ota start` said line by line, and at its end."""

    code: int
    job: dict[str, Any]
    lines: list[tuple[float, str, str]] = field(default_factory=list)  # (monotonic, node, state)

    @property
    def states(self) -> dict[str, str]:
        return {row["node"]: row["st"] for row in self.job["rows"]}

    def row(self, node: str) -> dict[str, Any]:
        found: dict[str, Any] = next(row for row in self.job["rows"] if row["node"] == node)
        return found

    def shown(self, node: str) -> list[str]:
        return ["QUEUED", *(state for _, name, state in self.lines if name == node)]

    def ended(self) -> set[str]:
        """The nodes of which it said how it ended."""
        return {node for _, node, state in self.lines if state not in ("QUEUED", "IN_PROGRESS")}

    def seconds(self, node: str) -> float:
        at = [moment for moment, name, _ in self.lines if name == node]
        return at[-1] - at[0]


class Lesson:
    """Thirty nodes in three containers, on the broker and the dashboard of a Compose project of their own."""

    def __init__(self, fleet: Fleet, folder: Path, secrets: dict[str, str], probe: Probe) -> None:
        self._fleet, self.folder, self.probe, self._secrets = fleet, folder, probe, secrets
        (folder / "secrets.json").write_text(json.dumps(secrets))
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("FLEET_")},
            "FLEET_CLASSES": str(folder / "classes"),
            "FLEET_BROKER": fleet.url("tools"),
        }
        self.containers = [
            SlotContainer(fleet.project, number, {node: self._about(node) for node in NODES[number::3]})
            for number in range(3)
        ]

    def _about(self, node: str) -> dict[str, Any]:
        broker = {"host": "broker", "port": 1883, "user": node, "password": self._secrets[node]}
        config = {"node": node, "base": "fleet", "broker": broker, "sensors": ["sht4x"], "trial": 120}
        about = {"place": "/flash", "config": config, **TROUBLES.get(node, ("", {}))[1]}
        if node == MEASURED:
            config["health"] = 1000
            about["heap"] = HEAP
        return about

    def container(self, node: str) -> SlotContainer:
        return next(one for one in self.containers if node in one.nodes)

    def order(self, node: str, do: str, **more: Any) -> None:
        self.container(node).order(node, do, **more)

    def versions(self) -> dict[str, str]:
        """{node: the version that it announced last}."""
        found = {}
        for one in self.probe.seen("fleet/1/+/meta"):
            found[one.topic.split("/")[2]] = one.json()["app"]
        return {node: found.get(node, "") for node in NODES}

    def states(self) -> dict[str, str]:
        found = {node["id"]: node["state"] for node in self._fleet.snapshot()["nodes"]}
        return {node: found.get(node, "") for node in NODES}

    def all_are(self, *offline: str) -> None:
        expected = {node: "online" for node in NODES if node not in offline}
        wait_until(
            lambda: {node: state for node, state in self.states().items() if node not in offline} == expected,
            self.states,
            WITHIN,
        )
        wait_until(lambda: not any(self.states()[node] == "online" for node in offline), self.states, WITHIN)

    def job(self) -> dict[str, Any]:
        """The last one, as `fleet ota status` shows it."""
        line = self._command("status")
        done = subprocess.run(line, env=self._env, capture_output=True, text=True, timeout=60, check=False)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def cuts(self, node: str) -> list[dict[str, Any]]:
        return [one for one in self.container(node).told(node) if "cut" in one]

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "fleet_tools", "ota", *words, "--json"]

    def start(self, source: Path, *words: str, meanwhile: Callable[[Told], None] | None = None) -> Told:
        """`fleet ota start`, to its end."""
        given = ("start", "--from", str(source), "--secrets", str(self.folder / "secrets.json"), *words)
        process = subprocess.Popen(
            self._command(*given), env=self._env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        told, said = Told(0, {}), []

        def listen() -> None:
            assert process.stderr is not None
            for line in process.stderr:
                said.append(line)
                if found := re.match(r"(fleet-\d\d) +([A-Z_]+)", line):
                    told.lines.append((time.monotonic(), found[1], found[2]))

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        try:
            if meanwhile:
                meanwhile(told)
            told.code = process.wait(WITHIN)
            listener.join(10)
            assert process.stdout is not None
            told.job = json.loads(process.stdout.read())
        except (AssertionError, ValueError, subprocess.TimeoutExpired):
            print("".join(said))
            raise
        finally:
            process.kill()
            process.communicate()
        return told


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lesson]:
    fleet = Fleet()
    try:
        fleet.compose("build", within=800)
        fleet.compose("up", "--detach", "--wait", "broker", "dashboard", within=180)
        fleet.compose("run", "--rm", "-T", "class", "new", "fleet", "--nodes", "30")
        said = json.loads(fleet.compose("run", "--rm", "-T", "class", "show", "--secrets", "--json"))
        secrets = {one["id"]: one["secret"] for one in said["nodes"]}
        with Probe(fleet.url("tools"), "fleet/1/#") as probe, contextlib.ExitStack() as stack:
            lesson = Lesson(fleet, tmp_path_factory.mktemp("ota"), secrets, probe)
            for container in lesson.containers:
                stack.enter_context(container)
            lesson.all_are()
            assert set(lesson.versions().values()) == {OLD}
            probe.expect_count(3, f"fleet/1/{MEASURED}/health", within=60)
            yield lesson
    finally:
        logs = fleet.run("docker", "compose", "logs", "--no-color", "--tail", "40")
        print(logs.stdout[-6000:])
        fleet.run("docker", "compose", "--profile", "sim", "down", "--volumes", "--timeout", "5", within=120)


def test_a_program_with_bad_syntax_gets_no_further_than_the_second_stage(lesson: Lesson, tmp_path: Path) -> None:
    bad = new_program(tmp_path / "bad", "0.1.1", **{"fleet_node/app.py": "\nthis is no Python\n"})
    told = lesson.start(bad, "--all", "--max-failures", "3")
    tried = NODES[:3]
    assert told.code == 3
    assert told.states == {node: "FAILED" if node in tried else "CANCELED" for node in NODES}
    assert all("SyntaxError" in told.row(node)["err"] for node in tried), told.job
    assert told.job["over"] == "stopped after 3 failures"
    order = [node for _, node, state in told.lines if state == "IN_PROGRESS"]
    assert order[0] == NODES[0]
    assert set(order) == set(tried)
    first = next(at for at, node, state in told.lines if (node, state) == (NODES[0], "FAILED"))
    assert all(at > first for at, node, _ in told.lines if node in tried[1:]), "the second stage did not wait"
    asked = {one.topic.split("/")[2] for one in lesson.probe.seen("fleet/1/+/ota")}
    assert asked == set(tried), "somebody else has touched it"
    lesson.all_are()
    assert set(lesson.versions().values()) == {OLD}


def test_a_program_that_never_connects_is_tried_by_one_node_and_left(lesson: Lesson, tmp_path: Path) -> None:
    never = "\n\nasync def _never(self):\n    await asyncio.sleep_ms(10**9)\n\n\nLink.run = _never\n"
    bad = new_program(tmp_path / "bad", "0.1.2", **{"fleet_node/link.py": never})
    lesson.order(MEASURED, "set", config={"trial": 5})
    told = lesson.start(bad, "--all")
    assert told.code == 3
    assert told.states == {node: "FAILED" if node == MEASURED else "CANCELED" for node in NODES}
    assert "not heard by the host" in told.row(MEASURED)["err"]
    lesson.order(MEASURED, "set", config={"trial": 120})
    lesson.all_are()
    assert set(lesson.versions().values()) == {OLD}


def test_all_end_on_the_right_version_whatever_happens_to_them(lesson: Lesson, tmp_path: Path) -> None:
    more = {f"fleet_node/more{number}.py": "# " + "x" * 24_000 for number in range(5)}
    good = new_program(tmp_path / "good", NEW, **more)
    for node in OFF:
        lesson.order(node, "off")
    for node, cuts in CUTS.items():
        lesson.order(node, "cut", cuts=cuts)
    lesson.all_are(*OFF)
    before = lesson.versions()
    meanwhile: dict[str, str] = {}

    def late(so_far: Told) -> None:
        """Those that were off come when all others are through."""
        through = set(NODES) - set(OFF)
        wait_until(lambda: so_far.ended() == through, so_far.ended, WITHIN)

        def status() -> set[str]:
            """Those that are through by `fleet ota status`: it is a moment later than what `start` says."""
            meanwhile.update({row["node"]: row["st"] for row in lesson.job()["rows"]})
            return {node for node, state in meanwhile.items() if state in ("SUCCEEDED", "FAILED")}

        wait_until(lambda: status() == through, lambda: meanwhile, WITHIN)
        for node in OFF:
            lesson.order(node, "on")

    told = lesson.start(good, "--all", "--max-failures", "4", meanwhile=late)
    right = {node: OLD if node in STAY_OLD else NEW for node in NODES}
    wait_until(lambda: lesson.versions() == right, lesson.versions)
    after = lesson.versions()
    write(lesson, told, before, after, {})
    assert meanwhile == {**told.states, **dict.fromkeys(OFF, "QUEUED")}, "fleet ota status, before they came"
    assert told.states == {node: "FAILED" if node in STAY_OLD else "SUCCEEDED" for node in NODES}, told.job
    assert {tuple(told.shown(node)[:2]) for node in NODES} == {("QUEUED", "IN_PROGRESS")}
    assert {len(told.shown(node)) for node in NODES} == {3}, "a state is told twice"
    assert lesson.job()["rows"] == told.job["rows"], "fleet ota status shows something else"
    assert told.row(FULL)["err"] == "the flash is full"
    assert told.row(MANIFEST)["err"] == "wrong hash: manifest"
    assert re.fullmatch(r"wrong hash: fleet_node/\S+\.py", told.row(FILES)["err"])
    for node, cuts in CUTS.items():
        assert [one["cut"] for one in lesson.cuts(node)] == cuts, node

    for node in STAY_OLD:
        lesson.order(node, "repair")
    again = lesson.start(good, *(word for node in STAY_OLD for word in ("--to", node)))
    assert again.states == dict.fromkeys(STAY_OLD, "SUCCEEDED"), again.job
    wait_until(lambda: set(lesson.versions().values()) == {NEW}, lesson.versions)
    now = lesson.versions()
    write(lesson, told, before, after, {node: now[node] for node in STAY_OLD})
    lesson.all_are()


def happened(lesson: Lesson, node: str) -> str:
    if node in TROUBLES:
        return TROUBLES[node][0]
    cuts = [f"{one['there']} bytes" if one["cut"][0] == "bytes" else one["cut"][0] for one in lesson.cuts(node)]
    return "killed at " + ", ".join(cuts) if cuts else ""


def memory(lesson: Lesson, told: Told) -> list[str]:
    """The free heap of one node as it reports it, before the first job of all and while it fetches."""
    first = lesson.probe.seen(f"fleet/1/{MEASURED}/ota")[0].at
    asked = [
        one.at
        for one in lesson.probe.seen(f"fleet/1/{MEASURED}/ota")
        if one.json()["job"] == told.job["job"] and "want" in one.json()
    ]
    said = [(one.at, one.json()["mem"]) for one in lesson.probe.seen(f"fleet/1/{MEASURED}/health")]
    idle = [free for at, free in said if at < first]
    busy = [free for at, free in said if asked[0] < at < asked[-1]]
    assert idle, "no report of its memory before the first update"
    assert busy, f"no report of its memory in {asked[-1] - asked[0]:.1f} s"
    rows = [
        f"| {what} | {len(free)} | {max(free)} | {min(free)} |" for what, free in (("idle", idle), ("fetching", busy))
    ]
    text = (
        f"{MEASURED} has a heap of {HEAP} (64 bit, the simulated chips are in it). What it reports once a second in its"
        " `health` is gc.mem_free(): bytes that are free, garbage that was not collected yet not counted as free."
    )
    return [text, "", "| | reports | most free | least free |", "|---|---:|---:|---:|", *rows]


def write(lesson: Lesson, told: Told, before: dict[str, str], after: dict[str, str], repaired: dict[str, str]) -> None:
    """tests/artifacts/ota.md"""
    table = [
        "| node | stage | what happens to it | states shown | reason | chunks | s | before | after | repaired |",
        "|---|---:|---|---|---|---:|---:|---|---|---|",
    ]
    for node in NODES:
        row, took = told.row(node), f"{told.seconds(node):.1f}"
        line = (node, row["stage"] + 1, happened(lesson, node), ", ".join(told.shown(node)), row["err"], row["chunks"])
        versions = (before[node], after[node], repaired.get(node, "-"))
        table.append("| " + " | ".join(map(str, (*line, took, *versions))) + " |")
    began, ended = told.lines[0][0], told.lines[-1][0]
    text = (
        f"From the first word to the last: {ended - began:.1f} s. Versions are those that the nodes announced in"
        " `meta`; s is from a node's first word to its last. Repaired: the same program, offered again to those that"
        " had failed, when there was room and nothing was changed any more."
    )
    parts = ["# Thirty nodes in Docker get a new program over the air", "", text, "", *table, ""]
    parts += ["## Memory", "", *memory(lesson, told), ""]
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text("\n".join(parts))
