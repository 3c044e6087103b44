"""A broker, a dashboard, any number of nodes with flash, and the history of all they do: what a fault test runs on.

with Rig(tmp_path) as rig:
    ada = rig.node("ada", period=100)
    ...faults...
    rig.settle()
    print(rig.verdict())
"""

import json
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from fleet_schema import topics
from support import checker
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.history import History, Record, rows_of, taken_from
from support.node import NodeProcess
from support.probe import Probe

PATIENCE = 60.0  # s; what takes seconds on an idle machine may take many times that on a busy one
NEVER_MS = 3_600_000  # the longest period there is


class Rig:
    """`link` is the broker's URL for the dashboard, if it is not the broker itself but a proxy; it gets the port."""

    def __init__(
        self,
        folder: Path,
        *config: str,
        link: Callable[[int], str] | None = None,
        environment: dict[str, str] | None = None,
        prefix: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        (folder / "taken").mkdir(parents=True, exist_ok=True)
        self.history = History(folder / "history.jsonl")
        self.nodes: dict[str, NodeProcess] = {}
        # An observer that is away for a moment shall miss nothing, and neither shall one who waits for the host.
        self.broker = Broker("allow_anonymous true", "queue_qos0_messages true", *config)
        self._link = link
        self._dashboard: dict[str, Any] = {"environment": environment or {}, "prefix": prefix}
        self._stack = ExitStack()

    # -- its parts -----------------------------------------------------------------------------------------------

    def __enter__(self) -> "Rig":
        try:
            self._stack.enter_context(self.history)
            self._stack.enter_context(self.broker)
            self.observer = self._stack.enter_context(Probe(self.broker.url, "fleet/1/+/ack"))
            told = ("fleet/1/_host/stored/+", "fleet/1/+/journal")
            self._stack.enter_context(Probe(self.broker.url, *told, tell=self.history.heard, remember=False))
            url = self._link(self.broker.port) if self._link else self.broker.url
            data = self.folder / "data"
            self.dashboard = DashboardProcess(url, data_dir=data, **self._dashboard)
            self._stack.enter_context(self.dashboard)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def node(self, name: str, url: str | None = None, start: bool = True, **settings: Any) -> NodeProcess:
        """A node whose readings are noted and whose flash outlives it; it runs, unless it shall not `start` yet."""
        given = {"flash": True, "history": self.folder / "taken" / f"{name}.jsonl", "reborn": True, **settings}
        node = self.nodes[name] = NodeProcess(url or self.broker.url, name, **given)
        if start:
            node.start()
        self._stack.push(node)
        return node

    def kill(self, node: NodeProcess) -> None:
        """As a power cut; what was in its RAM may be lost."""
        at = time.time()
        node.kill()
        if node.boot is not None:
            self.history.add("kill", at, node=node.id, boot=node.boot)

    def fault(self, name: str, on: str, **more: Any) -> None:
        self.history.add("fault", name=name, on=on, **more)

    # -- what has been taken and stored ------------------------------------------------------------------------

    def taken(self, name: str | None = None) -> list[Record]:
        """What the nodes noted so far, or one of them."""
        names = [name] if name else list(self.nodes)
        return [one for each in names for one in taken_from(each, self.folder / "taken" / f"{each}.jsonl")]

    def rows(self) -> list[Record]:
        return list(rows_of(self.dashboard.database))

    def result(self, **bounds: Any) -> checker.Result:
        """What the checker says right now; before `settle` it finds that readings are still on their way."""
        told = self.history.of("told", "kept", "kill")  # before the rows are read: what is told must be there
        taken = self.taken()
        return checker.check([*taken, *told, *self.rows()], **bounds)

    def wait_for_readings(self, count: int, name: str | None = None, within: float = PATIENCE) -> None:
        """Until the nodes took so many more than now."""
        goal = len(self.taken(name)) + count
        wait(lambda: len(self.taken(name)) >= goal, lambda: f"{len(self.taken(name))} of {goal} were taken", within)

    def wait_until_stored(self, what: str = "", within: float = PATIENCE, **bounds: Any) -> float:
        """Until everything that was taken before this call is stored or accounted for; how long it took."""
        began = time.monotonic()
        before = {(one["node"], one["boot"], one["seq"]) for one in self.taken()}

        def missing() -> set[tuple[str, str, int]]:
            rows = {(one["node"], one["boot"], one["seq"]) for one in self.rows()}
            return before - rows

        def accounted() -> bool:
            return not missing() or not self.result(**bounds).unexcused & before

        def said() -> str:
            return f"{what}: {len(missing())} of {len(before)} are not stored: {sorted(missing())[:9]}"

        wait(accounted, said, within)
        return time.monotonic() - began

    def obeyed(self, command: str, within: float = PATIENCE, **args: Any) -> float:
        """Command all nodes, and again those that did not hear it, until each has done it; how long it took."""
        waiting, began = set(self.nodes), time.monotonic()
        topic = topics.command_topic("fleet", topics.ALL, command)
        while waiting:
            request, mark = f"r-{uuid.uuid4().hex[:8]}", self.observer.mark()
            try:
                self.observer.publish(topic, json.dumps({"id": request, **args}))
            except RuntimeError:  # it is not connected again yet; sent as soon as it is
                pass
            again = time.monotonic() + 1.5
            while waiting and time.monotonic() < again:
                time.sleep(0.05)
                for seen in self.observer.seen("fleet/1/+/ack"):
                    if request.encode() in seen.payload:
                        waiting.discard(seen.topic.split("/")[2])
            said = {one: self.nodes[one].output.splitlines()[-2:] for one in sorted(waiting)}
            assert not waiting or time.monotonic() < began + within, (
                f"{len(waiting)} of {len(self.nodes)} nodes did not obey within {within} s; since the last try came "
                f"{self.observer.mark() - mark} messages, and they said last: {said}"
            )
        return time.monotonic() - began

    def hush(self, within: float = PATIENCE) -> None:
        """Let every node take no more readings, so that an end can be seen."""
        self.obeyed("period", within, ms=NEVER_MS)
        time.sleep(0.3)  # a sampler looks at its period every 200 ms

    def settle(self, within: float = PATIENCE, **bounds: Any) -> float:
        """No more readings, and all of them delivered; how long the delivery took."""
        self.hush(within)
        return self.wait_until_stored("after the last reading", within, **bounds)

    def wait_until_ordered(self, within: float = PATIENCE) -> None:
        """Until samples whose clock got better are placed again: the dashboard does so some seconds later."""

        def wrong() -> list[str]:
            return checker.check(self.rows()).violations["order"]

        wait(lambda: not wrong(), lambda: f"in the wrong order: {wrong()[:5]}", within)

    def verdict(self, **bounds: Any) -> checker.Result:
        """End everything, read what is stored, and judge; the history gets all that was judged."""
        for node in self.nodes.values():
            node.world("quit")
        for node in self.nodes.values():
            node.wait(30)
        assert self.dashboard.stop(within=30)[0] == 0, self.dashboard.output
        for record in [*self.taken(), *self.rows()]:
            self.history.add(**{"at": 0.0, **record})
        return checker.check(self.history.records, **bounds)

    def miscounts(self) -> list[str]:
        """Where the host's own account (/api/delivery) differs from the truth; call it after `settle`."""
        return [*compare(self.dashboard.get("/api/delivery")["nodes"], self.taken(), self.rows(), self._killed())]

    def _killed(self) -> set[tuple[str, str]]:
        return {(one["node"], one["boot"]) for one in self.history.of("kill")}


def compare(
    nodes: list[dict[str, Any]], taken: list[Record], rows: list[Record], killed: set[tuple[str, str]]
) -> list[str]:
    """Sentences; a boot that was killed may have taken more than the host ever heard of."""
    wrong = []
    for node in nodes:
        for boot in node["boots"]:
            key = (node["id"], boot["boot"])
            name = f"{key[0]} {key[1]}: {boot}"
            took = sum((one["node"], one["boot"]) == key for one in taken)
            stored = sum((one["node"], one["boot"]) == key for one in rows)
            parts = sum(boot[part] for part in ("stored", "missing", "dropped", "gone", "before"))
            if boot["taken"] != parts:
                wrong.append(f"{name} does not add up")
            if boot["stored"] != stored:
                wrong.append(f"{name}, but {stored} are stored")
            if boot["missing"]:
                wrong.append(f"{name} still waits")
            if boot["taken"] != took and (key not in killed or boot["taken"] > took):
                wrong.append(f"{name}, but {took} were taken")
            if key not in killed and (boot["gone"] or boot["before"]):
                wrong.append(f"{name}, but it was never killed")
    return wrong


def wait(condition: Callable[[], object], what: Callable[[], str], within: float = PATIENCE) -> None:
    """Until the condition holds; it is asked less often if asking takes long."""
    deadline = time.monotonic() + within
    while True:
        began = time.monotonic()
        if condition():
            return
        now = time.monotonic()
        assert now < deadline, f"not within {within} s: {what()}"
        time.sleep(max(0.05, 2 * (now - began)))
