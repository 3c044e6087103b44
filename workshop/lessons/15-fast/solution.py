# Three sums over the same bytes, and a filter that takes no memory; race.py runs and measures them.
import micropython


def add_plain(data, count):
    total = 0
    for at in range(count):
        total += data[at]
    return total


@micropython.native
def add_native(data, count):
    total = 0
    for at in range(count):
        total += data[at]
    return total


@micropython.viper
def add_viper(data: ptr8, count: int) -> int:
    total = 0
    for at in range(count):
        total += data[at]
    return total


def smooth(data, out):
    """Each byte of out is the mean of that byte of data and the one before it."""
    before = data[0]
    for at in range(len(data)):
        out[at] = (before + data[at]) // 2
        before = data[at]
