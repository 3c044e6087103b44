"""A small pytest for boards: each function test_... is called, and has failed if it raises an error."""

import io
import sys


def run(names):
    tests = sorted(name for name in names if name.startswith("test_"))
    failed = 0
    for name in tests:
        try:
            names[name]()
            print("ok", name)
        except Exception as error:
            failed += 1
            text = io.StringIO()
            sys.print_exception(error, text)
            *_, place, what = text.getvalue().strip().split("\n")
            print("FAIL %s: %s in %s" % (name, what.strip(": "), place.split(", ")[1]))
    print("%d tests, %d failed" % (len(tests), failed))
