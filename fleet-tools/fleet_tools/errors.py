"""How a verb ends: the exit codes, and the error that carries one."""

OK = 0
ERROR = 1
USAGE = 2
SOME_FAILED = 3
NOBODY_ANSWERED = 4
NO_BROKER = 5
INTERRUPTED = 130


class FleetError(Exception):
    """One sentence with the fix, printed without a traceback."""

    def __init__(self, sentence: str, code: int = ERROR) -> None:
        super().__init__(sentence)
        self.code = code
