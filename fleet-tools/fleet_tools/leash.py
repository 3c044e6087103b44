"""`python -m fleet_tools.leash PROGRAM ...` runs a program that must not outlive who started it, however that one ends.

Its standard input is a pipe into which nobody writes: when that ends, the other side is gone, and the program is asked
to end. Signals go to the group of both, so this one only has to survive them.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

LOOK_S = 0.2
PATIENCE_S = 5.0


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which the program would inherit
    try:
        program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.exit(f"{sys.argv[1]} does not start: {error.strerror}")
    while program.poll() is None:
        if select.select([0], [], [], LOOK_S)[0] and not os.read(0, 1):
            end(program)
    code = program.returncode
    if code < 0:  # a signal ended it, and our end shall say so too
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


def end(program: subprocess.Popen[bytes]) -> None:
    program.terminate()
    try:
        program.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


if __name__ == "__main__":
    main()
