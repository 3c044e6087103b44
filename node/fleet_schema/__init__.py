"""The contract of the fleet, imported by MicroPython and CPython alike (docs/topics.md explains it)."""

SCHEMA = "1.4"


class SchemaError(ValueError):
    """A topic or payload breaks a rule of the contract: `rule` is its id, `why` one sentence.

    `id` is that of a command which was refused for its arguments, so that the ack can name it; else None.
    """

    def __init__(self, rule, why):
        super().__init__(rule + ": " + why)
        self.rule = rule
        self.why = why
        self.id = None


def require(condition, rule, why):
    if not condition:
        raise SchemaError(rule, why)
