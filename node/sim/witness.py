"""What a test that asks what became of every reading compares with."""


class Witness:
    """Writes every reading to a file as it is taken, for tests that ask what became of it: one JSON object a line."""

    def __init__(self, path):
        self._file = open(path, "ab")

    def __call__(self, kind, name, payload):
        self._file.write(b'{"kind":"%s","name":"%s",%s\n' % (kind.encode(), name.encode(), payload[1:]))
