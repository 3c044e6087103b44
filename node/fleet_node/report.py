"""Says what happens: to the person at the console, and as log messages. Owns the count of our own errors."""

import io
import sys


class Report:
    """`put(kind, name, fields)` takes the log messages; without a link they are only printed."""

    def __init__(self, node, put):
        self.errors = 0
        self._node = node
        self._put = put

    def said(self, text):
        """One line for the console."""
        print(self._node + ": " + text)

    def warn(self, text):
        """Something a teacher should know."""
        self.said(text)
        self._put("log", "warning", {"msg": shown(text, 200)})

    def fault(self, where, error):
        """Something of ours broke. This never raises, or the task that failed would not be started again."""
        self.errors += 1
        try:
            self._tell(where, error)
        except MemoryError:
            print("out of memory")

    def _tell(self, where, error):
        trace = io.StringIO()
        sys.print_exception(error, trace)
        trace = trace.getvalue()
        print(trace)
        text = where + ": " + type(error).__name__ + ": " + str(error)
        self._put("log", "error", {"msg": shown(text, 120), "tb": shown(trace[-240:], 240, "\n")})


def shown(text, most, controls=""):
    """At most `most` ASCII characters that a terminal can show; also from bytes."""
    if isinstance(text, bytes):
        text = "".join([chr(byte) for byte in text])
    return "".join([char if " " <= char <= "~" or char in controls else "?" for char in text[:most]])
