"""What a board does at power-on, run by the Unix port in the sandbox: flash at /, boot.py, main.py, then the REPL.

MicroPython. Told by the files of its folder: board.json {"nonce", "life", "raw", "blocks", "cut", "id"}, flash.img,
romfs.img and rom.img, which has what is built in.
"""

import binascii
import json
import os
import sys

import vfs

RESET_EXIT = 75  # as node/sim/machine


class Flash:
    """Flash as a chip has it, in a file: what LittleFS gets. With `cut` >= 0 the power goes off at that write.

    In the last write only the first half arrives, as when a supply fails in the middle of a page. Where a cut is
    planned, the writes of this life are counted in the file `counter`.
    """

    SIZE = 4096  # of a block

    def __init__(self, file, count, cut, counter):
        self._file = file
        self._count = count
        self._cut = cut
        self._writes = 0
        self._counter = open(counter, "w") if cut >= 0 else None

    def readblocks(self, number, buffer, offset=0):
        self._file.seek(number * self.SIZE + offset)
        self._file.readinto(buffer)

    def writeblocks(self, number, buffer, offset=0):
        self._write(number * self.SIZE + offset, buffer)

    def ioctl(self, what, number):
        if what == 4:
            return self._count
        if what == 5:
            return self.SIZE
        if what == 6:
            self._write(number * self.SIZE, b"\xff" * self.SIZE)
        return 0

    def _write(self, place, data):
        self._file.seek(place)
        if self._cut == 0:
            self._file.write(memoryview(data)[: len(data) // 2])
            self._file.flush()
            os.system("kill -9 $PPID")
            while True:
                pass
        self._cut -= 1
        self._file.write(data)
        self._file.flush()
        if self._counter:
            self._writes += 1
            self._counter.seek(0)
            self._counter.write(str(self._writes))
            self._counter.flush()


class Vfs:
    """The module `vfs` with what this port leaves out: a ROMFS partition, as mpremote asks for it by vfs.rom_ioctl."""

    SIZE = 8 * 4096

    def __init__(self, module, file):
        self._module = module  # the global of this name becomes whatever a program at the REPL imports
        self._file = file
        self._rom = bytearray(self.SIZE)
        file.readinto(self._rom)

    def __getattr__(self, name):
        return getattr(self._module, name)

    def mount_rom(self):
        try:
            self.mount(self.VfsRom(memoryview(self._rom)), "/rom")
        except OSError:  # nothing was deployed
            return []
        return ["/rom", "/rom/lib"]

    def rom_ioctl(self, what, number=0, *more):
        if what == 1:
            return 1  # partitions
        if number != 0:
            return -22
        if what == 2:
            return self._rom
        if what == 3:  # erase; the answer is the least that can be written
            at, length = more if len(more) == 2 else (0, more[0])
            self._put(at, b"\xff" * length)
            return 4
        if what == 4:
            self._put(*more)
        return 4096 if what == 6 else 0

    def _put(self, at, data):
        self._rom[at : at + len(data)] = data
        self._file.seek(at)
        self._file.write(data)
        self._file.flush()


def power_on():
    with open("/board/board.json") as file:
        board = json.load(file)
    with open("/board/rom.img", "rb") as file:
        rom = file.read()
    flash = Flash(open("/board/flash.img", "r+b"), board["blocks"], board["cut"], "/board/writes.%d" % board["life"])
    romfs = open("/board/romfs.img", "r+b")
    vfs.umount("/")  # of this machine nothing is left that has a name
    try:
        disk = vfs.VfsLfs2(flash)
    except OSError:
        vfs.VfsLfs2.mkfs(flash)
        disk = vfs.VfsLfs2(flash)
    vfs.mount(disk, "/")
    load(rom)
    module = sys.modules["vfs"] = Vfs(vfs, romfs)
    os.chdir("/")
    sys.path[:] = ["", ".frozen", "/lib"] + module.mount_rom()  # noqa: RUF005  # MicroPython
    sys.argv[:] = []
    import machine  # it is built in

    machine.unique_id = lambda: binascii.unhexlify(board["id"])
    return board


def load(rom):
    """The modules of the image, as if they were built in: no file of them can be seen, let alone removed."""
    vfs.mount(vfs.VfsRom(memoryview(rom)), "/rom")
    sys.path[:] = ["/rom", ".frozen"]
    for folder in ("", "machine", "devices"):
        for name in os.listdir("/rom/" + folder):
            if name.endswith(".py") and name != "__init__.py":
                name = name[:-3]
                __import__(folder + "." + name if folder else name)
    vfs.umount("/rom")


def run(name):
    """A file of the flash, as a board runs it: what it raises is printed, and the REPL comes all the same."""
    try:
        with open(name) as file:
            program = compile(file.read(), name, "exec")
    except OSError:
        return
    except SyntaxError as error:
        sys.print_exception(error)
        return
    try:
        exec(program, {"__name__": "__main__"})
    except SystemExit as error:
        if error.args[:1] == (RESET_EXIT,):
            os.unsetenv("MICROPYINSPECT")  # a chip that resets comes to no REPL
            raise
        sys.print_exception(error)
    except KeyboardInterrupt as error:
        sys.print_exception(error)
    except Exception as error:
        sys.print_exception(error)


os.putenv("MICROPYINSPECT", "1")  # the REPL comes when this file is through
_board = power_on()
print("\x06" + _board["nonce"] + " ".join(sorted(set(os.listdir("/")))) + "\x06")
run("boot.py")
if not _board["raw"]:
    run("main.py")
