"""`python -m support.killed STEP ARGS...` is `fleet ARGS` that kills itself, as kill -9 does, before its STEP-th step.

A step is what lasts: a file that takes its place or goes, a message to the broker, and the moment after that message.
"""

import os
import signal
import sys
from typing import Any

from fleet_client.connection import Connection
from fleet_tools import cli

LASTING = ("os.rename", "os.remove", "os.rmdir")  # what a program asks of the file system that cannot be undone


class Steps:
    def __init__(self, last: int) -> None:
        self._left = last

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(self, event: str, _arguments: object) -> None:
        if event in LASTING:
            self.step()


def main() -> int:
    sys.dont_write_bytecode = True  # what an import writes is no step
    steps = Steps(int(sys.argv[1]))
    sys.addaudithook(steps.audit)
    publish = Connection.publish

    async def counted(self: Connection, *arguments: Any) -> None:
        steps.step()
        await publish(self, *arguments)
        steps.step()

    Connection.publish = counted  # type: ignore[method-assign]
    return cli.run(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
