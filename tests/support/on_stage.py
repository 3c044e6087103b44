"""Many nodes in a process of its own, so that they do not share a processor's time with the test that looks at them."""

import json
import subprocess
import sys
import threading
from types import TracebackType
from typing import Self

from support import tiers

PATIENCE_S = 90


class OnStage:
    """`python -m MODULE ...` prints {"on": "stage"} when everybody has said hello; then the block begins."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._module, self._arguments = module, arguments

    def __enter__(self) -> Self:
        paths = ":".join(str(tiers.ROOT / part) for part in ("node", "tests"))
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module, *self._arguments],
            env={"PYTHONPATH": paths, "PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            text=True,
        )
        killer = threading.Timer(PATIENCE_S, self._process.kill)
        killer.start()
        assert self._process.stdout is not None
        hello = self._process.stdout.readline()
        killer.cancel()
        late = f"{self._module} did not come within {PATIENCE_S} s; it said {hello!r}"
        assert json.loads(hello or "{}") == {"on": "stage"}, late
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
