"""Runs the test functions of one file on MicroPython: micropython upy_runner.py FILE NAME...

Prints `ok NAME` or `FAIL NAME` with the traceback; tests may be plain or async functions.
"""

import asyncio
import sys

path = sys.argv[1]
tests = path.rsplit("/", 2)[0]
root = tests.rsplit("/", 1)[0]
sys.path[0:0] = [root + "/node", root + "/node/sim", root + "/node/lib", path.rsplit("/", 1)[0]]
module = __import__(path.rsplit("/", 1)[1][:-3])
failed = 0
for name in sys.argv[2:]:
    try:
        asyncio.new_event_loop()
        result = getattr(module, name)()
        if hasattr(result, "send"):
            asyncio.run(result)
        print("ok", name)
    except Exception as error:
        failed = 1
        print("FAIL", name)
        sys.print_exception(error, sys.stdout)
sys.exit(failed)
