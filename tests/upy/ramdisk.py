"""Flash in RAM: block devices that count, remember every change, fail when told to, and can lose power at any of them.

Both are sparse, so that a FAT16 of 2 MB fits into a heap of 2 MB; a copy shares with its parent what is not changed.
"""

import os

BLANK = b"\xff"
FILE_SYSTEMS = ("lfs2", "fat12", "fat16")
BLOCKS = {"lfs2": (64, 4096), "fat12": (512, 512), "fat16": (4400, 512)}  # from 4085 clusters on it is FAT16


class Disk:
    """A change is (block, offset, bytes), or (block, -1, b"") for the erasing of a block."""

    def __init__(self, count, size, under=None):
        self.count = count
        self.size = size
        self.log = None  # a list: every change is noted in it
        self.error = 0  # errno of every change from now on
        self.left = -1  # changes until the power goes off; then `error` is EIO
        self.shreds = False  # what lay in the second half of a torn change is lost, as where the block was erased first
        self.gone = False
        self.torn = False  # then the first half of the next one is done
        self.erased = self.programmed = 0  # blocks, bytes
        self._own = {}
        self._under = under
        self.blank = BLANK * size

    def copy(self):
        """As it is now, as long as this one is not changed."""
        return Disk(self.count, self.size, self)

    def rest(self):
        """What the power cut left, with power; this one is not to be used any more."""
        self.gone = True
        disk = Disk(self.count, self.size)
        for number in range(self.count):
            block = self.block(number)
            if block is not self.blank:
                disk._own[number] = bytes(block)
        return disk

    def block(self, number):
        disk = self
        while disk:
            if number in disk._own:
                return disk._own[number]
            disk = disk._under
        return self.blank

    def readblocks(self, number, buffer, offset=0):
        if self.gone:  # files that could not be closed are closed by the collector, which must not allocate
            return 0
        view, done = memoryview(buffer), 0
        while done < len(buffer):
            count = min(self.size - offset, len(buffer) - done)
            view[done : done + count] = memoryview(self.block(number))[offset : offset + count]
            number, offset, done = number + 1, 0, done + count

    def writeblocks(self, number, buffer, offset=0):
        if self.gone:
            return 0
        view, done = memoryview(buffer), 0
        while done < len(buffer):
            count = min(self.size - offset, len(buffer) - done)
            self._change((number, offset, bytes(view[done : done + count])))
            number, offset, done = number + 1, 0, done + count
        return -self.error

    def ioctl(self, what, block):
        if what == 4:
            return self.count
        if what == 5:
            return self.size
        if what == 6 and self.size == 4096:
            self._change((block, -1, b""))
            return -self.error
        return 0

    def _change(self, change):
        if self.error:
            return
        if self.left == 0:
            if self.torn:
                self.apply(change, True)
            self.error = 5
            return
        self.left -= 1
        if self.log is not None:
            self.log.append(change)
        self.apply(change)

    def apply(self, change, half=False):
        number, offset, data = change
        if offset < 0:
            self.erased += 1
            end = self.size // 2 if half else self.size
            self._own[number] = self.blank[:end] + self.block(number)[end:]
            return
        if half:
            data = data[: len(data) // 2] + (self.blank[: len(data) // 2] if self.shreds else b"")
        self.programmed += len(data)
        before = self.block(number)
        if self.size == 4096:  # flash: only what was erased can be programmed
            assert before[offset : offset + len(data)] == self.blank[: len(data)], "programmed without an erase"
        if not isinstance(before, bytearray) or number not in self._own:
            before = self._own[number] = bytearray(before)
        before[offset : offset + len(data)] = data


def make(kind, blocks=0):
    """An empty disk with that file system on it."""
    count, size = BLOCKS[kind]
    disk = Disk(blocks or count, size)
    _vfs(kind).mkfs(disk)
    return disk


def mount(kind, disk, where):
    os.mount(_vfs(kind)(disk), where)


def unmount(where):
    try:
        os.umount(where)
    except OSError:
        pass


def _vfs(kind):
    return os.VfsLfs2 if kind == "lfs2" else os.VfsFat
