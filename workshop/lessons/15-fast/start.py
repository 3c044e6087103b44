# Three sums over the same bytes, and a filter that takes no memory; race.py runs and measures them.


def add_plain(data, count):
    total = 0
    for at in range(count):
        total += data[at]
    return total


# TODO: import micropython, and put @micropython.native above this one
def add_native(data, count):
    total = 0
    for at in range(count):
        total += data[at]
    return total


# TODO: put @micropython.viper above this one, and say the types: (data: ptr8, count: int) -> int
def add_viper(data, count):
    total = 0
    for at in range(count):
        total += data[at]
    return total


def smooth(data, out):
    """Each byte of out is the mean of that byte of data and the one before it."""
    means = []  # TODO: without a new list: write each mean into out[at]
    before = data[0]
    for at in range(len(data)):
        means.append((before + data[at]) // 2)
        before = data[at]
    out[:] = bytes(means)
