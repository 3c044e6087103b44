"""How the tests share the processor: whole files in parallel, and those that need it for themselves at the end.

`make test` starts one worker more than there are processors, because most of our tests wait for other processes. Each
file is run by one worker, so that what its tests share is there once. What measures time, or is a load itself, is
ALONE: one worker runs it when all the others have finished.
"""

import os
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

ALONE = ("tests/faults/",)
TOGETHER = ("tests/compose/",)  # builds the same images: one worker, one after the other
FIRST = ("tests/compose/", "tests/browser/", "tests/integration/")  # the longest first, so that no worker ends late


def is_alone(nodeid: str) -> bool:
    return nodeid.startswith(ALONE)


def in_order(nodeid: str) -> int:
    """The sort key of a test: the long ones first, those that run alone last, and else as they stand."""
    if is_alone(nodeid):
        return len(FIRST) + 1
    return next((place for place, folder in enumerate(FIRST) if nodeid.startswith(folder)), len(FIRST))


def workers() -> int:
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) + 1


class FilesThenAlone(LoadFileScheduling):
    """xdist's distribution by files, until only files are left that must run alone: these go to the last worker."""

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        config.option.loadscopereorder = False  # they are in order already
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(folder)), super()._split_scope(nodeid))

    def mark_test_complete(self, node: "WorkerController", item_index: int, duration: float = 0) -> None:
        super().mark_test_complete(node, item_index, duration)
        for other in self.nodes:  # the last one may have waited for this
            self._reschedule(other)

    def _others(self, node: "WorkerController") -> list["WorkerController"]:
        return [other for other in self.nodes if other is not node]

    def _only_alone_left(self) -> bool:
        return bool(self.workqueue) and is_alone(next(iter(self.workqueue)))

    def _reschedule(self, node: "WorkerController") -> None:
        if self._only_alone_left() and not node.shutting_down:
            if not all(other.shutting_down for other in self._others(node)):
                node.shutdown()  # it does what it has
                return
        super()._reschedule(node)

    def _assign_work_unit(self, node: "WorkerController") -> None:
        if self._only_alone_left() and any(self._pending_of(self.assigned_work[one]) for one in self._others(node)):
            return  # asked again when they have done it
        super()._assign_work_unit(node)
