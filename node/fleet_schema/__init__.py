"""The contract of the fleet, imported by MicroPython and CPython alike (docs/topics.md explains it)."""

SCHEMA = "1.0"


class SchemaError(ValueError):
    """A topic or payload breaks a rule of the contract: `rule` is its id, `why` one sentence."""

    def __init__(self, rule, why):
        super().__init__(rule + ": " + why)
        self.rule = rule
        self.why = why
