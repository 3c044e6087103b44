"""How the tests share the processor: whole files in parallel, and what needs it for itself at the end.

`make test` starts two workers more than there are processors, because most of our tests wait for other processes. A
file is run by one worker, so that what its tests share is there once. What measures time, or is a load itself, is
ALONE: one worker runs it when all the others have finished.
"""

import os
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

ALONE = (
    "tests/faults/test_f13_storm.py",  # sixty nodes come back at once: a load
    "tests/faults/test_f17_poison.py",  # does less on a busy machine, and says so
    "tests/faults/test_f18_flood.py",  # a load, and others' readings shall be in time
    "tests/faults/test_f29_guessing.py",  # a load
    "tests/faults/test_soak.py",  # a load, and what it does in its time shall be much
    "tests/integration/test_node_faults.py",  # how long a node's loop was held: what holds it should be ours
    "tests/integration/test_node_journal.py",
    "tests/integration/test_node_life.py",
    "tests/integration/test_ota_board.py",  # a trial has a limit of time, and what is late is given up
)
TOGETHER = ("tests/compose/",)  # they build the same images: one worker, one after the other
APART = ("tests/browser/", "tests/compose/")  # a network that Docker makes breaks the requests of any Chromium
FIRST = ("tests/browser/", "tests/compose/", "tests/integration/", "tests/faults/")  # the long ones


def is_alone(nodeid: str) -> bool:
    return nodeid.startswith(ALONE)


def clash(file: str, other: str) -> bool:
    return {folder for folder in APART for one in (file, other) if one.startswith(folder)} == set(APART)


def place(nodeid: str) -> int:
    """The sort key of a test: the long ones first, those that run alone last."""
    if is_alone(nodeid):
        return len(FIRST) + 1
    return next((number for number, folder in enumerate(FIRST) if nodeid.startswith(folder)), len(FIRST))


def workers() -> int:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return usable + 2


class FilesThenAlone(LoadFileScheduling):
    """xdist's distribution by files; when only files are left that must run alone, one worker is left to run them."""

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
        for file in sorted(self.workqueue, key=is_alone):  # what a dead worker left stands behind these
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
