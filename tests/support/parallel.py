"""How the tests share the processor: whole files in parallel, and what needs it for itself at the end.

`make test` starts two workers more than there are processors, because most of our tests wait for other processes. A
file is run by one worker, so that what its tests share is there once. When all these have finished, those come that
need a CALM machine, beside nobody but each other: each takes a few percent of a processor, for most of its time is
waiting. What takes a whole one is ALONE: one worker runs it when all the others have finished.
"""

import fcntl
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

CALM = (  # the long ones first
    "tests/faults/test_f18_flood.py",  # others' readings shall be in time
    "tests/integration/test_node_faults.py",  # how long a node's loop was held: what holds it should be ours
    "tests/integration/test_ota_board.py",  # a trial has a limit of time, and what is late is given up
    "tests/faults/test_soak.py",  # what it does in its time shall be much
    "tests/integration/test_node_life.py",
    "tests/integration/test_node_journal.py",
    "tests/faults/test_f13_storm.py",  # sixty nodes come back at once
)
ALONE = (
    "tests/faults/test_f17_poison.py",  # does less on a busy machine, and says so
    "tests/faults/test_f29_guessing.py",  # a load
)
TOGETHER = ("tests/compose/",)  # they build the same images: one worker, one after the other
APART = ("tests/browser/", "tests/compose/")  # a network that Docker makes breaks the requests of any Chromium
FIRST = ("tests/browser/", "tests/compose/", "tests/integration/", "tests/faults/", "tests/upy/")  # the long ones


def is_alone(nodeid: str) -> bool:
    return nodeid.startswith(ALONE)


def is_calm(nodeid: str) -> bool:
    return nodeid.startswith(CALM)


def clash(file: str, other: str) -> bool:
    return {folder for folder in APART for one in (file, other) if one.startswith(folder)} == set(APART)


def place(nodeid: str) -> int:
    """The sort key of a test: the long ones first, then others, those of a calm machine, and at last those alone."""
    order = (*FIRST, "", *CALM, ALONE)
    found = [number for number, beginning in enumerate(order) if nodeid.startswith(beginning)]
    return found[-1] if found[-1] > len(FIRST) else found[0]


def workers() -> int:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return usable + 2


class Calm:
    """A worker is one of the busy ones until its first test that needs a calm machine, which waits until none is left.

    The busy ones share a lock on one file, which a worker that ends gives back too. Who can have it for himself knows
    that there are no more of them. The file is made by who starts the workers, and found by its name.
    """

    NAME = "FLEET_CALM"

    def __init__(self, *, worker: bool) -> None:
        self._worker = self._busy = worker
        if worker:
            self._file = os.open(os.environ[self.NAME], os.O_RDONLY)
            fcntl.flock(self._file, fcntl.LOCK_SH)
        else:
            self._file, os.environ[self.NAME] = tempfile.mkstemp(prefix="fleet-tests-")

    def wait_for(self, nodeid: str) -> None:
        if self._busy and is_calm(nodeid):
            self._busy = False
            fcntl.flock(self._file, fcntl.LOCK_UN)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._file)
        if not self._worker:
            Path(os.environ[self.NAME]).unlink()


class FilesThenAlone(LoadFileScheduling):
    """xdist's distribution by files; when only files are left that must run alone, one worker is left to run them.

    Workers that have a file of a calm machine wait by themselves (`Calm`): a worker does the last test that it knows
    only when it is told the next, so that it has that file before the others have finished.
    """

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        config.option.loadscopereorder = False  # they are in order already
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(folder)), super()._split_scope(nodeid))

    def _is_last(self, node: "WorkerController") -> bool:
        return all(one.shutting_down for one in self.nodes if one is not node)

    def _next(self, node: "WorkerController") -> str | None:
        """The first file in the queue that this worker may begin now."""
        beside = [
            file
            for one, work in self.assigned_work.items()
            for file, tests in work.items()
            if one is not node and not all(tests.values())
        ]
        for file in sorted(self.workqueue, key=place):  # what a dead worker left stands behind these
            if is_alone(file) and (beside or not self._is_last(node)):
                continue
            if not any(clash(file, other) for other in beside):
                return file
        return None

    def _assign_work_unit(self, node: "WorkerController") -> None:
        file = self._next(node)
        if file is not None:
            self.workqueue.move_to_end(file, last=False)
            super()._assign_work_unit(node)

    def _reschedule(self, node: "WorkerController") -> None:
        """Files, until it has three tests: a worker begins one only when it knows the next. Or its end."""
        while not node.shutting_down and self._pending_of(self.assigned_work[node]) < 3:
            if self._next(node) is not None:
                self._assign_work_unit(node)
            elif self.workqueue and self._is_last(node):
                return  # until the others have finished
            else:
                node.shutdown()  # it does what it has

    def mark_test_complete(self, node: "WorkerController", item_index: int, duration: float = 0) -> None:
        super().mark_test_complete(node, item_index, duration)
        for other in self.nodes:  # one may wait for the end of this test
            self._reschedule(other)

    def remove_node(self, node: "WorkerController") -> str | None:
        """The test in which a worker died, which is not tried again; the others take over what it had not done."""
        work = self.assigned_work.pop(node)
        died_in = next((test for tests in work.values() for test, done in tests.items() if not done), None)
        if died_in is not None:
            work[self._split_scope(died_in)][died_in] = True
            self.workqueue.update({file: tests for file, tests in work.items() if not all(tests.values())})
            for other in self.nodes:
                self._reschedule(other)
        return died_in
