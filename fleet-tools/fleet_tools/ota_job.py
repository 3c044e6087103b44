"""One roll-out: which nodes, in which stages, and how far each is. Decides what is next, and keeps it in a file.

The states are those of AWS IoT jobs. What a node says of itself always counts; TIMED_OUT and CANCELED are the host's
words for a node that did not say how it ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fleet_client.credentials import write_private
from fleet_tools.errors import USAGE, FleetError
from fleet_tools.ota_image import Image

OPEN = ("QUEUED", "IN_PROGRESS")
BAD = ("FAILED", "REJECTED", "TIMED_OUT")
HOSTS_WORDS = (*OPEN, "TIMED_OUT", "CANCELED")  # a node may say otherwise
SAY_AGAIN_S = 10.0  # a node at work that says nothing is asked


@dataclass
class Row:
    """One node. `began` and `heard` are UTC in s, 0 for never."""

    node: str
    stage: int
    st: str = "QUEUED"
    err: str = ""
    began: float = 0.0
    heard: float = 0.0
    chunks: int = 0
    offered: bool = False

    @property
    def open(self) -> bool:
        return self.st in OPEN

    def end(self, state: str, why: str = "") -> None:
        self.st, self.err = state, why


@dataclass
class Job:
    """`stage` is the one that is under way. `over` says why nothing more is offered, "" as long as it goes on."""

    job: int
    version: str
    max_failures: int
    timeout_s: float
    stage: int = 0
    over: str = ""
    rows: list[Row] = field(default_factory=list)

    def row(self, node: str) -> Row | None:
        return next((row for row in self.rows if row.node == node), None)

    @property
    def done(self) -> bool:
        return not any(row.open for row in self.rows)

    @property
    def failures(self) -> int:
        return sum(row.st in BAD for row in self.rows)

    def said(self, node: str, state: str, why: str, now: float) -> bool:
        """True if that is news of a node of this job."""
        row = self.row(node)
        if row is None or row.st not in HOSTS_WORDS:
            return False
        row.heard = now
        if row.st in ("TIMED_OUT", "CANCELED") and state == "IN_PROGRESS":
            return False
        row.began = row.began or now
        news = (row.st, row.err) != (state, why)
        row.end(state, why)
        return news

    def tick(self, online: set[str], now: float) -> None:
        """Time out who takes too long, stop after too many failures, open the next stage when this one is through.

        A node that is not online holds nobody up: its offer waits for it."""
        for row in self.rows:
            if row.st == "IN_PROGRESS" and now - row.began > self.timeout_s:
                row.end("TIMED_OUT", f"not done after {self.timeout_s:.0f} s")
        if not self.over and self.failures >= self.max_failures:
            self.over = f"stopped after {self.failures} failure{'' if self.failures == 1 else 's'}"
        if self.over:
            for row in self.rows:
                if row.open:
                    row.end("CANCELED", self.over)
            return
        last = max((row.stage for row in self.rows), default=0)
        while self.stage < last and not any(self._holds_up(row, online) for row in self.rows):
            self.stage += 1

    def _holds_up(self, row: Row, online: set[str]) -> bool:
        return row.stage <= self.stage and (row.st == "IN_PROGRESS" or (row.st == "QUEUED" and row.node in online))

    def to_offer(self, now: float) -> list[Row]:
        """Those that are to be offered the job, for the first time or because they have said nothing for a while."""
        turn = [row for row in self.rows if row.open and row.stage <= self.stage]
        return [row for row in turn if not row.offered or (row.heard and now - row.heard > SAY_AGAIN_S)]


def stages(nodes: Sequence[str], online: set[str], *, at_once: bool) -> list[Row]:
    """One node, then a tenth of all, then the rest; those that are online come first."""
    ordered = sorted(nodes, key=lambda node: node not in online)
    bounds = () if at_once else (1, 1 + max(1, math.ceil(len(ordered) / 10) - 1))
    return [Row(node, sum(number >= bound for bound in bounds)) for number, node in enumerate(ordered)]


class JobFolder:
    """The files of the last job of a fleet: job.json, the program, and `abort` when somebody wants it to end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / "job.json"
        self._abort = folder / "abort"

    def begin(self, job: Job, image: Image) -> None:
        shutil.rmtree(self.folder / "image", ignore_errors=True)
        self._abort.unlink(missing_ok=True)
        image.save(self.folder / "image")
        self.save(job)

    def save(self, job: Job) -> None:
        write_private(self._file, json.dumps(asdict(job), indent=1) + "\n")

    def load(self) -> Job:
        try:
            found = json.loads(self._file.read_text())
            return Job(**{**found, "rows": [Row(**row) for row in found["rows"]]})
        except FileNotFoundError:
            raise FleetError("there was no update over the air here yet: fleet ota start begins one", USAGE) from None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise FleetError(f"{self._file} cannot be read ({error}): start a new job") from None

    @property
    def exists(self) -> bool:
        return self._file.exists()

    def image(self) -> Image:
        return Image.load(self.folder / "image")

    def ask_to_abort(self) -> None:
        self._abort.touch()

    @property
    def abort_asked(self) -> bool:
        return self._abort.exists()

    @contextlib.contextmanager
    def locked(self) -> Iterator[bool]:
        """Whether nobody else carries out the job of this folder."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True
