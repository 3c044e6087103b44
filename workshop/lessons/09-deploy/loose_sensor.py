"""The sensor of lesson 3 with a loose wire: its third reading fails, as happens to all that is alone for long."""

from fake_sensor import FakeSensor


class LooseSensor(FakeSensor):
    def __init__(self):
        super().__init__()
        self.count = 0

    def read_raw(self):
        self.count += 1
        if self.count == 3:
            raise OSError(19)
        return super().read_raw()
