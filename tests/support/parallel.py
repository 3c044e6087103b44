"""How the tests share the processor: whole files in parallel, and what needs it for itself at the end.

`make test` starts one worker more than there are processors, because most of our tests wait for other processes. A file
is run by one worker, so that what its tests share is there once. What measures time, or is a load itself, is ALONE:
one worker runs it when all the others have finished.
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
    "tests/faults/test_soak.py",  # a load, and what it does in its time shall be much
    "tests/integration/test_node_faults.py",  # how long a node's loop was held: what holds it should be ours
    "tests/integration/test_node_journal.py",
    "tests/integration/test_node_life.py",
)
TOGETHER = ("tests/compose/",)  # they build the same images: one worker, one after the other
FIRST = ("tests/compose/", "tests/browser/", "tests/integration/")  # the long ones, so that no worker ends late


def is_alone(nodeid: str) -> bool:
    return nodeid.startswith(ALONE)


def place(nodeid: str) -> int:
    """The sort key of a test: the long ones first, those that run alone last."""
    if is_alone(nodeid):
        return len(FIRST) + 1
    return next((number for number, folder in enumerate(FIRST) if nodeid.startswith(folder)), len(FIRST))


def workers() -> int:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return usable + 1


class FilesThenAlone(LoadFileScheduling):
    """xdist's distribution by files; when only files are left that must run alone, one worker is left to run them."""

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        config.option.loadscopereorder = False  # they are in order already
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(folder)), super()._split_scope(nodeid))

    def _only_alone_left(self) -> bool:
        return bool(self.workqueue) and is_alone(next(iter(self.workqueue)))

    def _may_be_given(self, node: "WorkerController") -> bool:
        """Only the first worker that is left gets a file that must run alone, and when no other has work."""
        left = next((one for one in self.nodes if not one.shutting_down), None)
        idle = not any(self._pending_of(work) for one, work in self.assigned_work.items() if one is not left)
        return not self._only_alone_left() or (node is left and idle)

    def _assign_work_unit(self, node: "WorkerController") -> None:
        if self._may_be_given(node):
            super()._assign_work_unit(node)

    def _reschedule(self, node: "WorkerController") -> None:
        if self._may_be_given(node):
            super()._reschedule(node)
        elif not node.shutting_down and not all(one.shutting_down for one in self.nodes if one is not node):
            node.shutdown()  # it does what it has

    def mark_test_complete(self, node: "WorkerController", item_index: int, duration: float = 0) -> None:
        super().mark_test_complete(node, item_index, duration)
        for other in self.nodes:  # one may wait for the end of this test
            self._reschedule(other)
