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


def time_of(nodeid: str) -> int:
    """0: beside any other; 1: on a calm machine; 2: alone."""
    return 2 if nodeid.startswith(ALONE) else 1 if nodeid.startswith(CALM) else 0


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


class Turn:
    """A worker's first test of a later time waits until no other worker has one of an earlier time before it.

    For each time that a worker has not left it holds a lock that the others may share, on a byte of one file; its end
    gives them back too. Who can have the bytes for himself knows that nobody is in their times any more. The file is
    made by who starts the workers, and found by its name.
    """

    NAME = "FLEET_TURN"

    def __init__(self, *, worker: bool) -> None:
        self._worker = worker
        self._time = 0
        if worker:
            self._file = os.open(os.environ[self.NAME], os.O_RDWR)
            fcntl.lockf(self._file, fcntl.LOCK_SH, 2)
        else:
            self._file, os.environ[self.NAME] = tempfile.mkstemp(prefix="fleet-tests-")

    def wait_for(self, nodeid: str) -> None:
        time = time_of(nodeid)
        if self._worker and time > self._time:
            self._time = time
            fcntl.lockf(self._file, fcntl.LOCK_UN, time)
            fcntl.lockf(self._file, fcntl.LOCK_EX, time)
            fcntl.lockf(self._file, fcntl.LOCK_UN, time)

    def close(self) -> None:
        os.close(self._file)
        if not self._worker:
            Path(os.environ[self.NAME]).unlink()


class FilesInTurn(LoadFileScheduling):
    """xdist's distribution by files, the long ones first. For the calm a worker waits by itself: see `Turn`.

    For it does the last test that it knows only when it is told the next, or its end.
    """

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        config.option.loadscopereorder = False  # they are in order already
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(ALONE):
            return ALONE[0]
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
        time = min(map(time_of, self.workqueue), default=0)
        for file in sorted(self.workqueue, key=place):  # what a dead worker left stands behind these
            if time_of(file) == time and not any(clash(file, other) for other in beside):
                return file
        return None

    def _assign_work_unit(self, node: "WorkerController") -> None:
        file = self._next(node)
        if file is not None:
            self.workqueue.move_to_end(file, last=False)
            super()._assign_work_unit(node)

    def _reschedule(self, node: "WorkerController") -> None:
        """Files, until it has three tests: a worker begins one only when it knows the next. Or its end."""
        if node not in self.registered_collections:
            return  # in the place of one that died: it says in a moment which tests there are, and is asked for again
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
